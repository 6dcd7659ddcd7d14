"""A set that takes a way to administer, or in, says so before it is made."""

import pytest

from identity_api.change_sets import changes
from identity_api.change_sets.warnings import WarningKind
from identity_api.permissions.service import MAPPINGS_WRITE
from tests import factories as make
from tests.change_sets.sets import look, made, mapping, mapping_id
from tests.group_mappings.conftest import World

pytestmark = pytest.mark.asyncio


async def warned(world: World, *asked: changes.Change) -> list[tuple[WarningKind, int]]:
    return [(one.kind, one.users) for one in (await look(world, asked)).warnings]


async def test_an_admin_right_that_is_taken_is_told_and_whether_nobody_keeps_it(world: World) -> None:
    async with world.database.transaction() as connection:
        only = await make.make_holder(connection, world.tenant, MAPPINGS_WRITE, "docs:read")
    taken = changes.RevokePermission(user_id=only, permission=MAPPINGS_WRITE)
    assert await warned(world, taken) == [(WarningKind.LAST_ADMIN, 0), (WarningKind.ADMIN_RIGHT_LOST, 1)]
    async with world.database.transaction() as connection:
        await make.make_holder(connection, world.tenant, MAPPINGS_WRITE)
    assert await warned(world, taken) == [(WarningKind.ADMIN_RIGHT_LOST, 1)]


async def test_who_would_hold_nothing_any_more_is_told_and_who_could_not_come_in(world: World) -> None:
    await made(world, [mapping(world, "engineering"), mapping(world, "platform", world.write)])
    one, two = await mapping_id(world, "engineering"), await mapping_id(world, "platform")
    gone = [changes.DeleteMapping(mapping_id=row_id, version=1) for row_id in (one, two)]
    assert await warned(world, *gone) == [(WarningKind.NOTHING_LEFT, 1)]
    async with world.database.transaction() as connection:
        await connection.execute(
            """update provider set claims = claims || '{"deny_unmapped": true}' where tenant_id = $1""", world.tenant
        )
    assert await warned(world, *gone) == [(WarningKind.WAY_IN_LOST, 1)]
    assert await warned(world, gone[0]) == []
    assert await warned(world, *gone, mapping(world, "plat*", glob=True)) == []
