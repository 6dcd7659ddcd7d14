"""Step 1: claim due identities. The database assigns them; lease and generation keep each to one worker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from identity_api.db import sync, sync_claims
from identity_api.db.database import Connection
from identity_api.db.sync import Batch, Claimed
from identity_api.errors import Unavailable
from identity_api.sync.deps import SyncDeps
from identity_api.telemetry import get_logger

HEARTBEAT_SECONDS = sync.LEASE_SECONDS / 3
EVERYWHERE_SECONDS = 5.0

_log = get_logger(__name__)


class Look:
    """Where a sweep looks for due identities: at all providers every few seconds; in between where it found some."""

    def __init__(self) -> None:
        self.at: frozenset[tuple[UUID, UUID]] = frozenset()
        self._everywhere_at = float("-inf")

    def goes_everywhere(self) -> bool:
        """Whether it is time to look everywhere again; if so, the caller does it now."""
        now = asyncio.get_running_loop().time()
        if now < self._everywhere_at + EVERYWHERE_SECONDS:
            return False
        self._everywhere_at, self.at = now, frozenset()
        return True

    def found(self, batch: Batch) -> None:
        """Look there again; if nothing was found, look everywhere."""
        if not batch.claims:
            self._everywhere_at = float("-inf")
        self.at |= {(claimed.tenant_id, claimed.provider_id) for claimed in batch.claims}


class Claims(msgspec.Struct, frozen=True):
    """What one claiming statement took, and until when this process holds it, in the seconds of `deps.elapsed`."""

    batch: Batch
    held_until: float


async def claim(
    deps: SyncDeps, *, limit: int, user: tuple[UUID, UUID] | None = None, look: Look | None = None
) -> Claims:
    """Take up to `limit` due identities, or those of one (tenant, user), and record the token about to be presented.

    Committed before it returns: a worker that finds an ended lease with a recorded attempt knows that a call may have
    been made and its answer has not landed.

    Args:
        look: where the sweep has looked until now; by default it looks everywhere.

    Raises:
        Unavailable: the database does not answer. The write is also the probe: no provider is called without it.
    """
    try:
        took = await _claim_once(deps, limit, user, look or Look())
    except Unavailable:
        deps.outage.is_seen()
        raise
    deps.outage.is_over()
    return took


async def _claim_once(deps: SyncDeps, limit: int, user: tuple[UUID, UUID] | None, look: Look) -> Claims:
    everywhere = look.goes_everywhere()
    async with deps.database.transaction() as connection:
        batch = await sync_claims.claim(
            connection,
            owner=deps.owner,
            limit=limit,
            max_inactive_days=deps.limits.max_inactive_days,
            places=deps.pace.places,
            under_way=deps.under_way,
            leaves_attempts=deps.outage.is_recent,
            also_at=look.at,
            looks_everywhere=everywhere,
            user=user,
            is_distributed=deps.database.is_distributed,
        )
        look.found(batch)
        if not batch.claims:
            return Claims(batch, 0.0)
        # The lease counts from the transaction's beginning, and much of it may have gone by in waiting for others.
        asked_at = deps.elapsed()
        age = await sync.transaction_age(connection)
    return Claims(batch, asked_at - age + sync.LEASE_SECONDS)


class _Held:
    """A claim, and until when nobody else can have it, in the seconds of `deps.elapsed`."""

    __slots__ = ("claimed", "until")

    def __init__(self, claimed: Claimed, until: float) -> None:
        self.claimed = claimed
        self.until = until


class Leases:
    """The claims a process is working at, renewed every few seconds however long a provider takes.

    A process that was stopped, or a machine that slept, may wake up when its leases ended and others have its claims.
    So the process measures them too, with a clock that also runs during sleep, and from an earlier moment than the
    database: a claim that counts as held here is held in the database too.
    """

    def __init__(self, deps: SyncDeps) -> None:
        self._deps = deps
        self._held: dict[UUID, _Held] = {}

    def hold(self, claimed: Claimed, until: float) -> None:
        """Renew this claim from now on; `until` is `Claims.held_until`."""
        self._held[claimed.identity_id] = _Held(claimed, until)
        self._deps.under_way.add(claimed.identity_id)

    def is_held(self, claimed: Claimed) -> bool:
        """Whether nobody else can have claimed it by now. Checked right before its token is sent."""
        held = self._held.get(claimed.identity_id)
        return held is not None and held.claimed is claimed and self._deps.elapsed() < held.until

    def let_go(self, claimed: Claimed) -> None:
        """Stop renewing: its outcome is written, or the lease should end."""
        held = self._held.get(claimed.identity_id)
        if held is not None and held.claimed is claimed:
            del self._held[claimed.identity_id]
            self._deps.under_way.discard(claimed.identity_id)

    @asynccontextmanager
    async def kept_alive(self) -> AsyncIterator["Leases"]:
        """Send heartbeats inside the block."""
        beating = asyncio.create_task(self._beat())
        try:
            yield self
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.renew()

    async def renew(self) -> None:
        """One heartbeat. If the database is down, no call is ended: the next heartbeat tries again."""
        if not self._held:
            return
        held, since = dict(self._held), self._deps.elapsed()
        try:
            async with self._deps.database.reading() as connection:
                renewed = await self._renew(connection, [one.claimed for one in held.values()])
            for identity_id, generation in renewed.items():
                # Another sweep of this process may have claimed it again.
                if held[identity_id].claimed.generation == generation:
                    held[identity_id].until = since + sync.LEASE_SECONDS
        except (Unavailable, TimeoutError) as error:
            self._deps.outage.is_seen()
            _log.warning("sync.heartbeat_missed", error_type=type(error).__name__)

    async def _renew(self, connection: Connection, held: list[Claimed]) -> dict[UUID, int]:
        if not self._deps.database.is_distributed:
            return await sync.renew_leases(connection, self._deps.owner, held)
        renewed: dict[UUID, int] = {}
        for tenant_id in {one.tenant_id for one in held}:
            of_tenant = [one for one in held if one.tenant_id == tenant_id]
            renewed |= await sync.renew_leases(connection, self._deps.owner, of_tenant, of=tenant_id)
        return renewed
