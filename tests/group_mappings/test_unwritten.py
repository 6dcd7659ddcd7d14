"""What an edit gives counts for every rule from its commit on, also before a worker has written it as grants."""

from collections.abc import Awaitable
from uuid import UUID

import pytest

from identity_api.accounts.administration import disable_user
from identity_api.accounts.linking import unlink_identity
from identity_api.db import ways_in
from identity_api.errors import Refused
from identity_api.group_mappings.apply import apply_changes
from identity_api.group_mappings.edit import Deletion, Update, make
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import ADMINISTERING, MAPPINGS_WRITE, USERS_WRITE
from tests import factories
from tests.group_mappings.conftest import World

pytestmark = pytest.mark.asyncio


async def clerk(world: World, *held: str) -> Actor:
    """Somebody who is in no group, and holds these by hand."""
    async with world.database.transaction() as connection:
        user_id = await factories.make_user(connection, world.tenant, password_hash="x")
    return Actor(world.tenant, user_id, f"user:{user_id}", frozenset(held))


async def refusal(done: Awaitable[object]) -> str:
    try:
        await done
    except Refused as refused:
        return refused.code
    return "OK"


async def administering(world: World) -> UUID:
    async with world.database.transaction() as connection:
        return await factories.make_permission(connection, world.tenant, USERS_WRITE)


@pytest.mark.parametrize("is_written", [False, True])
async def test_who_holds_more_by_an_edit_is_shut_out_by_nobody_who_holds_less(world: World, is_written: bool) -> None:
    actor = await clerk(world, USERS_WRITE)
    assert await refusal(disable_user(world.database, actor, world.engineer)) == "OK", "before the edit"
    await make(world.database, world.operator, world.there("admins", world.service))
    if is_written:
        await apply_changes(world.database)
    assert await refusal(disable_user(world.database, actor, world.admin)) == "FORBIDDEN"
    assert await refusal(unlink_identity(world.database, actor, world.admin_identity)) == "FORBIDDEN"


@pytest.mark.parametrize("is_written", [False, True])
async def test_the_last_admin_is_one_by_an_edit(world: World, is_written: bool) -> None:
    right = await administering(world)
    await make(world.database, world.operator, world.there("admins", right))
    if is_written:
        await apply_changes(world.database)
    actor = await clerk(world, USERS_WRITE, *ADMINISTERING)
    assert await refusal(disable_user(world.database, actor, world.admin)) == "LAST_ADMIN"
    await make(world.database, world.operator, world.there("platform", right))
    if is_written:
        await apply_changes(world.database)
    assert await refusal(disable_user(world.database, actor, world.admin)) == "OK", (
        "the engineer is one by another edit"
    )
    async with world.database.reading() as connection:
        assert await ways_in.held_in_force(connection, world.tenant, [USERS_WRITE]) == {USERS_WRITE}


@pytest.mark.parametrize("is_written", [False, True])
async def test_an_edit_moves_an_admins_right_to_another_group_and_takes_it_from_nobody_last(
    world: World, is_written: bool
) -> None:
    """Who gains it is an admin who remains as soon as it is made."""
    right = await administering(world)
    actor = await clerk(world, USERS_WRITE, MAPPINGS_WRITE, *ADMINISTERING)
    made = await make(world.database, world.operator, world.there("admins", right))
    if is_written:
        await apply_changes(world.database)
    nobody, engineers = world.there("of-nobody", right), world.there("engineering", right)
    assert await refusal(make(world.database, actor, Deletion(made.mapping_id, 1))) == "LAST_ADMIN"
    assert await refusal(make(world.database, actor, Update(made.mapping_id, nobody, 1))) == "LAST_ADMIN"
    moved = Update(made.mapping_id, engineers, 1)
    assert await refusal(make(world.database, actor, moved)) == "OK"
    assert (await world.effective(world.engineer), await world.effective(world.admin)) == ({USERS_WRITE}, set())
