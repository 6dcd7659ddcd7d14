"""Who we are at a provider: the client's id with its opened secret. For logins and syncs alike."""

from identity_api.db import providers
from identity_api.db.database import Connection
from identity_api.db.providers import Provider, SealedSecret
from identity_api.oidc.client_auth import NONE, ClientAuthentication
from identity_api.vault import Vault


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
