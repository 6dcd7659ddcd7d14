"""Identities that admins enter, release and take away (S3-22)."""

from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.accounts import linking
from identity_api.accounts.linking import Linked
from identity_api.accounts.provisioning import Declined, Provisioned, VerifiedPerson
from identity_api.claims import Profile
from identity_api.db import grants, user_read_model
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, Conflict, IdentityAPIError, NotFound, Refused
from identity_api.lifecycle.end_login import end_logins
from identity_api.permissions.service import USERS_READ
from tests import factories as make
from tests.accounts.local_world import LocalWorld, make_local_world


@pytest_asyncio.fixture
async def world(database: Database) -> LocalWorld:
    return await make_local_world(database)


@pytest_asyncio.fixture
async def ada(world: LocalWorld) -> UUID:
    return await world.make_user("ada", password=None)


@pytest_asyncio.fixture
async def admin(world: LocalWorld) -> UUID:
    return await world.make_user("admin")


async def provider_of(world: LocalWorld, **settings: str) -> Provider:
    async with world.database.transaction() as connection:
        return await make.make_provider(connection, world.tenant.id, **{"provisioning": "LINKED_ONLY", **settings})


@pytest_asyncio.fixture
async def provider(world: LocalWorld) -> Provider:
    return await provider_of(world)


async def arrive(world: LocalWorld, provider: Provider, anchor: str, subject: str = "s-1") -> Provisioned | Declined:
    """Somebody signs in."""
    profile = Profile(anchor, None, "Ada", None, None)
    person = VerifiedPerson(issuer=provider.issuer, subject=subject, profile=profile)
    async with world.database.transaction() as connection:
        return await make.provision(connection, provider, person, actor="system")


async def give(world: LocalWorld, user_id: UUID, name: str, by: str = "operator:root") -> UUID:
    async with world.database.transaction() as connection:
        permission = await make.make_permission(connection, world.tenant.id, name, delegable=False)
        await grants.open_manual_grant(connection, world.tenant.id, user_id, permission, by)
        await user_read_model.refresh(connection, world.tenant.id, [user_id])
    return permission


async def link(world: LocalWorld, by: UUID, user: UUID, provider: Provider, anchor: str, *held: str) -> Linked:
    return await linking.link_identity(world.database, world.admin(by, *held), user, provider.id, anchor)


@pytest.mark.asyncio
async def test_an_entered_identity_is_its_persons_with_the_first_login(
    world: LocalWorld, admin: UUID, ada: UUID, provider: Provider
) -> None:
    """LINKED_ONLY: nobody else gets in."""
    assert await arrive(world, provider, "ada@acme") == Declined("ACCOUNT_NOT_FOUND", "linked_only")
    linked = await link(world, admin, ada, provider, "ada@acme")
    assert linked.closed == ()
    assert await arrive(world, provider, "ADA@acme") == Declined("ACCOUNT_NOT_FOUND", "linked_only")
    assert await arrive(world, provider, "ada@acme") == Provisioned(ada, linked.identity_id, is_new=False)
    other = await arrive(world, provider, "ada@acme", "s-2")
    assert isinstance(other, Declined)
    assert other.code == "SUBJECT_CHANGED"
    [event] = await world.events("identity.linked")
    assert (event["user"], event["how"]) == (str(ada), "entered")
    assert "ada@acme" not in str(event)
    [bound] = await world.events("identity.subject_bound")
    assert bound["provider"] == str(provider.id)


@pytest.mark.asyncio
@pytest.mark.parametrize("anchor", ["", " ada", "ada ", "a" * 513, "a\0b", "a\ud800b"])
async def test_an_anchor_that_no_provider_can_mean_is_refused(
    world: LocalWorld, admin: UUID, ada: UUID, provider: Provider, anchor: str
) -> None:
    with pytest.raises(BadInput) as caught:
        await link(world, admin, ada, provider, anchor)
    assert caught.value.field == "anchor"
    assert (await link(world, admin, ada, provider, "a" * 512)).closed == ()


