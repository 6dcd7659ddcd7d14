"""Real services for the tests that need them: one PostgreSQL and one Valkey per test process, started on first use.

A test that touches data makes its own tenant, so tests share a database and run in parallel without meeting (I2 at work).
"""

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from identity_api.db.database import Database
from identity_api.db.migrate import migrate
from identity_api.embedded.services import Services, start_services

if TYPE_CHECKING:
    from tests.flows.product import Product


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """A PostgreSQL and a Valkey of this test process alone."""
    folder = Path(tempfile.mkdtemp(prefix="identity-api-tests-"))
    try:
        with start_services(folder, fast=True) as running:
            yield running
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="session")
async def database_url(services: Services) -> str:
    """A database at the newest schema."""
    assert services.database_url is not None
    await migrate(services.database_url)
    return services.database_url


@pytest.fixture(scope="session")
def redis_url(services: Services) -> str:
    """A Valkey that holds nothing anybody needs."""
    assert services.redis_url is not None
    return services.redis_url


@pytest_asyncio.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open pool on the migrated database."""
    pool = Database(database_url, pool_size=10)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def product() -> Iterator["Product"]:
    """`identity-api dev`, running: started once for every suite that uses it. Its tests belong to the group `flows`."""
    from tests.flows.product import running_product

    with running_product() as running:
        yield running
