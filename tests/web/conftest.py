"""The real application over a real PostgreSQL, Valkey and provider; one tenant with its own host per test."""

import base64
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from identity_api.app import build_api
from identity_api.config import Settings, load_settings
from identity_api.db.database import Database
from identity_api.vault import Vault
from identity_api.web.http.http_application import HTTPApplication
from tests.openid_provider import RunningProvider
from tests.openid_provider.bent import BentProvider
from tests.web.conformance import BeginRun, Run, begin_run
from tests.web.site import PUBLIC_URL, Site, make_site, running


@pytest.fixture(scope="session")
def idp() -> Iterator[RunningProvider]:
    with RunningProvider() as provider:
        yield provider


@pytest.fixture(scope="session")
def environ(database_url: str, redis_url: str, idp: RunningProvider) -> dict[str, str]:
    """The environment of an installation."""
    return {
        "HOME": "/nonexistent",
        "IDENTITY_DATABASE_URL": database_url,
        "IDENTITY_REDIS_URL": redis_url,
        "IDENTITY_SECRET_KEYS": "test:" + base64.b64encode(os.urandom(32)).decode(),
        "IDENTITY_PUBLIC_URL": PUBLIC_URL,
        "IDENTITY_OUTBOUND_ALLOW": f"127.0.0.1:{idp.port}",
        "IDENTITY_TRUSTED_PROXIES": "10.9.0.0/24",
    }


@pytest.fixture(scope="session")
def settings(environ: dict[str, str]) -> Settings:
    return load_settings(environ)


@pytest_asyncio.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[HTTPApplication]:
    app = build_api(settings)
    async with running(app):
        yield app


@pytest.fixture(scope="session")
def vault(settings: Settings) -> Vault:
    return Vault(settings.secret_keys)


@pytest_asyncio.fixture
async def site(app: HTTPApplication, database: Database, vault: Vault, idp: RunningProvider) -> Site:
    """A tenant whose people sign in at the running provider."""
    idp.reset()
    return await make_site(app, database, vault, idp)


@pytest.fixture(scope="module")
def bent() -> Iterator[BentProvider]:
    """A provider that tests configure, for one module."""
    with BentProvider(own_key=True) as provider:
        yield provider


@pytest_asyncio.fixture(scope="module")
async def bent_app(environ: dict[str, str], bent: BentProvider) -> AsyncIterator[HTTPApplication]:
    """The application, allowed to reach that provider and nothing else."""
    app = build_api(load_settings({**environ, "IDENTITY_OUTBOUND_ALLOW": f"127.0.0.1:{bent.port}"}))
    async with running(app):
        yield app


@pytest.fixture
def begin(bent_app: HTTPApplication, database: Database, vault: Vault, bent: BentProvider) -> Iterator[BeginRun]:
    """Begins a run at that provider (`conformance`)."""

    async def begun(**settings: Any) -> Run:
        return await begin_run(bent_app, database, vault, bent, **settings)

    yield begun
    bent.straighten()
