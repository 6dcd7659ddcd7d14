"""Identities that accept another subject, once: a provider that was rebuilt, by the operator's word."""

from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.accounts import linking, rebinding
from identity_api.accounts.provisioning import Declined, Provisioned, VerifiedPerson
from identity_api.accounts.rebinding import Rebound
from identity_api.claims import Profile
from identity_api.db import login_ends
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.errors import Conflict, NotFound
from identity_api.ids import token_hash
from identity_api.lifecycle.end_login import end_logins
from identity_api.permissions.delegation import Actor
from tests import factories as make
from tests.accounts.local_world import LocalWorld, make_local_world

pytestmark = pytest.mark.asyncio
ANCHOR = "ada@acme.example"


@pytest_asyncio.fixture
async def world(database: Database) -> LocalWorld:
    return await make_local_world(database)


@pytest.fixture
def operator(world: LocalWorld) -> Actor:
    return Actor(world.tenant.id, None, "operator:root", frozenset())


@pytest_asyncio.fixture
async def provider(world: LocalWorld) -> Provider:
    async with world.database.transaction() as connection:
        return await make.make_provider(connection, world.tenant.id, provisioning="JIT", claims={"anchor": ["email"]})


async def arrive(
    world: LocalWorld, provider: Provider, subject: str, *, anchor: str = ANCHOR, verified: bool = True
) -> Provisioned | Declined:
    """Somebody signs in."""
    profile = Profile(anchor, None, "Ada", anchor, verified)
    person = VerifiedPerson(issuer=provider.issuer, subject=subject, profile=profile)
    async with world.database.transaction() as connection:
        return await make.provision(connection, provider, person, actor="system")


async def known(world: LocalWorld, provider: Provider, subject: str = "s-1", *, anchor: str = ANCHOR) -> Provisioned:
    found = await arrive(world, provider, subject, anchor=anchor)
    assert isinstance(found, Provisioned)
    return found


async def state(world: LocalWorld, identity_id: UUID) -> tuple[str, str | None, str | None]:
    async with world.database.reading() as connection:
        row = await connection.fetchrow("select state, state_reason, subject from identity where id = $1", identity_id)
    return tuple(row)


async def test_a_rebound_identity_takes_the_next_subject_under_its_anchor_and_no_other(
    world: LocalWorld, operator: Actor, provider: Provider
) -> None:
    ada = await known(world, provider)
    assert isinstance(await arrive(world, provider, "s-2"), Declined)
    assert await rebinding.rebind_identity(world.database, operator, ada.identity_id) == ada.user_id
    assert await state(world, ada.identity_id) == ("REVOKED", "rebound", None)
    assert await arrive(world, provider, "s-2") == Provisioned(ada.user_id, ada.identity_id, is_new=False)
    for stranger in ("s-1", "s-3"):
        refused = await arrive(world, provider, stranger)
        assert isinstance(refused, Declined)
        assert refused.code == "SUBJECT_CHANGED"
    [event] = await world.events("identity.rebound")
    assert (event["user"], event["subject_hash"]) == (str(ada.user_id), token_hash("s-1").hex())


async def test_what_makes_an_address_count_holds_for_the_next_subject_too(
    world: LocalWorld, operator: Actor, provider: Provider
) -> None:
    ada = await known(world, provider)
    await rebinding.rebind_identity(world.database, operator, ada.identity_id)
    assert await arrive(world, provider, "s-2", verified=False) == Declined("EMAIL_NOT_VERIFIED")
    assert isinstance(await arrive(world, provider, "s-2"), Provisioned)


async def test_old_logins_and_then_every_older_way_in_end(
    world: LocalWorld, operator: Actor, provider: Provider
) -> None:
    """The person of the next subject brings an account of their own; what led into this one before may be another's."""
    ada = await known(world, provider)
    async with world.database.transaction() as connection:
        await connection.execute("update app_user set password_hash = 'x' where id = $1", ada.user_id)
    await rebinding.rebind_identity(world.database, operator, ada.identity_id)
    assert isinstance(await arrive(world, provider, "s-2"), Provisioned)
    async with world.database.reading() as connection:
        assert await connection.fetchval("select password_hash from app_user where id = $1", ada.user_id) is None


