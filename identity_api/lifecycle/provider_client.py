"""A provider as we talk to it: its documents, who we are there, and over which TLS. For logins and syncs alike.

Carrying a request in which we prove who we are is `provider_requests`'.
"""

import ssl
from collections.abc import Callable
from typing import Literal, TypeVar
from uuid import UUID

import msgspec

from identity_api.db import client_keys, providers
from identity_api.db.client_keys import ClientKey
from identity_api.db.database import Connection
from identity_api.db.providers import Provider, SealedSecret
from identity_api.errors import BadInput
from identity_api.lifecycle.provider_memory import ProviderMemory
from identity_api.oidc.client_auth import PRIVATE_KEY_JWT, SECRET_METHODS, ClientAuthentication
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.errors import AmbiguousKey, InvalidSignature, UnknownKey
from identity_api.oidc.jwks import KeySet
from identity_api.oidc.own_keys import OwnKey, OwnKeys, read_own_key
from identity_api.upstream.keys import ProviderDocuments
from identity_api.upstream.tls import verifying_context
from identity_api.vault import Vault

Documents = ProviderDocuments[ProviderMetadata, KeySet]
T = TypeVar("T")


async def metadata_of(documents: Documents, provider: Provider, tenant_slug: str) -> ProviderMetadata:
    """The provider's metadata: discovered, or for plain OAuth 2.0 put together from the configured endpoints.

    Args:
        tenant_slug: outbound allowances are bound to tenants by this name.

    Raises:
        UpstreamError, ProtocolError: it cannot be had, and none is held.
        BadInput: an OAuth 2.0 provider lacks an endpoint.
    """
    if provider.protocol == "oidc":
        return await documents.metadata(
            provider.issuer, discovery_url=provider.discovery_url, tenant=tenant_slug, tls=trust_of(provider)
        )
    return configured_metadata(provider)


def configured_metadata(provider: Provider) -> ProviderMetadata:
    """What stands in for metadata where there is no discovery: the endpoints of an OAuth 2.0 provider.

    Raises:
        BadInput: it lacks an endpoint.
    """
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


async def judged_by_keys(
    documents: Documents,
    provider: Provider,
    metadata: ProviderMetadata,
    tenant_slug: str,
    judge: Callable[[KeySet], T],
) -> T:
    """What `judge` says with the provider's keys. Keys rotate: where another set could say otherwise, it is fetched anew,
    once (Core 10.1.1).

    A wrong signature is such a case, as an unknown key is: some providers name no key, or each of their keys the same, and
    then a key that is gone stands in for the one that signed.

    Raises:
        UpstreamError, InvalidKeySet: there are no keys to be had.
        UnknownKey, AmbiguousKey, InvalidSignature, and whatever else `judge` raises.
    """
    tls = trust_of(provider)
    keys = await documents.keys(metadata.jwks_uri, tenant=tenant_slug, tls=tls)
    try:
        return judge(keys)
    except (UnknownKey, AmbiguousKey, InvalidSignature):
        newer = await documents.refetch_keys(metadata.jwks_uri, judged=keys, tenant=tenant_slug, tls=tls)
        if newer is keys:
            raise
        return judge(newer)


def trust_of(provider: Provider) -> ssl.SSLContext | None:
    """TLS for what the provider publishes; None for the system's authorities. The host name is always checked.

    Documents are public, so our own certificate is not shown for them.

    Raises:
        BadInput: the configured authorities cannot be read.
    """
    return _tls(provider.client_settings.ca_certificate_pem, None)


class SealedClient(msgspec.Struct, frozen=True):
    """What the database holds for proving who we are, still sealed: secrets and keys, the newest first."""

    secrets: tuple[SealedSecret, ...]
    keys: tuple[ClientKey, ...]


async def sealed_client(connection: Connection, provider: Provider) -> SealedClient:
    """The secrets that have not expired, and the keys that are not retired."""
    secrets = await providers.secrets(connection, provider.tenant_id, provider.id)
    return SealedClient(tuple(secrets), tuple(await client_keys.live(connection, provider.tenant_id, provider.id)))


class Proof(msgspec.Struct, frozen=True):
    """One way to prove who we are. `secret_id` is the row of the client secret in it, if there is one."""

    authentication: ClientAuthentication
    secret_id: UUID | None = None