@pytest.mark.asyncio
async def test_one_anchor_is_one_persons(world: LocalWorld, admin: UUID, ada: UUID, provider: Provider) -> None:
    bob = await world.make_user("bob", password=None)
    await link(world, admin, ada, provider, "shared")
    with pytest.raises(Conflict) as caught:
        await link(world, admin, bob, provider, "shared")
    assert caught.value.code == "IDENTITY_EXISTS"
    assert (await link(world, admin, bob, await provider_of(world), "shared")).closed == ()


@pytest.mark.asyncio
async def test_entering_an_identity_is_handing_the_account_over(
    world: LocalWorld, admin: UUID, ada: UUID, provider: Provider
) -> None:
    """I8: whoever enters it may control the anchor."""
    await give(world, ada, USERS_READ)
    with pytest.raises(Refused) as caught:
        await link(world, admin, ada, provider, "ada@acme")
    assert caught.value.code == "FORBIDDEN"
    with pytest.raises(Refused) as caught:
        await link(world, admin, admin, provider, "admin@acme", USERS_READ)
    assert caught.value.code == "SELF_BENEFIT"
    assert (await link(world, admin, ada, provider, "ada@acme", USERS_READ)).closed == ()


@pytest.mark.asyncio
async def test_what_a_strict_provider_closes_is_said_before_it_is_done(
    world: LocalWorld, admin: UUID, ada: UUID
) -> None:
    """All but what the operator gave of this service's own rights."""
    strict = await provider_of(world, sync_mode="STRICT")
    await give(world, ada, "docs:read")
    await give(world, ada, USERS_READ)
    held = ("docs:read", USERS_READ)
    with pytest.raises(Refused) as caught:
        await link(world, admin, ada, strict, "ada@acme", *held)
    assert (caught.value.code, "docs:read" in caught.value.message) == ("CLOSES_GRANTS", True)
    assert USERS_READ not in caught.value.message
    still = "select count(*) from permission_grant where user_id = $1 and revoked_at is null"
    assert await world.fetchval(still, ada) == 2
    assert await world.fetchval("select count(*) from identity where user_id = $1", ada) == 0
    linked = await linking.link_identity(
        world.database, world.admin(admin, *held), ada, strict.id, "ada@acme", accepts_closing=True
    )
    assert linked.closed == ("docs:read",)
    assert await world.fetchval(still, ada) == 1
    [closed] = await world.events("grant.closed")
    assert closed["reason"] == "STRICT_PROVIDER"
    assert (await link(world, admin, ada, await provider_of(world), "ada@acme", *held)).closed == ()


async def signed_in(world: LocalWorld, user_id: UUID, provider: Provider) -> UUID:
    """An identity with a group that gives a permission."""
    async with world.database.transaction() as connection:
        identity = await make.make_identity(connection, provider, user_id, subject="ada@acme")
        await make.sign_in(connection, provider, identity, ["engineering"])
        permission = await make.make_permission(connection, world.tenant.id, "docs:write")
        await make.make_mapping(connection, world.tenant.id, "engineering", [permission])
        await make.sign_in(connection, provider, identity, ["engineering"])
    return identity


