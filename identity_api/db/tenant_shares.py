"""How much of a shared resource each tenant may use at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from identity_api.errors import Overloaded


class _Share:
    """One tenant's places, kept for as long as a task holds or wants one."""

    def __init__(self, places: int) -> None:
        self.turn: Final = asyncio.Semaphore(places)
        self.wanted = 0


class Shares:
    """Places of a shared resource, of which each tenant may hold a limited number. For one event loop."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._shares: dict[UUID, _Share] = {}

    @property
    def tenants(self) -> set[UUID]:
        """Tenants that hold or want a place now."""
        return set(self._shares)

    async def take(self, tenant_id: UUID | None, *, seconds: float | None) -> None:
        """Hold a place of this tenant until `give`, after a wait of so many seconds at most; none is held for None.

        Raises:
            Overloaded: all of the tenant's places were held for so long.
        """
        if tenant_id is None:
            return
        share = self._shares.get(tenant_id)
        if share is None:
            share = self._shares[tenant_id] = _Share(self._places)
        share.wanted += 1
        try:
            await _take(share.turn, seconds)
        except BaseException:
            self._leave(tenant_id, share)
            raise

    def give(self, tenant_id: UUID | None) -> None:
        """Give back what `take` took."""
        if tenant_id is not None:
            share = self._shares[tenant_id]
            share.turn.release()
            self._leave(tenant_id, share)

    @asynccontextmanager
    async def place_of(self, tenant_id: UUID) -> AsyncIterator[None]:
        """Hold a place of this tenant, after any wait."""
        await self.take(tenant_id, seconds=None)
        try:
            yield
        finally:
            self.give(tenant_id)

    def _leave(self, tenant_id: UUID, share: _Share) -> None:
        share.wanted -= 1
        if not share.wanted:
            del self._shares[tenant_id]


async def _take(turn: asyncio.Semaphore, seconds: float | None) -> None:
    if not turn.locked():
        await turn.acquire()  # at once
        return
    try:
        async with asyncio.timeout(seconds):
            await turn.acquire()
    except TimeoutError as error:
        raise Overloaded from error