async def test_a_quarantined_identity_can_be_rebound(world: LocalWorld, operator: Actor, provider: Provider) -> None:
    ada = await known(world, provider)
    async with world.database.transaction() as connection:
        await end_logins(connection, world.tenant.id, [ada.identity_id], reason="subject_changed", actor="sync")
        assert await login_ends.users_of(connection, world.tenant.id, [ada.identity_id]) == [ada.user_id]
    await rebinding.rebind_identity(world.database, operator, ada.identity_id)
    assert isinstance(await arrive(world, provider, "s-2"), Provisioned)


async def test_what_cannot_be_rebound_is_said(world: LocalWorld, operator: Actor, provider: Provider) -> None:
    by_subject = await known(world, provider, "sub", anchor="sub")
    with pytest.raises(Conflict) as caught:
        await rebinding.rebind_identity(world.database, operator, by_subject.identity_id)
    assert caught.value.code == "ANCHOR_IS_SUBJECT"
    user_id = await world.make_user("grace", password=None)
    waiting = await linking.link_identity(world.database, operator, user_id, provider.id, "grace@acme.example")
    with pytest.raises(Conflict) as caught:
        await rebinding.rebind_identity(world.database, operator, waiting.identity_id)
    assert caught.value.code == "IDENTITY_WAITS"
    with pytest.raises(NotFound):
        await rebinding.rebind_identity(world.database, operator, user_id)


async def test_a_whole_provider_is_rebound_after_a_count_that_changes_nothing(
    world: LocalWorld, operator: Actor, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In chunks, so that an interrupted run is gone on with by another."""
    monkeypatch.setattr(rebinding, "CHUNK", 2)
    people = [await known(world, provider, f"s-{n}", anchor=f"p{n}@acme.example") for n in range(5)]
    by_subject = await known(world, provider, "sub", anchor="sub")
    elsewhere = await known(world, provider, "s-x", anchor="x@acme.example")
    async with world.database.transaction() as connection:
        await connection.execute(
            "update identity set issuer = 'https://old.example' where id = $1", elsewhere.identity_id
        )
    counted = await rebinding.rebind_provider(world.database, operator, provider, dry_run=True)
    assert counted == Rebound(6, 0, 1)
    assert (await state(world, people[0].identity_id))[2] == "s-0"
    some = await rebinding.rebind_provider(world.database, operator, provider, issuer=provider.issuer)
    assert some == Rebound(5, 0, 1)
    assert [(await state(world, one.identity_id))[2] for one in people] == [None] * 5
    assert (await state(world, elsewhere.identity_id))[2] == "s-x"
    assert (await state(world, by_subject.identity_id))[2] == "sub"
    rest = await rebinding.rebind_provider(world.database, operator, provider)
    assert rest == Rebound(1, 5, 1)
    assert len(await world.events("identity.rebound")) == 6
    for number, person in enumerate(people):
        again = await arrive(world, provider, f"new-{number}", anchor=f"p{number}@acme.example")
        assert again == Provisioned(person.user_id, person.identity_id, is_new=False)


async def test_nobody_of_another_tenant_is_rebound(
    world: LocalWorld, operator: Actor, provider: Provider, database: Database
) -> None:
    other = await make_local_world(database)
    ada = await known(world, provider)
    stranger = Actor(other.tenant.id, None, "operator:root", frozenset())
    with pytest.raises(NotFound):
        await rebinding.rebind_identity(database, stranger, ada.identity_id)
    assert await rebinding.rebind_provider(database, stranger, provider) == Rebound(0, 0, 0)
    assert (await state(world, ada.identity_id))[2] == "s-1"
