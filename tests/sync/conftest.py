"""A running provider for each test, and a tenant that is synced with it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import pytest_asyncio

from identity_api.db.database import Database
from identity_api.upstream.exchange import Upstream
from identity_api.vault import Vault
from tests.openid_provider import RunningProvider
from tests.sync.world import World, make_upstream, make_vault, make_world

MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
def issuer() -> Iterator[RunningProvider]:
    running = RunningProvider().start()
    yield running
    with contextlib.suppress(RuntimeError):  # a test may have stopped it already
        running.stop()


@pytest_asyncio.fixture
async def upstream(issuer: RunningProvider) -> AsyncIterator[Upstream]:
    carrying = make_upstream(issuer)
    yield carrying
    await carrying.aclose()


@pytest.fixture(scope="session")
def vault() -> Vault:
    return make_vault()


@pytest_asyncio.fixture
async def nobody_due(database: Database) -> None:
    """Puts off the people of earlier tests: a sweep syncs everybody, also those whose providers are gone, again and again."""
    async with database.transaction() as connection:
        await connection.execute(
            "update identity_sync set due_at = now() + interval '1 day' where due_at < now() + interval '1 hour'"
        )


@pytest.fixture
def new_world(
    database: Database, vault: Vault, upstream: Upstream, issuer: RunningProvider, nobody_due: None
) -> MakeWorld:
    """Makes a world whose provider has these settings."""

    async def make(**settings: object) -> World:
        return await make_world(database, vault, upstream, issuer, **settings)

    return make


@pytest_asyncio.fixture
async def world(new_world: MakeWorld) -> World:
    return await new_world()
