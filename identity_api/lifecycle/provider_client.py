"""A provider as we talk to it: its endpoints, and who we are there. For logins and syncs alike."""

from identity_api.db import providers
from identity_api.db.database import Connection
from identity_api.db.providers import Provider, SealedSecret
from identity_api.errors import BadInput
from identity_api.oidc.client_auth import NONE, ClientAuthentication
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.jwks import KeySet
from identity_api.upstream.keys import ProviderDocuments
from identity_api.vault import Vault

Documents = ProviderDocuments[ProviderMetadata, KeySet]


async def metadata_of(documents: Documents, provider: Provider, tenant_slug: str) -> ProviderMetadata:
    """The provider's metadata: discovered, or for plain OAuth 2.0 put together from the configured endpoints.

    Args:
        tenant_slug: outbound allowances are bound to tenants by this name.

    Raises:
        UpstreamError, ProtocolError: it cannot be had, and none is held.
        BadInput: an OAuth 2.0 provider lacks an endpoint.
    """
    if provider.protocol == "oidc":
        return await documents.metadata(provider.issuer, discovery_url=provider.discovery_url, tenant=tenant_slug)
    try:
        return ProviderMetadata(
            issuer=provider.issuer,
            authorization_endpoint=provider.endpoints["authorization"],
            token_endpoint=provider.endpoints["token"],
            userinfo_endpoint=provider.endpoints["userinfo"],
            jwks_uri="",  # no ID Token, so no keys
        )
    except KeyError as missing:
        raise BadInput("An OAuth 2.0 provider needs three endpoints.", field=f"endpoints.{missing.args[0]}") from None


async def client_of(connection: Connection, vault: Vault, provider: Provider) -> ClientAuthentication:
    """The client's proof, with the newest secret that has not expired.

    Raises:
        BadInput: the configured method and the presence of a secret do not fit.
        VaultError: the secret does not open.
    """
    secrets = await providers.secrets(connection, provider.tenant_id, provider.id)
    return ClientAuthentication(
        method=provider.client_authentication,
        client_id=provider.client_id,
        client_secret=_opened(vault, provider, secrets[0])
        if secrets and provider.client_authentication != NONE
        else None,
    )


def _opened(vault: Vault, provider: Provider, secret: SealedSecret) -> str:
    return vault.open(
        secret.sealed, tenant_id=provider.tenant_id, table="provider_secret", column="sealed", row_id=secret.id
    ).decode()