@pytest.mark.asyncio
async def test_an_identity_that_is_taken_away_leaves_nothing_of_it(
    world: LocalWorld, admin: UUID, ada: UUID, provider: Provider
) -> None:
    identity = await signed_in(world, ada, provider)
    assert await linking.unlink_identity(world.database, world.admin(admin), identity) == ada
    async with world.database.reading() as connection:
        [user] = (await user_read_model.users_by_id(connection, world.tenant.id, [ada])).users
        assert await grants.effective(connection, world.tenant.id, ada) == frozenset()
    assert (user.facts.identities, user.facts.groups, user.facts.grants) == ((), (), ())
    kept = await world.fetchval(
        "select anchor || coalesce(subject, '-') || claims::text from identity where id = $1", identity
    )
    assert "ada@acme" not in kept
    [closed] = await world.events("grant.closed")
    assert closed["reason"] == "ADMIN"
    assert {"identity", "mapping", "group"} <= closed.keys(), "the audit names what it came from"
    assert await arrive(world, provider, "ada@acme", "ada@acme") == Declined("ACCOUNT_NOT_FOUND", "linked_only")
    # Not even somebody whom the provider calls by what is left in the row.
    left = await world.fetchval("select anchor from identity where id = $1", identity)
    assert await arrive(world, provider, left) == Declined("ACCOUNT_NOT_FOUND", "linked_only")
    with pytest.raises(NotFound):
        await linking.unlink_identity(world.database, world.admin(admin), identity)


@pytest.mark.asyncio
async def test_it_can_be_entered_for_somebody_else_afterwards(
    world: LocalWorld, admin: UUID, ada: UUID, provider: Provider
) -> None:
    bob = await world.make_user("bob", password=None)
    identity = await signed_in(world, ada, provider)
    await linking.unlink_identity(world.database, world.admin(admin), identity)
    linked = await link(world, admin, bob, provider, "ada@acme")
    assert await arrive(world, provider, "ada@acme", "ada@acme") == Provisioned(bob, linked.identity_id, is_new=False)


@pytest.mark.asyncio
async def test_nobody_takes_their_own_way_in(world: LocalWorld, admin: UUID, provider: Provider) -> None:
    identity = await signed_in(world, admin, provider)
    with pytest.raises(Refused) as caught:
        await linking.unlink_identity(world.database, world.admin(admin), identity)
    assert caught.value.code == "SELF_UNLINK"
    assert await linking.unlink_identity(world.database, world.operator, identity) == admin


@pytest.mark.asyncio
async def test_a_release_lets_in_whom_the_identity_has_always_meant(
    world: LocalWorld, admin: UUID, ada: UUID, provider: Provider
) -> None:
    identity = await signed_in(world, ada, provider)
    with pytest.raises(Conflict) as caught:
        await linking.release_identity(world.database, world.admin(admin, "docs:write"), identity)
    assert caught.value.code == "NOT_QUARANTINED"
    async with world.database.transaction() as connection:
        await end_logins(connection, world.tenant.id, [identity], reason="subject_changed", actor="system")
    held = await arrive(world, provider, "ada@acme", "ada@acme")
    assert isinstance(held, Declined)
    with pytest.raises(Refused) as refused:
        await linking.release_identity(world.database, world.actor(ada, "docs:write"), identity)
    assert refused.value.code == "SELF_BENEFIT"
    assert await linking.release_identity(world.database, world.admin(admin, "docs:write"), identity) == ada
    assert isinstance(await arrive(world, provider, "ada@acme", "ada@acme"), Provisioned)
    other = await arrive(world, provider, "ada@acme", "another")
    assert isinstance(other, Declined)
    assert other.code == "SUBJECT_CHANGED"


@pytest.mark.asyncio
async def test_identities_of_another_tenant_are_none(
    world: LocalWorld, admin: UUID, ada: UUID, provider: Provider, database: Database
) -> None:
    """I2."""
    other = await make_local_world(database)
    theirs = await provider_of(other)
    bob = await other.make_user("bob", password=None)
    identity = await signed_in(other, bob, theirs)
    actor = world.admin(admin)
    attempts = (
        lambda: linking.link_identity(database, actor, bob, provider.id, "x"),
        lambda: linking.link_identity(database, actor, ada, theirs.id, "x"),
        lambda: linking.unlink_identity(database, actor, identity),
        lambda: linking.release_identity(database, actor, identity),
    )
    for attempt in attempts:
        with pytest.raises(IdentityAPIError) as caught:
            await attempt()
        assert isinstance(caught.value, NotFound)
