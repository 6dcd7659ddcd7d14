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
from identity_api.sessions.login.deps import LoginDeps
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.documents import Times
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents
from identity_api.vault import Vault
from tests.openid_provider import RunningProvider
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


def deps_reaching(database: Database, *places: str) -> LoginDeps:
    """Parts that may reach these places and nothing else. Close `documents`, then `upstream`."""
    upstream = Upstream(allow=AllowList.parse(places))
    return LoginDeps(
        database=database,
        vault=Vault(KEYS),
        upstream=upstream,
        documents=provider_documents(upstream, monotonic=time.monotonic, times=Times(cooldown_seconds=0.0)),
        clock=system_clock,
        public_url=ORIGIN,
    )


@asynccontextmanager
async def deps_for(database: Database, *reachable: RunningProvider) -> AsyncIterator[LoginDeps]:
    """Parts that may reach these providers and nothing else, with an empty cache of documents."""
    deps = deps_reaching(database, *[f"127.0.0.1:{one.port}" for one in reachable])
    yield deps
    await deps.documents.aclose()
    await deps.upstream.aclose()


@pytest_asyncio.fixture
async def deps(
    database: Database, providers_of_process: tuple[RunningProvider, RunningProvider]
) -> AsyncIterator[LoginDeps]:
    """Parts that may reach the two providers; documents are cached for this test only."""
    async with deps_for(database, *providers_of_process) as made:
        yield made


@pytest_asyncio.fixture
async def world(deps: LoginDeps, idp: RunningProvider) -> World:
    """A tenant whose people sign in at the first provider."""
    return await make_world(deps, idp)
