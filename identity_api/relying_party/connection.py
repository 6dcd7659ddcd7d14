"""The connection to a provider: tenant, trusted authorities and client certificate (RFC 8446, RFC 8705).

All requests to a provider go through it: documents, tokens, pushed requests, UserInfo, and a groups API on its own host.
So no request can miss the provider's TLS settings; a test looks for calls that bypass this module.

The client certificate is presented whenever the server asks for one, for public documents too: some providers accept no
connection without it. It proves the client's identity and reveals nothing that the server could use.
"""

import ssl
from collections.abc import Callable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from identity_api.db.client_keys import ClientKey, SealedClient, sealed_client
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.errors import BadInput
from identity_api.oidc.discovery import ProviderMetadata, configuration_url, with_mtls_aliases
from identity_api.oidc.errors import AmbiguousKey, InvalidSignature, UnknownKey
from identity_api.oidc.jwks import KeySet
from identity_api.oidc.messages import Answer, Request
from identity_api.upstream.exchange import DEFAULT_CAP_BYTES, Upstream
from identity_api.upstream.httpx_client import httpx_client
from identity_api.upstream.keys import ProviderDocuments
from identity_api.upstream.tls import verifying_context
from identity_api.vault import Vault

Documents = ProviderDocuments[ProviderMetadata, KeySet]
T = TypeVar("T")
_CONTACT = ("authorization", "token", "userinfo")


class ConnectionDeps(Protocol):
    """The parts of a process that open connections to providers."""

    @property
    def database(self) -> Database:
        """Holds keys and secrets, sealed."""

    @property
    def vault(self) -> Vault:
        """Opens them."""


