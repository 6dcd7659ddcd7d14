"""One tenant with local users per test."""

import pytest_asyncio

from identity_api.db.database import Database
from tests.accounts.local_world import LocalWorld, make_local_world


@pytest_asyncio.fixture
async def local_world(database: Database) -> LocalWorld:
    """A tenant that allows passwords."""
    return await make_local_world(database)
