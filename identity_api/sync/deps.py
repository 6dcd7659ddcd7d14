"""The dependencies of the sync, built once per process by the wiring."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from identity_api.clock import Clock, elapsed_seconds
from identity_api.db.database import Database
from identity_api.db.tenant_shares import Shares
from identity_api.ids import uuid7
from identity_api.oidc.discovery import ProviderMetadata
from identity_api.oidc.jwks import KeySet
from identity_api.relying_party.cache import ProviderCache
from identity_api.sync.alarms import Alarms
from identity_api.sync.landings import Landings
from identity_api.sync.outage import Outage
from identity_api.sync.pace import Pace
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import ProviderDocuments
from identity_api.vault import Vault

IN_HAND = 4
"""Claims held for each place that may call a provider: the others wait to be applied, for an answer or for a turn."""

WRITERS = 4
"""Transactions at a time that write results of syncs. The others wait. Otherwise a provider that answers many calls at
once, after an outage for example, would leave no connection for claims, landings and heartbeats."""

WRITERS_OF_TENANT = WRITERS - 1
"""So that a tenant whose mappings are being edited, and whose transactions wait for that, leaves a writer to the others."""


class SyncLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds, named as the settings are."""

    concurrency: int = 100
    """Syncs that call providers at the same time in this process."""
    max_inactive_days: int = 30
    place_seconds: float = 1.0
    """A sync whose call takes longer gives its place to others."""
    deadline_seconds: float = 10.0
    """For connecting to a provider, and for UserInfo. A sync that takes longer counts as a provider's failure."""
    answer_seconds: float = 30.0
    """For the token endpoint's answer. A refresh that was sent is waited for as long as can be: giving up on an answer
    that is still under way costs the login at a provider that rotates strictly."""
    leeway_seconds: int = 60

    @property
    def in_hand(self) -> int:
        """Claims that this process works at, and so the connections that it may need, all of them to one provider."""
        return self.concurrency * IN_HAND


class Writers:
    """The places of those transactions."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(WRITERS)
        self._shares = Shares(WRITERS_OF_TENANT)

    @asynccontextmanager
    async def place(self, tenant_id: UUID) -> AsyncIterator[None]:
        """Hold one of them inside the block, after any wait."""
        async with self._shares.place_of(tenant_id), self._places:
            yield


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDeps:
    """One process's parts for syncing. Not for two event loops."""

    database: Database
    vault: Vault
    upstream: Upstream
    documents: ProviderDocuments[ProviderMetadata, KeySet]
    clock: Clock
    elapsed: Callable[[], float] = elapsed_seconds
    """The clock that measures the leases of this process."""
    limits: SyncLimits = SyncLimits()
    owner: UUID = field(default_factory=uuid7)
    """The holder of the leases."""
    under_way: set[UUID] = field(default_factory=set)
    """The identities that this process is syncing, from the claim on: it does not claim them a second time, even if its
    leases ended while the database was unavailable."""
    memory: ProviderCache = field(default_factory=ProviderCache)
    pace: Pace = field(default_factory=lambda: Pace(time.monotonic))
    alarms: Alarms = field(default_factory=lambda: Alarms(time.monotonic))
    calls: asyncio.Semaphore = field(init=False)
    outage: Outage = field(init=False)
    landings: Landings = field(init=False)
    writers: Writers = field(default_factory=Writers)

    def __post_init__(self) -> None:
        object.__setattr__(self, "calls", asyncio.Semaphore(self.limits.concurrency))
        object.__setattr__(self, "outage", Outage(self.elapsed))
        object.__setattr__(self, "landings", Landings(self.database))
