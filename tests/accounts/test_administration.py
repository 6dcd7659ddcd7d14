"""What admins do to users by hand, and what they may not."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.accounts import administration
from identity_api.db import grants, permissions
from identity_api.db.database import Connection, Database
from identity_api.errors import Conflict, LimitReached, NotFound, Refused
from identity_api.group_mappings import catalogue
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import GRANTS_WRITE, MAPPINGS_WRITE
from tests import factories as make
from tests.blocking import blocked_or_done
from tests.builder import build_tenant


class World:
    """A tenant with an ADDITIVE provider, an admin and a person who is signed in."""

    database: Database
    tenant: UUID
    person: UUID
    admin: UUID
    read: UUID
    service: UUID

    def actor(self, *permissions: str) -> Actor:
        return Actor(
            self.tenant, self.admin, f"user:{self.admin}", frozenset(permissions or {GRANTS_WRITE, MAPPINGS_WRITE})
        )

    async def effective(self, user_id: UUID) -> set[str]:
        async with self.database.reading() as connection:
            return set(await grants.effective(connection, self.tenant, user_id))

    async def actions(self) -> list[str]:
        async with self.database.reading() as connection:
            rows = await connection.fetch(
                "select action from audit_event where tenant_id = $1 order by id", self.tenant
            )
        return [row["action"] for row in rows]


async def make_world(database: Database, mode: str) -> World:
    world = World()
    world.database = database
    built = await build_tenant(
        database,
        provider={"sync_mode": mode},
        permissions=("docs:read", GRANTS_WRITE),
        people={"person": []},
        users={"admin": "x"},
    )
    world.tenant, world.person, world.admin = built.tenant.id, built.users["person"], built.users["admin"]
    world.read, world.service = built.permissions.values()
    return world


@pytest_asyncio.fixture
async def world(database: Database) -> World:
    return await make_world(database, "ADDITIVE")


@pytest.mark.asyncio
async def test_a_permission_given_by_hand_is_in_force_until_it_is_taken(world: World) -> None:
    """S0-15: direct grants next to group grants. Doing either twice changes nothing."""
    for _ in range(2):
        await administration.grant_permission(world.database, world.actor(), world.person, world.read)
        assert await world.effective(world.person) == {"docs:read"}
    for _ in range(2):
        await administration.revoke_permission(world.database, world.actor(), world.person, world.read)
        assert await world.effective(world.person) == set()
    assert [action for action in await world.actions() if action.startswith("grant.")] == [
        "grant.opened",
        "grant.closed",
    ]


@pytest.mark.asyncio
async def test_where_a_strict_provider_rules_nothing_is_given_by_hand(database: Database) -> None:
    """S0-23: refused with a reason. The operator's word on this service's own permissions is the exception."""
    world = await make_world(database, "STRICT")
    with pytest.raises(Refused) as caught:
        await administration.grant_permission(world.database, world.actor(), world.person, world.read)
    assert caught.value.code == "STRICT_PROVIDER"
    operator = Actor(world.tenant, None, "operator:root", frozenset())
    with pytest.raises(Refused):
        await administration.grant_permission(world.database, operator, world.person, world.read)
    await administration.grant_permission(world.database, operator, world.person, world.service)
    assert await world.effective(world.person) == {GRANTS_WRITE}


@pytest.mark.asyncio
async def test_nobody_gives_themself_what_they_lack(world: World) -> None:
    """I8."""
    with pytest.raises(Refused) as caught:
        await administration.grant_permission(world.database, world.actor(), world.admin, world.read)
    assert caught.value.code == "SELF_BENEFIT"
    assert await world.effective(world.admin) == set()


@pytest.mark.asyncio
async def test_nobody_gives_themself_by_hand_what_they_hold_already(world: World) -> None:
    """What a group gives ends with the group; given by hand it would stay (I8)."""
    operator = Actor(world.tenant, None, "operator:root", frozenset())
    await administration.grant_permission(world.database, operator, world.admin, world.read)
    assert await world.effective(world.admin) == {"docs:read"}
    with pytest.raises(Refused) as caught:
        await administration.grant_permission(world.database, world.actor("docs:read"), world.admin, world.read)
    assert caught.value.code == "SELF_BENEFIT"


@pytest.mark.asyncio
async def test_what_one_may_not_give_one_may_not_take(world: World) -> None:
    with pytest.raises(Refused) as caught:
        await administration.grant_permission(world.database, world.actor("docs:write"), world.person, world.read)
    assert caught.value.code == "FORBIDDEN"
    await administration.grant_permission(world.database, world.actor(), world.person, world.read)
    with pytest.raises(Refused):
        await administration.revoke_permission(world.database, world.actor("docs:write"), world.person, world.read)


@pytest.mark.asyncio
async def test_a_disabled_user_has_nothing_in_force_and_gets_it_back_when_enabled(world: World) -> None:
    await administration.grant_permission(world.database, world.actor(), world.person, world.read)
    await administration.disable_user(world.database, world.actor(), world.person)
    assert await world.effective(world.person) == set()
    await administration.disable_user(world.database, world.actor(), world.person)
    await administration.enable_user(world.database, world.actor(), world.person)
    assert await world.effective(world.person) == {"docs:read"}
    assert [action for action in await world.actions() if action.startswith("user.")][-2:] == [
        "user.disabled",
        "user.enabled",
    ]


@pytest.mark.asyncio
async def test_an_admin_cannot_disable_themself(world: World) -> None:
    with pytest.raises(Refused) as caught:
        await administration.disable_user(world.database, world.actor(), world.admin)
    assert caught.value.code == "SELF_DISABLE"


@pytest.mark.asyncio
async def test_a_user_of_another_tenant_does_not_exist(world: World) -> None:
    """I2."""
    async with world.database.transaction() as connection:
        other = (await make.make_tenant(connection)).id
        theirs = await make.make_permission(connection, other, "docs:read")
    stranger = Actor(other, None, "operator:root", frozenset())
    for call in (administration.disable_user, administration.enable_user):
        with pytest.raises(NotFound):
            await call(world.database, stranger, world.person)
    with pytest.raises(NotFound):
        await administration.grant_permission(world.database, stranger, world.person, theirs)
    with pytest.raises(NotFound):
        await administration.grant_permission(world.database, world.actor(), world.person, theirs)


@pytest.mark.asyncio
async def test_one_permission_more_by_hand_than_the_limit_is_refused(world: World) -> None:
    database = make.limited(world.database, max_user_grants=1)
    async with world.database.transaction() as connection:
        write = await make.make_permission(connection, world.tenant, "docs:write")
    for _ in range(2):
        await administration.grant_permission(database, world.actor(), world.person, world.read)
    with pytest.raises(LimitReached, match="IDENTITY_MAX_USER_GRANTS"):
        await administration.grant_permission(database, world.actor(), world.person, write)
    assert await world.effective(world.person) == {"docs:read"}
    await administration.revoke_permission(database, world.actor(), world.person, world.read)
    await administration.grant_permission(database, world.actor(), world.person, write)
    assert await world.effective(world.person) == {"docs:write"}


@pytest.mark.asyncio
async def test_a_permission_is_not_deleted_while_somebody_is_given_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, deletions = grants.open_manual_grant, list[asyncio.Task[None]]()

    async def inserted(connection: Connection, *arguments: Any) -> UUID | None:
        deletions.append(asyncio.create_task(catalogue.delete(world.database, world.actor(), world.read)))
        await blocked_or_done(world.database, deletions[0], connection)
        return await insert(connection, *arguments)

    monkeypatch.setattr(grants, "open_manual_grant", inserted)
    actor = world.actor(GRANTS_WRITE, "docs:read")
    assert await administration.grant_permission(world.database, actor, world.person, world.read)
    with pytest.raises(Conflict) as refused:
        await deletions[0]
    assert refused.value.code == "PERMISSION_IN_USE"


@pytest.mark.asyncio
async def test_nobody_is_given_a_permission_while_it_is_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    delete, givings = permissions.delete, list[asyncio.Task[bool]]()
    actor = world.actor(GRANTS_WRITE, "docs:read")

    async def deleted(connection: Connection, *arguments: Any) -> None:
        giving = administration.grant_permission(world.database, actor, world.person, world.read)
        givings.append(asyncio.create_task(giving))
        await blocked_or_done(world.database, givings[0], connection)
        await delete(connection, *arguments)

    monkeypatch.setattr(permissions, "delete", deleted)
    await catalogue.delete(world.database, world.actor(), world.read)
    with pytest.raises(NotFound):
        await givings[0]
