"""Offices on the real database; nothing but what a test lists can be connected to."""

from collections.abc import AsyncIterator

import pytest_asyncio

from identity_api.db.database import Database
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from tests.providers.office import Office, make_office

ALLOW = AllowList.parse(["listed.internal:8443"])


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    carrying = Upstream(allow=ALLOW)
    yield carrying
    await carrying.aclose()


@pytest_asyncio.fixture
async def office(database: Database, upstream: Upstream) -> Office:
    return await make_office(database, upstream, ALLOW)


@pytest_asyncio.fixture
async def neighbour(database: Database, upstream: Upstream) -> Office:
    """Another tenant of the same installation."""
    return await make_office(database, upstream, ALLOW)
