"""Each enabled provider as a login would find it: allowed, reachable, telling its issuer, publishing keys."""

import asyncio
import time

from identity_api.cli.doctor.finding import Finding, fail, ok
from identity_api.db import providers, tenants
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.errors import IdentityAPIError
from identity_api.lifecycle.provider_client import Documents, metadata_of, trust_of
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.errors import Refused
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents

AT_ONCE = 8


async def examine_providers(database: Database, allowed: AllowList) -> list[Finding]:
    """One finding a provider, in the order of tenants and providers."""
    async with database.reading() as connection:
        found = [
            (tenant.slug, provider)
            for tenant in await tenants.list_all(connection)
            for provider in await providers.of_tenant(connection, tenant.id)
            if provider.enabled
        ]
    upstream = Upstream(allow=allowed)
    documents = provider_documents(upstream, monotonic=time.monotonic)
    slots = asyncio.Semaphore(AT_ONCE)
    try:
        return await asyncio.gather(*[_examine(slots, documents, slug, provider) for slug, provider in found])
    finally:
        await documents.aclose()
        await upstream.aclose()


async def _examine(slots: asyncio.Semaphore, documents: Documents, slug: str, provider: Provider) -> Finding:
    subject = f"provider {slug}/{provider.slug}"
    async with slots:
        try:
            metadata = await metadata_of(documents, provider, slug)
            if provider.protocol == "oidc":
                await documents.keys(metadata.jwks_uri, tenant=slug, tls=trust_of(provider))
        except Refused as error:
            return fail(subject, f"{error.message}. If the target is meant, list it in IDENTITY_OUTBOUND_ALLOW.")
        except IdentityAPIError as error:
            return fail(
                subject, f"{error.message.rstrip('.')} ({error.code}). Look at its issuer, and at the provider."
            )
    return ok(subject, "discovery, issuer and keys are in order.")