class ProviderConnection(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider is reached. `tenant` is the slug, by which the operator's outbound allowances are bound.

    `tls` is None for the system's authorities and no client certificate. Chain and host name are checked in every case.
    """

    provider: Provider
    tenant: str
    sealed: SealedClient
    tls: ssl.SSLContext | None
    shows_certificate: bool

    def __repr__(self) -> str:
        return f"Line({self.provider.slug!r})"

    async def send(
        self,
        upstream: Upstream,
        request: Request,
        *,
        deadline: float,
        cap: int = DEFAULT_CAP_BYTES,
        answer_seconds: float | None = None,
        may_send: Callable[[], bool] | None = None,
    ) -> Answer:
        """Send a request to the provider. Arguments and errors are those of `Upstream.exchange`."""
        return await upstream.exchange(
            request,
            deadline=deadline,
            cap=cap,
            tenant=self.tenant,
            tls=self.tls,
            answer_seconds=answer_seconds,
            may_send=may_send,
        )

    def client(self, upstream: Upstream, *, deadline: float, cap: int = DEFAULT_CAP_BYTES) -> httpx.AsyncClient:
        """The same connection as an httpx client, for code that calls an API. Errors are httpx's, with the
        `UpstreamError` as their cause.
        """
        return httpx_client(upstream, deadline=deadline, cap=cap, tenant=self.tenant, tls=self.tls)

    def for_host(self, address: str) -> "ProviderConnection":
        """This connection, if the address is on one of the provider's own hosts; otherwise one without the provider's
        TLS settings.

        For addresses that need not be the provider's, such as a vendor's groups API.
        """
        provider = self.provider
        own = [provider.issuer, provider.discovery_url, *[provider.endpoints.get(name) for name in _CONTACT]]
        if urlsplit(address).hostname in {urlsplit(one).hostname for one in own if one is not None}:
            return self
        return msgspec.structs.replace(self, tls=None, shows_certificate=False)

    def announced(self, metadata: ProviderMetadata) -> ProviderMetadata:
        """The metadata for this client: with the mTLS aliases, if it presents a certificate (RFC 8705 section 5).

        Raises:
            InvalidMetadata: it does, and an alias cannot be used.
        """
        return with_mtls_aliases(metadata) if self.shows_certificate else metadata


async def line_to(deps: ConnectionDeps, provider: Provider, tenant_slug: str) -> ProviderConnection:
    """The connection to a provider, as it is configured now.

    Raises:
        BadInput: a certificate of its settings cannot be read.
        VaultError: the client certificate does not open.
    """
    async with deps.database.reading() as connection:
        sealed = await sealed_client(connection, provider.tenant_id, provider.id)
    return open_line(deps.vault, provider, tenant_slug, sealed)


def open_line(vault: Vault, provider: Provider, tenant_slug: str, sealed: SealedClient) -> ProviderConnection:
    """The same for a caller that has already read the sealed values. Raises as `line_to`."""
    certificate = next((_opened(vault, provider, key) for key in sealed.keys if key.use == "tls"), None)
    return ProviderConnection(
        provider=provider,
        tenant=tenant_slug,
        sealed=sealed,
        tls=_tls(provider.client_settings.ca_certificate_pem, certificate),
        shows_certificate=certificate is not None,
    )


async def metadata_of(documents: Documents, line: ProviderConnection) -> ProviderMetadata:
    """The provider's metadata: discovered, or for plain OAuth 2.0 put together from the configured endpoints.

    Raises:
        UpstreamError, ProtocolError: it cannot be fetched, and none is cached.
        BadInput: an OAuth 2.0 provider lacks an endpoint.
    """
    provider = line.provider
    if provider.protocol != "oidc":
        return configured_metadata(provider)
    return line.announced(
        await documents.metadata(
            provider.issuer, discovery_url=provider.discovery_url, tenant=line.tenant, tls=line.tls
        )
    )


def document_of(provider: Provider) -> str | None:
    """Where the provider's metadata document is; None for plain OAuth 2.0, which has none."""
    if provider.protocol != "oidc":
        return None
    return provider.discovery_url or configuration_url(provider.issuer)


async def renew_documents(documents: Documents, line: ProviderConnection) -> None:
    """Fetch metadata and keys now, unless that was done a moment ago. Raises as `ProviderDocuments.renew`."""
    provider = line.provider
    await documents.renew(
        provider.issuer,
        discovery_url=provider.discovery_url,
        tenant=line.tenant,
        tls=line.tls,
        jwks_uri=lambda metadata: metadata.jwks_uri,
    )


async def judged_by_keys(
    documents: Documents, line: ProviderConnection, metadata: ProviderMetadata, judge: Callable[[KeySet], T]
) -> T:
    """The result of `judge` with the provider's keys. Keys rotate: if a newer set could change the result, it is
    fetched once (Core 10.1.1).

    A wrong signature is such a case, like an unknown key: some providers name no key, or give all keys the same name,
    and then a removed key is tried in place of the one that signed.

    Raises:
        UpstreamError, InvalidKeySet: there are no keys.
        UnknownKey, AmbiguousKey, InvalidSignature, and all other errors of `judge`.
    """
    keys = await documents.keys(metadata.jwks_uri, tenant=line.tenant, tls=line.tls)
    try:
        return judge(keys)
    except (UnknownKey, AmbiguousKey, InvalidSignature):
        newer = await documents.refetch_keys(metadata.jwks_uri, judged=keys, tenant=line.tenant, tls=line.tls)
        if newer is keys:
            raise
        return judge(newer)


def configured_metadata(provider: Provider) -> ProviderMetadata:
    """The configured endpoints of an OAuth 2.0 provider, in place of metadata from discovery.

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


def _opened(vault: Vault, provider: Provider, key: ClientKey) -> str:
    return vault.open(
        key.sealed, tenant_id=provider.tenant_id, table="client_key", column="sealed", row_id=key.id
    ).decode()


def _tls(ca_pem: str | None, certificate_pem: str | None) -> ssl.SSLContext | None:
    if ca_pem is None and certificate_pem is None:
        return None
    try:
        return verifying_context(ca_pem=ca_pem, certificate_pem=certificate_pem)
    except (OSError, ValueError) as error:
        raise BadInput("A certificate of the provider's settings cannot be read.", field="certificate") from error
