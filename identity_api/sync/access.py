"""What is needed to talk to one provider: its row, endpoints, our proof of being its client, and where its claims are."""

from uuid import UUID

import msgspec

from identity_api.db import providers, tenants
from identity_api.db.providers import Provider
from identity_api.errors import BadInput
from identity_api.mapping import ClaimSource, ProfileClaims, parse_claim_sources
from identity_api.oidc.client_auth import NONE, ClientAuthentication
from identity_api.oidc.errors import ProtocolError
from identity_api.sync.outcome import Stale
from identity_api.sync.parts import SyncParts
from identity_api.upstream.errors import UpstreamError
from identity_api.vault import VaultError


class Endpoints(msgspec.Struct, frozen=True):
    """Where to ask. Without `jwks_uri` it is plain OAuth 2.0, where nothing is signed."""

    token: str
    userinfo: str | None
    jwks: str | None = None
    algorithms: tuple[str, ...] = ()


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A provider, ready to be asked. `tenant` is the slug, by which the operator's outbound allowances are bound."""

    provider: Provider
    tenant: str
    endpoints: Endpoints
    client: ClientAuthentication
    profile_claims: ProfileClaims
    groups_sources: tuple[ClaimSource, ...]

    def __repr__(self) -> str:
        return f"Access({self.provider.slug!r})"


async def open_access(parts: SyncParts, tenant_id: UUID, provider_id: UUID) -> Access | Stale:
    """Everything that all syncs of one provider share, or why there can be none now.

    Metadata comes from the process's cache; nothing is sent with a token in it.
    """
    async with parts.database.transaction() as connection:
        provider = await providers.get(connection, tenant_id, provider_id)
        tenant = await tenants.get(connection, tenant_id)
        secrets = await providers.secrets(connection, tenant_id, provider_id)
    if provider is None or tenant is None or not provider.enabled:
        return Stale(reason="provider_disabled")
    try:
        client = _client(parts, provider, secrets)
        profile_claims, groups_sources = _claims(provider)
        endpoints = await _endpoints(parts, provider, tenant.slug)
    except (VaultError, UpstreamError, ProtocolError) as error:
        return Stale(reason=error.code.lower(), is_outage=isinstance(error, UpstreamError))
    except (BadInput, KeyError):
        return Stale(reason="provider_misconfigured")
    return Access(
        provider=provider,
        tenant=tenant.slug,
        endpoints=endpoints,
        client=client,
        profile_claims=profile_claims,
        groups_sources=groups_sources,
    )


async def _endpoints(parts: SyncParts, provider: Provider, tenant: str) -> Endpoints:
    if provider.protocol == "oauth2":
        return Endpoints(provider.endpoints["token"], provider.endpoints.get("userinfo"))
    found = await parts.documents.metadata(provider.issuer, discovery_url=provider.discovery_url, tenant=tenant)
    return Endpoints(found.token_endpoint, found.userinfo_endpoint, found.jwks_uri, found.id_token_algorithms)


def _client(parts: SyncParts, provider: Provider, secrets: list[providers.SealedSecret]) -> ClientAuthentication:
    """Who we are at the provider, proven with its newest secret."""
    secret = None
    if provider.client_authentication != NONE and secrets:
        newest = secrets[0]
        secret = parts.vault.open(
            newest.sealed, tenant_id=provider.tenant_id, table="provider_secret", column="sealed", row_id=newest.id
        ).decode()
    return ClientAuthentication(
        method=provider.client_authentication, client_id=provider.client_id, client_secret=secret
    )


def _claims(provider: Provider) -> tuple[ProfileClaims, tuple[ClaimSource, ...]]:
    places = provider.claims
    profile = ProfileClaims(
        anchor=parse_claim_sources(places.anchor),
        username=parse_claim_sources(places.username),
        display=parse_claim_sources(places.display),
        email=parse_claim_sources(places.email),
    )
    return profile, parse_claim_sources(places.groups, for_groups=True)
