"""Real services for the tests that need them: one PostgreSQL and one Valkey per test process, started on first use.

A test that touches data makes its own tenant, so tests share a database and run in parallel without meeting (I2 at work).
"""

import contextlib
import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import settings
from playwright.async_api import expect

from identity_api import app, limits
from identity_api.accounts.passwords import Passwords
from identity_api.db import database as database_pool
from identity_api.db.database import Database
from identity_api.db.migrate import migrate
from identity_api.embedded.services import Services, start_services
from identity_api.ids import uuid7
from identity_api.web.http import limits as edge_limits
from identity_api.web.routes import health
from tests.accounts.local_world import QUICK

if TYPE_CHECKING:
    from tests.flows.product import Product

expect.set_options(timeout=30_000)

# The same examples in every run, so that a change is judged by what it changes. `LONG_TESTS=1` looks for new ones.
# No deadline: how long an example takes is this machine's business.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile("searching" if os.environ.get("LONG_TESTS") else "repeatable")

# Where a machine's environment says that compiled modules are not kept, each process of a test would compile the program anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background so, and the product, started by a test, would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

TOGETHER = {
    "tests/browser/": "flows",
    "tests/canary/": "canary",
    "tests/cli/test_dev.py": "dev",
    "tests/cli/test_replicas.py": "replicas",
    "tests/db/test_bounded_statements.py": "bounded",
    "tests/db/test_citus.py": "citus",
    "tests/flows/": "flows",
    "tests/interop/": "flows",
    "tests/maintenance/test_key_rotation.py": "rotation",
}
"""What runs in one test process, one test after the other: suites that share a running product, or need its services alone."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep `TOGETHER` together.

    The mark `xdist_group` says the same, but with pytest 9.2 and pytest-xdist 3.8 it does nothing, without a word: the
    group is written into a field of the test that is not read any more. A test compares the marks with the table.
    """
    from xdist.scheduler import LoadGroupScheduling

    class Grouped(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            groups = [group for start, group in TOGETHER.items() if nodeid.startswith(start)]
            return groups[0] if groups else str(super()._split_scope(nodeid))

    return Grouped(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take what collecting made out of garbage collection, as the product does with what its start made.

    It lives to the end, and a full collection that visits it takes half a second; tests of costs begin each run with one.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def patient_deadlines() -> Iterator[None]:
    """A busy machine must not look like a dead Redis or an exhausted pool; tests of those set the deadlines themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "REDIS_DEADLINE_SECONDS", 10.0)
        patch.setattr(database_pool, "ACQUIRE_TIMEOUT_SECONDS", 60.0)
        patch.setattr(database_pool, "COMMAND_TIMEOUT_SECONDS", 60.0)
        patch.setattr(health, "READY_SECONDS", 30.0)
        # A place of a limit comes back after a minute instead of a second: sixty requests in a row may take longer than that.
        patch.setattr(edge_limits, "WINDOW_SECONDS", 3_600.0)
        patch.setattr(app, "COST_WINDOW_SECONDS", 3_600.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """What an application hashes passwords with, as cheap as argon2 goes; tests of the hasher say which they mean."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "Passwords", partial(Passwords, QUICK))
        yield


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


@pytest_asyncio.fixture
async def empty_url(database_url: str) -> AsyncIterator[str]:
    """A database with nothing in it, dropped after the test."""
    name = f"t{uuid7().hex}"
    admin = await asyncpg.connect(database_url)
    await admin.execute(f"create database {name}")
    yield database_url.replace("/identity?", f"/{name}?")
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


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
