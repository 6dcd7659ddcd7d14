"""Rotated tokens that come at the same moment are stored together, and none of them holds up the others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from identity_api.db.database import Connection, Database
from identity_api.db.refresh_tokens import Landing
from identity_api.errors import Overloaded
from identity_api.sync.landings import Landings
from tests.sync.conftest import MakeWorld
from tests.sync.world import Person, World

NAMES = ("alice", "bob", "carol", "dora")


class Watched:
    """A database that says how often it was asked for a connection, and may refuse one."""

    def __init__(self, database: Database, refuse: Callable[[int], Exception | None] = lambda time: None) -> None:
        self.asked, self.is_distributed = 0, False
        self._database, self._refuse = database, refuse

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        self.asked += 1
        error = self._refuse(self.asked)
        if error is not None:
            raise error
        async with self._database.reading() as connection:
            yield connection


async def landing_of(world: World, person: Person) -> Landing:
    """A successor of the person's stored token."""
    row = await world.token(person)
    return Landing(
        tenant_id=world.tenant_id,
        token_id=row["id"],
        presented_hash=row["hash"],
        hash=b"new" + row["hash"][:29],
        sealed=row["sealed"],
        generation=(await world.sync_row(person))["generation"],
        uncertain=False,
    )


async def stored_of(world: World, landings: list[Landing]) -> list[bool]:
    rows = [await world.row("select hash from refresh_token where id = $1", one.token_id) for one in landings]
    return [row["hash"] == one.hash for row, one in zip(rows, landings, strict=True)]


async def all_of(world: World) -> list[Landing]:
    return [await landing_of(world, await world.sign_in(name)) for name in NAMES]


def storing(database: Any, landings: list[Landing]) -> Awaitable[list[bool]]:
    group = Landings(database)
    return asyncio.gather(*[group.store(one) for one in landings])


@pytest.mark.asyncio
async def test_what_comes_at_the_same_moment_is_stored_with_one_statement(world: World) -> None:
    landings, watched = await all_of(world), Watched(world.database)
    assert await storing(watched, landings) == [True] * 4
    assert watched.asked == 1
    assert await stored_of(world, landings) == [True] * 4


@pytest.mark.asyncio
async def test_where_a_statement_is_of_one_tenant_each_has_its_own(new_world: MakeWorld) -> None:
    worlds = [await new_world(), await new_world()]
    landings = [one for world in worlds for one in await all_of(world)]
    watched = Watched(worlds[0].database)
    watched.is_distributed = True
    assert await storing(watched, landings) == [True] * 8
    assert watched.asked == 2
    assert await stored_of(worlds[0], landings) == [True] * 8


@pytest.mark.asyncio
async def test_a_token_that_is_another_by_now_is_dropped_and_the_others_are_stored(world: World) -> None:
    landings = await all_of(world)
    await world.write("update refresh_token set hash = '\\x01' where id = $1", landings[1].token_id)
    assert await storing(world.database, landings) == [True, False, True, True]
    assert await stored_of(world, landings) == [True, False, True, True]


@pytest.mark.asyncio
async def test_one_that_is_stored_already_counts_as_stored(world: World) -> None:
    """As after a commit whose answer was lost."""
    landings = await all_of(world)
    assert await storing(world.database, landings) == [True] * 4
    assert await storing(world.database, landings) == [True] * 4


@pytest.mark.asyncio
async def test_a_group_that_cannot_be_written_is_written_one_by_one(world: World) -> None:
    landings = await all_of(world)
    watched = Watched(world.database, lambda time: Overloaded() if time == 1 else None)
    assert await storing(watched, landings) == [True] * 4
    assert watched.asked == 5
    assert await stored_of(world, landings) == [True] * 4


@pytest.mark.asyncio
async def test_a_landing_whose_worker_is_gone_is_not_tried_again(world: World) -> None:
    """Its lease runs out, and another worker may present the token: a late word of this one must not come between."""
    landings, refused = await all_of(world), asyncio.Event()

    def refuse(time: int) -> Exception | None:
        refused.set()
        return None if time > 1 else Overloaded()

    watched: Any = Watched(world.database, refuse)
    storing_one = asyncio.create_task(Landings(watched).store(landings[0]))
    await refused.wait()
    storing_one.cancel()
    await asyncio.wait([storing_one])
    assert await storing(world.database, landings[1:]) == [True] * 3
    assert await stored_of(world, landings) == [False, True, True, True]


@pytest.mark.asyncio
async def test_the_attempts_of_a_group_are_resolved_with_their_tokens(world: World) -> None:
    people = [await world.sign_in(name) for name in NAMES]
    for person in people:
        await world.write("update identity_sync set attempt_hash = '\\x01' where id = $1", person.identity_id)
    landings = [await landing_of(world, person) for person in people]
    await storing(world.database, landings)
    assert [(await world.sync_row(person))["attempt_hash"] for person in people] == [None] * 4