class ProviderClient(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are at one provider. `tenant` is the slug, by which the operator's outbound allowances are bound."""

    provider: Provider
    tenant: str
    proofs: tuple[Proof, ...]
    """In the order to try them; more than one while client secrets overlap."""
    decryption_keys: OwnKeys
    tls: ssl.SSLContext | None

    def __repr__(self) -> str:
        return f"ProviderClient({self.provider.slug!r})"


def open_client(
    vault: Vault,
    memory: ProviderMemory,
    provider: Provider,
    metadata: ProviderMetadata | None,
    tenant_slug: str,
    sealed: SealedClient,
) -> ProviderClient:
    """Open what is needed to prove who we are. Without metadata, JWTs are for the configured issuer.

    Raises:
        BadInput: method, secret and keys do not fit, or a certificate cannot be read.
        VaultError: a secret or key does not open.
    """

    def opened(key: ClientKey) -> bytes:
        return vault.open(key.sealed, tenant_id=provider.tenant_id, table="client_key", column="sealed", row_id=key.id)

    def own(key: ClientKey) -> OwnKey:
        use: Literal["sig", "enc"] = "enc" if key.use == "enc" else "sig"
        return memory.own_key(key.id, lambda: read_own_key(opened(key), use=use, key_id=key.key_id))

    certificate = next((opened(key).decode() for key in sealed.keys if key.use == "tls"), None)
    encrypting = [own(key) for key in sealed.keys if key.use == "enc"] if _decrypts(provider) else []
    return ProviderClient(
        provider=provider,
        tenant=tenant_slug,
        proofs=_proofs(vault, provider, metadata, sealed, own),
        decryption_keys=OwnKeys(keys=tuple(encrypting)),
        tls=_tls(provider.client_settings.ca_certificate_pem, certificate),
    )


async def client_of(
    connection: Connection, vault: Vault, provider: Provider, metadata: ProviderMetadata | None = None
) -> ClientAuthentication:
    """The proof that is tried first, for whoever sends a request by other means than `provider_requests`.

    Raises: as `open_client`.
    """
    sealed = await sealed_client(connection, provider)
    return open_client(vault, ProviderMemory(), provider, metadata, "", sealed).proofs[0].authentication


def _decrypts(provider: Provider) -> bool:
    return provider.client_settings.encrypted_id_tokens


def _proofs(
    vault: Vault,
    provider: Provider,
    metadata: ProviderMetadata | None,
    sealed: SealedClient,
    own: Callable[[ClientKey], OwnKey],
) -> tuple[Proof, ...]:
    method, audience = provider.client_authentication, provider.issuer
    if metadata is not None:
        at_token_endpoint = provider.client_settings.assertion_audience == "TOKEN_ENDPOINT"
        audience = metadata.token_endpoint if at_token_endpoint else metadata.issuer

    def proof(secret: str | None = None, key: OwnKey | None = None, secret_id: UUID | None = None) -> Proof:
        authentication = ClientAuthentication(
            method=method, client_id=provider.client_id, client_secret=secret, signing_key=key, audience=audience
        )
        return Proof(authentication, secret_id)

    if method in SECRET_METHODS and sealed.secrets:
        return tuple([proof(_opened(vault, provider, secret), secret_id=secret.id) for secret in sealed.secrets[:2]])
    if method == PRIVATE_KEY_JWT:
        keys = OwnKeys(keys=tuple([own(key) for key in _signing_order(sealed.keys)]))
        announced = metadata.token_endpoint_auth_algorithms if metadata is not None else ()
        return (proof(key=keys.signing(announced or None)),)
    return (proof(),)


def _signing_order(keys: tuple[ClientKey, ...]) -> list[ClientKey]:
    """The newest key that the provider has had time to read, first; then what is too new, the oldest first."""
    signing = [key for key in keys if key.use == "sig"]
    known = [key for key in signing if key.is_known]
    return known + [key for key in reversed(signing) if not key.is_known]


def _opened(vault: Vault, provider: Provider, secret: SealedSecret) -> str:
    return vault.open(
        secret.sealed, tenant_id=provider.tenant_id, table="provider_secret", column="sealed", row_id=secret.id
    ).decode()


def _tls(ca_pem: str | None, certificate_pem: str | None) -> ssl.SSLContext | None:
    if ca_pem is None and certificate_pem is None:
        return None
    try:
        return verifying_context(ca_pem=ca_pem, certificate_pem=certificate_pem)
    except (OSError, ValueError) as error:
        raise BadInput("A certificate of the provider's settings cannot be read.", field="certificate") from error
