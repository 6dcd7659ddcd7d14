"""What all syncs of one provider share: its row, its endpoints, and the credentials for client authentication."""

import asyncio
from typing import NamedTuple
from uuid import UUID

import msgspec

from identity_api.db import providers, tenants
from identity_api.db.client_keys import sealed_client
from identity_api.db.providers import Provider
from identity_api.db.sync import Claimed
from identity_api.errors import BadInput
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.errors import ProtocolError
from identity_api.relying_party.client import ProviderClient, open_client
from identity_api.relying_party.connection import metadata_of, open_line
from identity_api.relying_party.refresh_tokens import LoginTokens
from identity_api.sync.deps import SyncDeps
from identity_api.sync.outcome import Stale
from identity_api.upstream.errors import UpstreamError
from identity_api.vault import VaultError

KEPT_SECONDS = 1.0
MAX_KEPT = 1_000
"""Providers that are kept before the expired ones are removed."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A provider, ready to be called."""

    provider: Provider
    metadata: ProviderMetadata
    client: ProviderClient

    def __repr__(self) -> str:
        return f"Access({self.provider.slug!r})"

    @property
    def has_id_tokens(self) -> bool:
        """Whether the provider issues ID Tokens. A plain OAuth 2.0 provider does not."""
        return self.provider.protocol == "oidc"

    def asks_with_access_token(self, kept: LoginTokens) -> bool:
        """Whether this login is synced by UserInfo with its access token. Decided at the login: a refresh token is never sent to
        UserInfo, and an access token never to the token endpoint, whatever the provider's setting says by now.
        """
        return self.provider.sync == "ACCESS_TOKEN" if kept.is_access_token is None else kept.is_access_token


async def open_access(deps: SyncDeps, tenant_id: UUID, provider_id: UUID) -> Access | Stale:
    """Everything that all syncs of one provider share, or why they cannot run now.

    Metadata comes from the process's cache; nothing is sent with a token in it.

    Raises:
        Unavailable: the database does not answer.
    """
    async with deps.database.transaction() as connection:
        provider = await providers.get(connection, tenant_id, provider_id)
        tenant = await tenants.get(connection, tenant_id)
        if provider is None or tenant is None or not provider.enabled:
            return Stale(reason="provider_disabled")
        sealed = await sealed_client(connection, provider.tenant_id, provider.id)
    try:
        line = open_line(deps.vault, provider, tenant.slug, sealed)
        metadata = await metadata_of(deps.documents, line)
        client = open_client(deps.vault, deps.memory, line, metadata)
    except (UpstreamError, ProtocolError, VaultError) as error:
        return Stale(reason=error.code.lower())
    except BadInput:
        return Stale(reason="provider_misconfigured")
    return Access(provider=provider, metadata=metadata, client=client)


class Accesses:
    """What the syncs of a sweep share, cached for at most `KEPT_SECONDS`, and never beyond a change of the provider."""

    def __init__(self, deps: SyncDeps) -> None:
        self._deps = deps
        self._kept: dict[UUID, _Kept] = {}

    def of(self, claimed: Claimed) -> "asyncio.Task[Access | Stale]":
        """As `open_access`, shared by all concurrent callers."""
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(claimed.provider_id)
        if kept is None or kept.until <= now or kept.version != claimed.provider_version or kept.has_failed:
            if len(self._kept) >= MAX_KEPT:
                self._kept = {id: one for id, one in self._kept.items() if one.until > now}
            opening = asyncio.create_task(open_access(self._deps, claimed.tenant_id, claimed.provider_id))
            kept = self._kept[claimed.provider_id] = _Kept(opening, claimed.provider_version, now + KEPT_SECONDS)
        return kept.opening


class _Kept(NamedTuple):
    opening: "asyncio.Task[Access | Stale]"
    version: int
    until: float

    @property
    def has_failed(self) -> bool:
        """The database did not answer, which says nothing about the provider."""
        return self.opening.done() and (self.opening.cancelled() or self.opening.exception() is not None)
