"""Step 1: take due identities. The database decides who does what; leases and generations see to it that one does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from identity_api.db import sync
from identity_api.db.sync import Batch, Claimed
from identity_api.errors import Unavailable
from identity_api.sync.parts import SyncParts
from identity_api.telemetry import get_logger

HEARTBEAT_SECONDS = sync.LEASE_SECONDS / 3

_log = get_logger(__name__)


async def claim(parts: SyncParts, *, limit: int, user: tuple[UUID, UUID] | None = None) -> Batch:
    """Take up to `limit` due identities, or those of one (tenant, user), and write down what is about to be presented.

    Committed before it returns: whoever finds the lease over and the intent still there knows that a call may have been
    made whose answer never landed.

    Raises:
        Unavailable: the database does not answer. The write is also the probe: no provider is called without it.
    """
    async with parts.database.transaction() as connection:
        return await sync.claim(
            connection,
            owner=parts.owner,
            limit=limit,
            max_inactive_days=parts.limits.max_inactive_days,
            places=parts.pace.places,
            user=user,
        )


class Leases:
    """The claims a process is working at, renewed every few seconds however long a provider takes."""

    def __init__(self, parts: SyncParts) -> None:
        self._parts = parts
        self._held: dict[UUID, Claimed] = {}

    def hold(self, claimed: Claimed) -> None:
        """Renew this one from now on."""
        self._held[claimed.identity_id] = claimed

    def let_go(self, claimed: Claimed) -> None:
        """Its outcome is written, or the lease shall run out."""
        if self._held.get(claimed.identity_id) is claimed:
            del self._held[claimed.identity_id]

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
        """One heartbeat. A database that is down ends no call: the next heartbeat tries again."""
        if not self._held:
            return
        try:
            async with self._parts.database.reading() as connection:
                await sync.renew_leases(connection, self._parts.owner, list(self._held))
        except (Unavailable, TimeoutError) as error:
            _log.warning("sync.heartbeat_missed", error_type=type(error).__name__)
