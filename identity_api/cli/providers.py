"""Providers for the operator: what to register at one, and its self-test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from identity_api.cli.context import operator_name, tenant_named
from identity_api.cli.running_services import find_running
from identity_api.clock import system_clock
from identity_api.config import Settings
from identity_api.db import providers, tenants
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.errors import NotFound
from identity_api.providers.self_test.run import SelfTest, SelfTestDeps, keep_result, self_test
from identity_api.providers.urls import ProviderURLs, provider_urls
from identity_api.providers.waived_checks import exceptions_of
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.vault import Vault


class ProviderLine(msgspec.Struct, frozen=True):
    """A provider in the list."""

    tenant: str
    slug: str
    protocol: str
    issuer: str
    enabled: bool
    managed_by: str
    exceptions: tuple[str, ...] = ()
    """Checks that the operator has waived, as they are declared."""


class ProviderSheet(msgspec.Struct, frozen=True):
    """The values for setting up the client at the provider."""

    tenant: str
    slug: str
    protocol: str
    enabled: bool
    issuer: str
    client_id: str
    client_authentication: str
    scopes: tuple[str, ...]
    urls: ProviderURLs
    exceptions: tuple[str, ...] = ()
    """Checks that the operator has waived, each with the risk."""

    def rows(self) -> list[tuple[str, str]]:
        """Names and values, without what does not apply."""
        urls = self.urls
        found = [
            ("provider", f"{self.tenant}/{self.slug} ({self.protocol}{'' if self.enabled else ', switched off'})"),
            ("issuer", self.issuer),
            ("client ID", self.client_id),
            ("client authentication", self.client_authentication),
            ("scopes", " ".join(self.scopes)),
            ("redirect URL", urls.redirect),
            *[("sign-out redirect URL", one) for one in urls.post_logout_redirects],
            ("back-channel logout URL", urls.backchannel_logout),
            ("front-channel logout URL", urls.frontchannel_logout),
            ("initiate login URL", urls.initiate_login),
            *[("EXCEPTION", one) for one in self.exceptions],
        ]
        return [(name, value) for name, value in found if value is not None]


async def list_providers(database: Database, tenant_slug: str | None) -> list[ProviderLine]:
    """The providers of one tenant, or of all."""
    lines: list[ProviderLine] = []
    if tenant_slug is not None:
        await tenant_named(database, tenant_slug)
    async with database.reading() as connection:
        for tenant in await tenants.list_all(connection):
            if tenant_slug in (None, tenant.slug):
                found = await providers.of_tenant(connection, tenant.id)
                lines += [
                    ProviderLine(
                        tenant.slug,
                        one.slug,
                        one.protocol,
                        one.issuer,
                        one.enabled,
                        one.managed_by,
                        tuple([exception.setting for exception in exceptions_of(one.client_settings)]),
                    )
                    for one in found
                ]
    return lines


async def show_provider(database: Database, settings: Settings, tenant_slug: str, slug: str) -> ProviderSheet:
    """The provider with every address of this service to register there.

    Raises:
        NotFound: there is no such tenant or provider.
    """
    tenant, provider = await provider_named(database, tenant_slug, slug)
    async with database.reading() as connection:
        hosts = await tenants.hosts(connection, tenant.id)
    return ProviderSheet(
        tenant.slug,
        provider.slug,
        provider.protocol,
        provider.enabled,
        provider.issuer,
        provider.client_id,
        provider.client_authentication,
        provider.scopes,
        provider_urls(provider, tenant, hosts=hosts, public_url=settings.public_url),
        tuple([str(exception) for exception in exceptions_of(provider.client_settings)]),
    )


async def test_provider(database: Database, settings: Settings, tenant_slug: str, slug: str) -> SelfTest:
    """The self-test of a provider, enabled or not.

    Raises:
        NotFound: there is no such tenant or provider.
    """
    tenant, provider = await provider_named(database, tenant_slug, slug)
    async with self_test_deps(database, settings, allowed_targets(settings)) as deps:
        tested = await self_test(deps, provider, tenant.slug)
    await keep_result(database, operator_name(), provider, tested)
    return tested


def allowed_targets(settings: Settings) -> AllowList:
    """The allowed outbound targets: those configured here and for a running `dev`, and its demo provider."""
    running = find_running(settings.data_dir) if settings.database_url is None else None
    return AllowList.parse([*settings.outbound_allow, *(running.outbound_allow if running else ())])


@asynccontextmanager
async def self_test_deps(database: Database, settings: Settings, allowed: AllowList) -> AsyncIterator[SelfTestDeps]:
    """The parts of a self-test, with connections of their own."""
    upstream = Upstream(allow=allowed)
    try:
        yield SelfTestDeps(
            database=database,
            vault=Vault(settings.secret_keys),
            upstream=upstream,
            clock=system_clock,
            leeway_seconds=settings.leeway_seconds,
            public_url=settings.public_url,
        )
    finally:
        await upstream.aclose()


async def provider_named(database: Database, tenant_slug: str, slug: str) -> tuple[Tenant, Provider]:
    """The tenant and its provider of these slugs.

    Raises:
        NotFound: there is none.
    """
    tenant_id = await tenant_named(database, tenant_slug)
    async with database.reading() as connection:
        tenant = await tenants.by_slug(connection, tenant_slug)
        provider = await providers.by_slug(connection, tenant_id, slug)
    if tenant is None or provider is None:
        hint = f"`identity-api provider list {tenant_slug}` shows those there are."
        raise NotFound(f"The tenant {tenant_slug} has no provider {slug}. {hint}")
    return tenant, provider
