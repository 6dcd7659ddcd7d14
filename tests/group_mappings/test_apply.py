"""Grants follow edits: in turn, and with what can be done at the moment."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from identity_api.db import database as database_module
from identity_api.db import mapping_changes
from identity_api.db.database import Database
from identity_api.db.in_force import pending_grants
from identity_api.errors import Overloaded
from identity_api.group_mappings import edit
from identity_api.group_mappings.apply import apply_changes
from identity_api.permissions.delegation import Actor
from tests import factories as make
from tests.group_mappings.conftest import World

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def hasty(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A pool whose statements may take a fifth of a second."""
    monkeypatch.setattr(database_module, "COMMAND_TIMEOUT_SECONDS", 0.2)
    pool = Database(database_url, pool_size=2)
    await pool.open()
    yield pool
    await pool.close()


async def people_in(world: World, group: str, number: int) -> list[object]:
    """Users of the group, in the order of their identities."""
    users = []
    async with world.database.transaction() as connection:
        for _ in range(number):
            user_id = await make.make_user(connection, world.tenant)
            identity_id = await make.make_identity(connection, world.provider, user_id)
            await make.sign_in(connection, world.provider, identity_id, [group])
            users.append(user_id)
    return users


async def written(world: World) -> set[object]:
    """Who has an open grant by a group."""
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select user_id from permission_grant where tenant_id = $1 and source = 'GROUP' and revoked_at is null",
            world.tenant,
        )
    return {row["user_id"] for row in rows}


async def test_a_chunk_that_takes_too_long_is_made_smaller_and_what_is_written_stays(
    world: World, hasty: Database
) -> None:
    users = sorted(await people_in(world, "sales", 8))  # the last of a chunk is the one with the greatest id
    await edit.make(world.database, world.actor(), world.rule("sales"))
    async with world.database.transaction() as connection:
        await connection.execute("select from app_user where id = $1 for update", users[-1])
        with pytest.raises(Overloaded):
            await apply_changes(hasty, chunk=8)
        assert await written(world) == set(users[:-1])
    await apply_changes(world.database, chunk=8)
    assert await written(world) == set(users)


async def test_tenants_are_taken_in_turn(world: World, neighbour: World) -> None:
    """One with many edits does not come again before the other has come."""
    for one, groups in ((world, ["engineering", "platform"]), (neighbour, ["engineering"])):
        for group in groups:
            await edit.make(one.database, one.actor(), one.rule(group))
    async with world.database.transaction() as connection:
        for last, expected in ((world.tenant, neighbour.tenant), (neighbour.tenant, None)):
            change = await mapping_changes.lock_next_change(connection, after_tenant=last)
            assert change is not None
            assert expected in (None, change.tenant_id)
            assert change.tenant_id != last
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == await neighbour.effective(neighbour.engineer) == {"docs:read"}


async def test_a_grant_dates_from_when_its_edit_put_it_in_force(world: World) -> None:
    """However much later it is written: the record of the past is asked for a date."""
    made = await edit.make(world.database, world.actor(), world.rule("engineering"))
    await edit.make(
        world.database,
        Actor(world.tenant, None, "operator:later", frozenset()),
        edit.Update(made.mapping_id, world.rule("engineering", world.write), 1),
    )
    async with world.database.reading() as connection:
        edited = await connection.fetchval(
            "select max(created_at) from mapping_change where tenant_id = $1", world.tenant
        )
        promised = await connection.fetch(f"select * from {pending_grants('$1', '$2')} g", world.tenant, world.engineer)
    await apply_changes(world.database)
    async with world.database.reading() as connection:
        grants = await connection.fetch(
            "select granted_at, granted_by from permission_grant where tenant_id = $1 and source = 'GROUP'",
            world.tenant,
        )
    given = [(edited, "operator:later")]
    assert [(one["granted_at"], one["granted_by"]) for one in promised] == given
    assert [(one["granted_at"], one["granted_by"]) for one in grants] == given
