"""Fetch a provider's published documents on request, before the cached ones expire."""

from uuid import UUID

from identity_api.db import providers, tenants
from identity_api.db.providers import Provider
from identity_api.errors import BadInput
from identity_api.oidc.errors import ProtocolError
from identity_api.permissions.delegation import Actor
from identity_api.providers.deps import ProviderDeps, unknown
from identity_api.relying_party.connection import line_to, renew_documents
from identity_api.upstream.errors import UpstreamError
from identity_api.vault import VaultError


async def refresh_metadata(deps: ProviderDeps, actor: Actor, provider_id: UUID) -> Provider:
    """Fetch the provider's documents now, in this process; other processes do within an hour, when their copies expire.

    Nothing is fetched again within half a minute. Plain OAuth 2.0 publishes nothing.

    Raises:
        NotFound: the tenant has no such provider.
        BadInput: with the code of the provider's fault; the cached documents stay in use.
    """
    async with deps.database.reading() as connection:
        provider = await providers.get(connection, actor.tenant_id, provider_id)
        tenant = await tenants.get(connection, actor.tenant_id)
    if provider is None or tenant is None:
        raise unknown()
    if provider.protocol == "oidc":
        try:
            await renew_documents(deps.documents, await line_to(deps, provider, tenant.slug))
        except (UpstreamError, ProtocolError, VaultError) as error:
            raise BadInput(error.message, code=error.code) from error
    return provider
