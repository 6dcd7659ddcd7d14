"""Tenants for the tests of the schema, on the real database."""

import pytest_asyncio

from identity_api.db.database import Database
from tests.graphql.world import World, make_world


@pytest_asyncio.fixture
async def world(database: Database) -> World:
    """A tenant of this test alone."""
    return await make_world(database)


@pytest_asyncio.fixture
async def other(database: Database) -> World:
    """Another tenant."""
    return await make_world(database)
