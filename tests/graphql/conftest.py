"""Tenants for the tests of the schema, on the real database."""

from collections.abc import AsyncIterator

import pytest_asyncio

from identity_api.db.database import Database
from tests.graphql.world import World, make_world


@pytest_asyncio.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """A tenant of this test alone."""
    made = await make_world(database)
    yield made
    await made.deps.login.upstream.aclose()


@pytest_asyncio.fixture
async def other(database: Database) -> AsyncIterator[World]:
    """Another tenant."""
    made = await make_world(database)
    yield made
    await made.deps.login.upstream.aclose()
