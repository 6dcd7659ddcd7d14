"""An office on the real database; nothing but what a test lists can be connected to."""

from collections.abc import AsyncIterator

import pytest_asyncio

from identity_api.db.database import Database
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from tests.tenants.providers.office import Office, make_office


@pytest_asyncio.fixture
async def office(database: Database) -> AsyncIterator[Office]:
    allow = AllowList.parse(["listed.internal:8443"])
    upstream = Upstream(allow=allow)
    yield await make_office(database, upstream, allow)
    await upstream.aclose()
