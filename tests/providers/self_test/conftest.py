"""A provider of which a test bends one thing, and a tenant whose settings fit it."""

import datetime
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from identity_api.clock import Clock, system_clock
from identity_api.config import KeyRing
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.providers.self_test.run import SelfTest, SelfTestDeps, self_test
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.vault import Vault
from tests import factories as make
from tests.builder import build_tenant
from tests.openid_provider.bent import BentProvider
from tests.upstream.hostile import Hostile

REDIRECT_URL = "https://id.acme.example/auth/oidc/sso/callback"
VAULT = Vault(KeyRing([("tests", os.urandom(32))]))


@dataclass
class Bench:
    """One tenant, the settings of its provider, and the provider."""

    database: Database
    idp: Any
    """A `BentProvider`, or another running one."""
    tenant: Tenant
    clock: Clock = system_clock
    allow: tuple[str, ...] = ()
    secret: str | None = None
    secret_expires_at: datetime.datetime | None = None
    public_url: str | None = None

    async def provider(self, *, other_secret: str | None = None, **settings: Any) -> Provider:
        """The provider as it is stored, with its secret; `other_secret` says which of two works, newest or older."""
        values = {"issuer": self.idp.issuer, "client_id": self.idp.client_id, "redirect_url": REDIRECT_URL}
        good = self.secret or self.idp.client_secret
        texts = {None: [good], "newest": ["of-last-year", good], "older": [good, "of-next-year"]}[other_secret]
        async with self.database.transaction() as connection:
            provider = await make.make_provider(connection, self.tenant.id, **{**values, **settings})
            await make.give_secrets(connection, VAULT, provider, *texts, expires_at=self.secret_expires_at)
        return provider

    async def run(self, *, seconds: float = 20, **settings: Any) -> SelfTest:
        """Test a provider with these settings."""
        upstream = Upstream(allow=AllowList.parse([f"127.0.0.1:{self.idp.port}", *self.allow]))
        deps = SelfTestDeps(
            database=self.database,
            vault=VAULT,
            upstream=upstream,
            clock=self.clock,
            leeway_seconds=60,
            public_url=self.public_url,
        )
        try:
            return await self_test(deps, await self.provider(**settings), self.tenant.slug, seconds=seconds)
        finally:
            await upstream.aclose()


@pytest.fixture(scope="session")
def bent_provider() -> Iterator[BentProvider]:
    """One for the whole test process."""
    with BentProvider(redirect_uris=[REDIRECT_URL]) as running:
        yield running


@pytest_asyncio.fixture
async def hostile() -> AsyncIterator[Hostile]:
    """A server for what the provider cannot do, TLS for one."""
    server = Hostile()
    yield server
    await server.aclose()


@pytest_asyncio.fixture
async def bench(database: Database, bent_provider: BentProvider) -> AsyncIterator[Bench]:
    """Healthy, until the test bends something."""
    bent_provider.straighten()
    yield Bench(database, bent_provider, (await build_tenant(database)).tenant)
    bent_provider.straighten()
