"""The client of this service at a provider, and its authentication. For logins and syncs alike.

`connection` reaches the provider; `requests` sends authenticated requests.
"""

from collections.abc import Callable
from typing import Literal
from uuid import UUID

import msgspec

from identity_api.db.client_keys import ClientKey
from identity_api.db.providers import Provider, SealedSecret
from identity_api.errors import BadInput
from identity_api.oidc.client_auth import (
    APPLE_CLIENT_SECRET,
    PRIVATE_KEY_JWT,
    SECRET_METHODS,
    TLS_METHODS,
    ClientAuthentication,
)
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.own_keys import OwnKey, OwnKeys, read_apple_key, read_own_key
from identity_api.relying_party.cache import ProviderCache
from identity_api.relying_party.connection import ProviderConnection
from identity_api.vault import Vault


class Proof(msgspec.Struct, frozen=True):
    """One way to authenticate. `secret_id` is the row of the client secret in it, if there is one."""

    authentication: ClientAuthentication
    secret_id: UUID | None = None


class ProviderClient(msgspec.Struct, frozen=True, kw_only=True):
    """The client at one provider, and the connection to it."""

    line: ProviderConnection
    proofs: tuple[Proof, ...]
    """In the order to try them; more than one while client secrets overlap."""
    decryption_keys: OwnKeys

    @property
    def provider(self) -> Provider:
        """Where that is."""
        return self.line.provider

    def __repr__(self) -> str:
        return f"ProviderClient({self.provider.slug!r})"


def open_client(
    vault: Vault, memory: ProviderCache, line: ProviderConnection, metadata: ProviderMetadata | None
) -> ProviderClient:
    """Open the secrets and keys for client authentication. Without metadata, JWTs are for the configured issuer.

    Raises:
        BadInput: method, secret, keys and certificate do not fit.
        VaultError: a secret or key does not open.
    """
    provider, sealed = line.provider, line.sealed

    def opened(key: ClientKey) -> bytes:
        return vault.open(key.sealed, tenant_id=provider.tenant_id, table="client_key", column="sealed", row_id=key.id)

    def own(key: ClientKey) -> OwnKey:
        use: Literal["sig", "enc"] = "enc" if key.use == "enc" else "sig"
        return memory.own_key(key.id, lambda: read_own_key(opened(key), use=use, key_id=key.key_id))

    encrypting = [own(key) for key in sealed.keys if key.use == "enc"] if _decrypts(provider) else []
    return ProviderClient(
        line=line,
        proofs=_proofs(vault, line, metadata, own),
        decryption_keys=OwnKeys(keys=tuple(encrypting)),
    )


def _decrypts(provider: Provider) -> bool:
    return provider.client_settings.encrypted_id_tokens


def _proofs(
    vault: Vault, line: ProviderConnection, metadata: ProviderMetadata | None, own: Callable[[ClientKey], OwnKey]
) -> tuple[Proof, ...]:
    provider, sealed = line.provider, line.sealed
    method, audience = provider.client_authentication, provider.issuer
    if metadata is not None:
        at_token_endpoint = provider.client_settings.assertion_audience == "TOKEN_ENDPOINT"
        audience = metadata.token_endpoint if at_token_endpoint else metadata.issuer

    def proof(secret: str | None = None, key: OwnKey | None = None, secret_id: UUID | None = None) -> Proof:
        authentication = ClientAuthentication(
            method=method,
            client_id=provider.client_id,
            client_secret=secret,
            signing_key=key,
            audience=audience,
            team_id=provider.client_settings.apple_team_id,
        )
        return Proof(authentication, secret_id)

    if method in SECRET_METHODS and sealed.secrets:
        opened = [(_opened(vault, provider, secret), secret.id) for secret in sealed.secrets[:2]]
        if method == APPLE_CLIENT_SECRET:
            key_id = provider.client_settings.apple_key_id
            return tuple([proof(key=read_apple_key(secret, key_id), secret_id=row_id) for secret, row_id in opened])
        return tuple([proof(secret, secret_id=row_id) for secret, row_id in opened])
    if method == PRIVATE_KEY_JWT:
        keys = OwnKeys(keys=tuple([own(key) for key in _signing_order(sealed.keys)]))
        announced = metadata.token_endpoint_auth_algorithms if metadata is not None else ()
        return (proof(key=keys.signing(announced or None)),)
    if method in TLS_METHODS and not line.shows_certificate:
        message = "This client authentication needs a TLS client certificate, and none is stored."
        raise BadInput(message, field="tls_client_certificate_file")
    return (proof(),)


def _signing_order(keys: tuple[ClientKey, ...]) -> list[ClientKey]:
    """First the newest key that the provider has had time to read; then keys that are too new, the oldest first."""
    signing = [key for key in keys if key.use == "sig"]
    known = [key for key in signing if key.is_known]
    return known + [key for key in reversed(signing) if not key.is_known]


def _opened(vault: Vault, provider: Provider, secret: SealedSecret) -> str:
    return vault.open(
        secret.sealed, tenant_id=provider.tenant_id, table="provider_secret", column="sealed", row_id=secret.id
    ).decode()
