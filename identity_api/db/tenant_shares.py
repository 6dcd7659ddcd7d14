"""How much of a shared resource each tenant may use at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final
from uuid import UUID

from identity_api.errors import Overloaded
from identity_api.fairness.served import worked_for


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

    def place(self, *, seconds: float) -> AbstractAsyncContextManager[None]:
        """Hold a place of the tenant that this task works for; if the tenant is not known, there is no wait.

        Raises:
            Overloaded: all of the tenant's places were held for so long.
        """
        tenant_id = worked_for()
        return nullcontext() if tenant_id is None else self.place_of(tenant_id, seconds=seconds)

    @asynccontextmanager
    async def place_of(self, tenant_id: UUID, *, seconds: float | None = None) -> AsyncIterator[None]:
        """Hold a place of this tenant, after any wait or one of so many seconds.

        Raises:
            Overloaded: as `place`.
        """
        share = self._shares.setdefault(tenant_id, _Share(self._places))
        share.wanted += 1
        try:
            await _take(share.turn, seconds)
            try:
                yield
            finally:
                share.turn.release()
        finally:
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
