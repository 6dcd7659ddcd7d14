"""Somebody always administers the tenant, and has a way in: no change by its own admins takes the last one."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

import pytest

from identity_api.accounts.administration import disable_user, enable_user, grant_permission, revoke_permission
from identity_api.accounts.erasure import erase_user
from identity_api.accounts.linking import unlink_identity
from identity_api.accounts.local_passwords import remove_password
from identity_api.db import grants, ways_in
from identity_api.db.database import Database
from identity_api.errors import NotFound, Refused
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import ADMINISTERING, USERS_READ, USERS_WRITE
from tests import factories as make
from tests.accounts.local_world import LocalWorld

pytestmark = pytest.mark.asyncio
ALL = sorted(ADMINISTERING)


async def admin(world: LocalWorld, username: str, *names: str) -> Actor:
    """Somebody with a password and these permissions by hand."""
    user_id = await world.make_user(username)
    for name in names or ALL:
        row_id = await permission(world, name)
        await grant_permission(world.database, world.operator, user_id, row_id)
    return world.actor(user_id, *(names or ALL))


async def permission(world: LocalWorld, name: str) -> UUID:
    async with world.database.transaction() as connection:
        found: UUID | None = await connection.fetchval(
            "select id from permission where tenant_id = $1 and name = $2", world.tenant.id, name
        )
        return found or await make.make_permission(connection, world.tenant.id, name)


async def refusal(done: object) -> str:
    try:
        await done
    except Refused as refused:
        return refused.code
    return "OK"


async def test_ones_own_last_right_to_administer_is_not_taken_back(local_world: LocalWorld) -> None:
    only = await admin(local_world, "only", *ALL, USERS_READ)
    assert only.user_id
    row_id = await permission(local_world, USERS_WRITE)
    assert await refusal(revoke_permission(local_world.database, only, only.user_id, row_id)) == "LAST_ADMIN"
    reading = await permission(local_world, USERS_READ)
    assert await refusal(revoke_permission(local_world.database, only, only.user_id, reading)) == "OK"
    await admin(local_world, "second")
    assert await refusal(revoke_permission(local_world.database, only, only.user_id, row_id)) == "OK"


async def test_ones_own_password_is_not_removed_if_nobody_else_administers(local_world: LocalWorld) -> None:
    only = await admin(local_world, "only")
    assert only.user_id
    assert await refusal(remove_password(local_world.database, only, only.user_id)) == "LAST_ADMIN"
    assert await local_world.fetchval("select password_hash is not null from app_user where id = $1", only.user_id)
    await admin(local_world, "second")
    assert await refusal(remove_password(local_world.database, only, only.user_id)) == "OK"


async def test_an_admin_without_a_way_in_is_no_other_admin(local_world: LocalWorld) -> None:
    """What counts is that somebody holds it in force."""
    only, second = await admin(local_world, "only"), await admin(local_world, "second")
    assert only.user_id
    assert second.user_id
    await local_world.execute("update app_user set password_hash = null where id = $1", second.user_id)
    assert await refusal(remove_password(local_world.database, only, only.user_id)) == "LAST_ADMIN"


async def test_of_two_admins_who_disable_each_other_at_once_one_succeeds(
    local_world: LocalWorld, database: Database
) -> None:
    first, second = await admin(local_world, "first"), await admin(local_world, "second")
    assert first.user_id
    assert second.user_id
    for _ in range(5):
        found = await asyncio.gather(
            refusal(disable_user(database, first, second.user_id)),
            refusal(disable_user(database, second, first.user_id)),
        )
        assert sorted(found) == ["LAST_ADMIN", "OK"]
        await local_world.execute("update app_user set disabled_at = null where tenant_id = $1", local_world.tenant.id)


async def test_the_identity_of_the_last_admin_is_not_taken_by_somebody_whose_own_access_has_gone(
    local_world: LocalWorld,
) -> None:
    """An actor whose permissions were read a moment ago, and are no longer in force."""
    async with local_world.database.transaction() as connection:
        provider = await make.make_provider(connection, local_world.tenant.id, sync="OFF", sync_mode="NONE")
        user_id = await make.make_user(connection, local_world.tenant.id)
        identity_id = await make.make_identity(connection, provider, user_id)
    for name in ALL:
        await grant_permission(local_world.database, local_world.operator, user_id, await permission(local_world, name))
    gone = local_world.actor((await admin(local_world, "gone", USERS_READ)).user_id or user_id, *ALL)
    assert await refusal(unlink_identity(local_world.database, gone, identity_id)) == "LAST_ADMIN"
    async with local_world.database.reading() as connection:
        assert USERS_WRITE in await grants.effective(connection, local_world.tenant.id, user_id)
    assert await refusal(unlink_identity(local_world.database, local_world.operator, identity_id)) == "OK"


async def test_the_operator_takes_whom_they_like(local_world: LocalWorld) -> None:
    only = await admin(local_world, "only")
    assert only.user_id
    assert await refusal(disable_user(local_world.database, local_world.operator, only.user_id)) == "OK"


def some_change(database: Database, actor: Actor, user_id: UUID, row_id: UUID, random: Random) -> Any:
    """One of the changes by which a tenant could lose an admin, or get one back."""
    changes: list[Callable[[], Any]] = [
        lambda: disable_user(database, actor, user_id),
        lambda: enable_user(database, actor, user_id),
        lambda: erase_user(database, actor, user_id),
        lambda: remove_password(database, actor, user_id),
        lambda: revoke_permission(database, actor, user_id, row_id),
        lambda: grant_permission(database, actor, user_id, row_id),
    ]
    return random.choices(changes, [4, 2, 1, 2, 6, 2])[0]()


@pytest.mark.parametrize("seed", range(3))
async def test_no_sequence_of_changes_by_admins_leaves_a_right_without_a_holder(
    local_world: LocalWorld, seed: int
) -> None:
    """By whoever holds what it takes at that moment, to whomever."""
    random, database, tenant = Random(seed), local_world.database, local_world.tenant.id
    admins = [await admin(local_world, f"admin-{number}") for number in range(4)]
    users = [one.user_id for one in admins if one.user_id]
    rows = [await permission(local_world, name) for name in ALL]
    codes: set[str] = set()
    for _ in range(150):
        by = random.choice(users)
        async with database.reading() as connection:
            held = await grants.effective(connection, tenant, by)
        change = some_change(database, local_world.actor(by, *held), random.choice(users), random.choice(rows), random)
        try:
            codes.add(await refusal(change))
        except NotFound:
            codes.add("ERASED")
        async with database.reading() as connection:
            assert await ways_in.held_in_force(connection, tenant, ALL) == set(ALL)
    assert {"OK", "LAST_ADMIN"} <= codes
