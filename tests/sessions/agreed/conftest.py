"""A provider that agrees on more than usual, one for each file of tests."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from identity_api.db.database import Database
from identity_api.sessions.login.deps import LoginDeps
from tests.openid_provider.agreed import AgreedProvider
from tests.sessions.browsers import REDIRECT_URIS
from tests.sessions.conftest import deps_for


@pytest.fixture(scope="module")
def running() -> Iterator[AgreedProvider]:
    with AgreedProvider(redirect_uris=REDIRECT_URIS) as provider:
        yield provider


@pytest.fixture
def idp(running: AgreedProvider) -> AgreedProvider:
    running.reset()
    running.agree()
    return running


@pytest_asyncio.fixture
async def deps(database: Database, idp: AgreedProvider) -> AsyncIterator[LoginDeps]:
    async with deps_for(database, idp) as made:
        yield made
