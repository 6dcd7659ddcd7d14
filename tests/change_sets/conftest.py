"""Sets of changes, on a tenant whose mappings are edited and whose people may be given permissions by hand too."""

import msgspec
import pytest_asyncio

from identity_api.db.database import Database
from tests.group_mappings.conftest import World, make_world


async def _made(database: Database) -> World:
    world = await make_world(database)
    async with database.transaction() as connection:
        await connection.execute("update provider set sync_mode = 'ADDITIVE' where tenant_id = $1", world.tenant)
    world.provider = msgspec.structs.replace(world.provider, sync_mode="ADDITIVE")
    return world


@pytest_asyncio.fixture
async def world(database: Database) -> World:
    """A tenant of this test alone."""
    return await _made(database)


@pytest_asyncio.fixture
async def neighbour(database: Database) -> World:
    """Another tenant."""
    return await _made(database)
