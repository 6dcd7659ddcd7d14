"""Two providers over real HTTP for the whole test process, and one tenant per test."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from identity_api.clock import system_clock
from identity_api.config import KeyRing
from identity_api.db.database import Database
from identity_api.sessions.parts import LoginParts
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.documents import Times
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents
from identity_api.vault import Vault
from tests.provider import RunningProvider
from tests.sessions.browsers import ORIGIN, REDIRECT_URIS, World, make_world

KEYS = KeyRing([("test", os.urandom(32))])


@pytest.fixture(scope="session")
def providers_of_process() -> Iterator[tuple[RunningProvider, RunningProvider]]:
    with (
        RunningProvider(redirect_uris=REDIRECT_URIS) as first,
        RunningProvider(redirect_uris=REDIRECT_URIS, own_key=True) as second,
    ):
        yield first, second


@pytest.fixture
def idp(providers_of_process: tuple[RunningProvider, RunningProvider]) -> Iterator[RunningProvider]:
    """The first provider, without faults."""
    providers_of_process[0].reset()
    yield providers_of_process[0]
    providers_of_process[0].reset()


@pytest.fixture
def other_idp(providers_of_process: tuple[RunningProvider, RunningProvider]) -> Iterator[RunningProvider]:
    """The second provider, with keys of its own, without faults."""
    providers_of_process[1].reset()
    yield providers_of_process[1]
    providers_of_process[1].reset()


def parts_reaching(database: Database, *places: str) -> LoginParts:
    """Parts that may reach these places and nothing else. Close `documents`, then `upstream`."""
    upstream = Upstream(allow=AllowList.parse(places))
    return LoginParts(
        database=database,
        vault=Vault(KEYS),
        upstream=upstream,
        documents=provider_documents(upstream, monotonic=time.monotonic, times=Times(cooldown_seconds=0.0)),
        clock=system_clock,
        public_url=ORIGIN,
    )


@asynccontextmanager
async def parts_for(database: Database, *reachable: RunningProvider) -> AsyncIterator[LoginParts]:
    """Parts that may reach these providers and nothing else, with an empty cache of documents."""
    parts = parts_reaching(database, *[f"127.0.0.1:{one.port}" for one in reachable])
    yield parts
    await parts.documents.aclose()
    await parts.upstream.aclose()


@pytest_asyncio.fixture
async def parts(
    database: Database, providers_of_process: tuple[RunningProvider, RunningProvider]
) -> AsyncIterator[LoginParts]:
    """Parts that may reach the two providers; documents are cached for this test only."""
    async with parts_for(database, *providers_of_process) as made:
        yield made


@pytest_asyncio.fixture
async def world(parts: LoginParts, idp: RunningProvider) -> World:
    """A tenant whose people sign in at the first provider."""
    return await make_world(parts, idp)
