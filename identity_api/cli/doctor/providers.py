"""Run the self-test of each enabled provider: finds what keeps people from signing in now or soon."""

import asyncio

from identity_api.cli.doctor.finding import Finding, fail, ok, warn
from identity_api.cli.providers import self_test_deps
from identity_api.config import Settings
from identity_api.db import providers, tenants
from identity_api.db.database import Database
from identity_api.diagnostics import explain_finding
from identity_api.diagnostics.findings import Finding as TestFinding
from identity_api.providers.self_test.run import SelfTest, self_test
from identity_api.upstream.addresses import AllowList

AT_ONCE = 8


async def examine_providers(database: Database, settings: Settings, allowed: AllowList) -> list[Finding]:
    """A line for every fault of a provider, or one line that there is none; by tenant and provider."""
    async with database.reading() as connection:
        found = [
            (tenant.slug, provider)
            for tenant in await tenants.list_all(connection)
            for provider in await providers.of_tenant(connection, tenant.id)
            if provider.enabled
        ]
    slots = asyncio.Semaphore(AT_ONCE)
    async with self_test_deps(database, settings, allowed) as deps:

        async def tested(slug: str, provider: providers.Provider) -> list[Finding]:
            async with slots:
                return _lines(f"provider {slug}/{provider.slug}", await self_test(deps, provider, slug))

        lines = await asyncio.gather(*[tested(slug, provider) for slug, provider in found])
    return [line for of_provider in lines for line in of_provider]


def _lines(subject: str, tested: SelfTest) -> list[Finding]:
    wrong = [one for one in tested.findings if one.status in ("fail", "warn")]
    if not wrong:
        return [ok(subject, "its self-test finds nothing wrong.")]
    return [(fail if one.status == "fail" else warn)(subject, _told(one)) for one in wrong]


def _told(finding: TestFinding) -> str:
    return f"{finding.message} {explain_finding(finding.code).remedy}"
