"""Installations to do harm to, and the record of what was seen."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from identity_api.db.migrate import migrate
from identity_api.embedded.postgres import Postgres
from identity_api.embedded.valkey import Valkey
from tests.cli.conftest import template, url  # noqa: F401  # fixtures
from tests.faults import page
from tests.faults.installation import Installation, make_installation
from tests.faults.waiting import IS_FULL
from tests.openid_provider import RunningProvider

Install = Callable[..., Awaitable[Installation]]
Seen = Callable[[str], None]


@pytest.fixture
def seen(record_property: Callable[[str, object], None]) -> Seen:
    """Notes what a test saw, as a sentence with counts, for docs/faults.md."""
    return lambda sentence: record_property("seen", sentence)


@pytest.fixture
def issuer() -> Iterator[RunningProvider]:
    """A provider that rotates strictly: a token presented twice ends the whole login."""
    with RunningProvider() as running:
        yield running


@pytest_asyncio.fixture
async def install(tmp_path: Path, issuer: RunningProvider, url: str, redis_url: str) -> AsyncIterator[Install]:  # noqa: F811  # the fixture
    """Makes an installation on a database of its own; arguments are those of `make_installation`."""
    # Many clients that wait at once, each in a thread.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(128))
    async with AsyncExitStack() as stack:

        async def make(**settings: Any) -> Installation:
            given = {"url": url, "redis_url": redis_url, "issuer": issuer, "direct_url": url, **settings}
            return await make_installation(stack, tmp_path, **given)

        yield make


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the database's own user may enter, whose files outlive the server."""
    folder = Path(tempfile.mkdtemp(prefix="identity-api-faults-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture
async def postgres(open_folder: Path) -> AsyncIterator[Postgres]:
    """A PostgreSQL of this test alone, migrated."""
    server = Postgres(open_folder, fast=True)
    server.start()
    try:
        await migrate(server.url)
        yield server
    finally:
        server.stop()


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A Valkey of this test alone."""
    server = Valkey()
    server.start()
    yield server
    server.stop()


_results: dict[str, page.Seen] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what a test of a fault came to, for the page."""
    if not report.nodeid.startswith("tests/faults/test_") or (report.when != "call" and report.passed):
        return
    sentences = [str(value) for name, value in report.user_properties if name == "seen"]
    if report.skipped and isinstance(report.longrepr, tuple):
        sentences = [report.longrepr[2].removeprefix("Skipped: ")]
    _results[report.nodeid] = page.Seen(outcome=report.outcome, seen=" ".join(sentences), full=IS_FULL)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """`make test-faults` writes what was seen beside the tests, and the page."""
    if os.environ.get("FAULTS_PAGE") and not hasattr(session.config, "workerinput"):
        page.write(_results)
