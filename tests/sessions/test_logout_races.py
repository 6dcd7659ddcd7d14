"""A logout token against a sync that is under way: F36. The token wins, whatever the order; nothing comes back.

`tests.sync.test_races` plays two syncs against the end of a login; here it is the whole use case, from the signed token
on, put between any two steps of a sync, or at the same time as one.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from identity_api.clock import system_clock
from identity_api.db.database import Database
from identity_api.sessions.login.deps import LoginDeps
from identity_api.sessions.logout.backchannel import use_logout_token
from identity_api.upstream.keys import provider_documents
from tests.openid_provider import RunningProvider
from tests.sync.steps import STEPS, SteppedSync
from tests.sync.world import Person, World, make_upstream, make_vault, make_world

pytestmark = pytest.mark.asyncio

ORDERS = 500 if os.environ.get("LONG_TESTS") else 60


@pytest_asyncio.fixture
async def world(database: Database) -> AsyncIterator[World]:
    with RunningProvider() as issuer:
        upstream = make_upstream(issuer)
        yield await make_world(database, make_vault(), upstream, issuer)
        await upstream.aclose()


@pytest_asyncio.fixture
async def deps(world: World) -> AsyncIterator[LoginDeps]:
    documents = provider_documents(world.deps.upstream, monotonic=time.monotonic)
    yield LoginDeps(
        database=world.database,
        vault=world.vault,
        upstream=world.deps.upstream,
        documents=documents,
        clock=system_clock,
        public_url="https://id.example",
    )
    await documents.aclose()


async def log_out(world: World, deps: LoginDeps, person: Person) -> None:
    token = world.issuer.logout_token(person.username)
    assert await use_logout_token(deps, world.provider, "acme", token) == "ended"


async def play(world: World, deps: LoginDeps, number: int) -> None:
    """One sync of a person, and their logout before, between or after its steps, or together with one of them."""
    username = f"leaver-{uuid4().hex}"
    world.issuer.add_person(username, ["engineering"])
    person = await world.sign_in(username)
    sync = SteppedSync(world, person)
    at, is_together = number // 2 % (len(STEPS) + 1), bool(number % 2)
    for place, step in enumerate(STEPS):
        if place == at:
            logout = log_out(world, deps, person)
            if is_together:
                await asyncio.gather(logout, sync.run(step))
                continue
            await logout
        await sync.run(step)
    if at == len(STEPS):
        await log_out(world, deps, person)
    assert await world.state(person) == ("REVOKED", "logout_token"), (at, is_together)
    assert await world.permissions(person) == frozenset()
    assert await world.session_is_over(person) == "logout_token"
    assert (await world.token(person))["sealed"] is None
    assert (await world.sync_row(person))["due_at"] is None


async def test_f36_no_sync_brings_back_what_a_logout_token_ended(world: World, deps: LoginDeps) -> None:
    numbers = list(range(ORDERS))
    while numbers:
        batch, numbers = numbers[:8], numbers[8:]
        await asyncio.gather(*[play(world, deps, number) for number in batch])


async def test_without_a_logout_token_the_same_sync_keeps_everything(world: World) -> None:
    """The other side of the test above."""
    person = await world.sign_in("alice")
    assert (await SteppedSync(world, person).run()).result == "ok"
    assert await world.state(person) == ("FRESH", None)
    assert await world.session_is_over(person) is None
    assert await world.permissions(person) == {"docs:write"}
