"""Every step of the self-test, in an order in which the first failure is the cause and not its consequence.

Nothing is written, and no provider call is made inside a transaction.
"""

import asyncio
from typing import Final

import msgspec

from identity_api.clock import Clock
from identity_api.db import audit
from identity_api.db.client_keys import sealed_client
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.diagnostics.findings import Finding, fail, verdict
from identity_api.errors import BadInput
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.providers.self_test.announced import examine_announced
from identity_api.providers.self_test.authorization import judge_pages, open_pages
from identity_api.providers.self_test.callback import examine_callback
from identity_api.providers.self_test.client import (
    Carrier,
    examine_client,
    examine_secret,
    line_for_test,
    open_for_test,
)
from identity_api.providers.self_test.clocks import examine_clock
from identity_api.providers.self_test.discovery import ENDPOINTS, discover
from identity_api.providers.self_test.exceptions import examine_exceptions
from identity_api.providers.self_test.keys import examine_algorithms, examine_keys
from identity_api.providers.self_test.probe import Probe
from identity_api.providers.self_test.refreshes import examine_refreshes
from identity_api.providers.self_test.userinfo import examine_userinfo
from identity_api.relying_party.client import ProviderClient
from identity_api.relying_party.connection import configured_metadata
from identity_api.upstream.exchange import Upstream
from identity_api.vault import Vault

DEFAULT_SECONDS: Final = 30.0


class SelfTestDeps(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the process that the self-test needs. Built by its caller."""

    database: Database
    vault: Vault
    upstream: Upstream
    clock: Clock
    leeway_seconds: int
    public_url: str | None = None


class SelfTest(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `verdict` names the fault, if there is one: it is what to read first."""

    verdict: Finding
    findings: tuple[Finding, ...]


async def keep_result(database: Database, actor: str, provider: Provider, tested: SelfTest) -> None:
    """Record in the audit what a test that somebody asked for has found: steps and codes, and no text of the provider."""
    found = [{"step": one.step, "status": one.status, "code": one.code} for one in tested.findings]
    payload = {"code": tested.verdict.code, "findings": found}
    event = audit.Event("provider.self_tested", "provider", provider.id, payload)
    async with database.transaction() as connection:
        await audit.record(connection, provider.tenant_id, actor, [event])


async def self_test(
    deps: SelfTestDeps, provider: Provider, tenant_slug: str, *, seconds: float = DEFAULT_SECONDS
) -> SelfTest:
    """Test a provider, enabled or not.

    Args:
        provider: as it is configured.
        tenant_slug: outbound allowances are bound to tenants by this name.
        seconds: wall-clock time for everything; what has not answered by then has not answered in time.
    """
    async with deps.database.reading() as connection:
        sealed = await sealed_client(connection, provider.tenant_id, provider.id)
        refreshes = await examine_refreshes(connection, provider)
    line = line_for_test(deps.vault, provider, tenant_slug, sealed)
    if isinstance(line, Finding):
        return SelfTest(verdict=line, findings=(line,))
    testing = _Testing(deps, Probe(deps.upstream, line, seconds=seconds))
    findings = [*await (testing.openid() if provider.protocol == "oidc" else testing.plain()), refreshes]
    findings += examine_exceptions(provider)
    return SelfTest(verdict=verdict(findings), findings=tuple(findings))


class _Testing:
    """One test under way."""

    def __init__(self, deps: SelfTestDeps, probe: Probe) -> None:
        self._deps, self._probe, self._provider = deps, probe, probe.line.provider
        self._carrier = Carrier(upstream=deps.upstream, clock=deps.clock)

    async def openid(self) -> list[Finding]:
        """Discovery first: everything else is at addresses that it names."""
        found = await discover(self._probe, self._provider)
        asked_at = self._deps.clock()
        findings = [*found.findings, self._secret(), await self._callback(found.metadata)]
        if found.metadata is None:
            return findings
        keys, endpoints = await asyncio.gather(
            examine_keys(self._probe, found.metadata), self._endpoints(found.metadata)
        )
        return [
            *findings,
            examine_algorithms(found.metadata),
            keys,
            *endpoints,
            *examine_announced(self._provider, found.metadata),
            examine_clock(found.answer, asked_at, self._deps.leeway_seconds),
        ]

    async def plain(self) -> list[Finding]:
        """Plain OAuth 2.0: no document, no keys; the configured endpoints are all there is."""
        try:
            metadata = configured_metadata(self._provider)
        except BadInput as error:
            return [fail(ENDPOINTS, "ENDPOINT_MISSING", error.message, expected=error.field), self._secret()]
        return [self._secret(), await self._callback(metadata), *await self._endpoints(metadata)]

    async def _callback(self, metadata: ProviderMetadata | None) -> Finding:
        return await examine_callback(self._deps.database, self._provider, metadata, self._deps.public_url)

    def _secret(self) -> Finding:
        return examine_secret(self._provider, self._probe.line.sealed, self._deps.clock())

    async def _endpoints(self, metadata: ProviderMetadata) -> list[Finding]:
        """The three endpoints that a login uses, all at once."""
        client = self._client(metadata)
        known = client if isinstance(client, ProviderClient) else None
        opened, userinfo, judged = await asyncio.gather(
            open_pages(self._probe, self._carrier, known, self._provider, metadata),
            examine_userinfo(self._probe, metadata, self._deps.clock(), method=self._provider.claims.userinfo_method),
            self._judge(client, metadata),
        )
        is_known = any(finding.status == "ok" for finding in judged)
        return [*judged, judge_pages(opened, self._provider, metadata, client_is_known=is_known), userinfo]

    def _client(self, metadata: ProviderMetadata) -> ProviderClient | Finding | None:
        """Who we are there; None where the finding about the secret has said why we are nobody."""
        if self._secret().status == "fail":
            return None
        return open_for_test(self._deps.vault, self._carrier, self._probe.line, metadata)

    async def _judge(self, client: ProviderClient | Finding | None, metadata: ProviderMetadata) -> list[Finding]:
        match client:
            case ProviderClient():
                return [await examine_client(self._probe, self._carrier, client, metadata)]
            case Finding():
                return [client]
        return []
