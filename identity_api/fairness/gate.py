"""Serve a tenant's requests one at a time while it uses more than its share of the process and other tenants need time too.

A tenant with few requests never waits here, and neither does the only tenant. A waiting request continues when the
tenant's previous request ends, or when the tenant's recent use is low again; so no request waits for one that itself waits
for a provider.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from identity_api.fairness import served

WINDOW_SECONDS: Final = 0.1
"""The age in seconds at which use counts for a third."""
PART: Final = 0.25
"""The share of the time that a tenant uses before it waits."""
MANY: Final = 1_000
"""The number of tenants from which those without recent use are forgotten."""


class _Tenant:
    """The use of one tenant. Kept while it has requests under way or recent use."""

    def __init__(self) -> None:
        self.running = 0
        self.used = 0.0
        """Seconds, fading out."""
        self.at = time.monotonic()
        self.waiting: deque[asyncio.Future[None]] = deque()

    def use(self, seconds: float) -> float:
        """Add to the use, and return its current value."""
        now = time.monotonic()
        self.used = self.used * 0.37 ** ((now - self.at) / WINDOW_SECONDS) + seconds
        self.at = now
        return self.used

    @property
    def must_wait(self) -> bool:
        return self.running > 0 and served.is_shared() and self.use(0.0) > PART * WINDOW_SECONDS


class Passage:
    """One piece of work's way through a gate, for work whose tenant becomes known on the way."""

    def __init__(self, gate: "FairGate") -> None:
        self._gate = gate
        self._tenant: _Tenant | None = None
        self._began = 0.0

    async def begin(self) -> None:
        """Wait while the tenant of this task may only do one thing at a time."""
        tenant_id = served.worked_for()
        if tenant_id is None:
            return
        tenant = self._gate._tenant(tenant_id)
        await self._gate._begin(tenant)
        self._tenant, self._began = tenant, time.monotonic()

    def end(self) -> None:
        """The work is over, if it has begun."""
        if self._tenant is not None:
            self._gate._end(self._tenant, time.monotonic() - self._began)


class FairGate:
    """The gate of one process."""

    def __init__(self) -> None:
        self._tenants: dict[UUID, _Tenant] = {}
        self._running = 0

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Wrap work of this task's tenant; waits while the tenant may only do one thing at a time."""
        passage = Passage(self)
        try:
            await passage.begin()
            yield
        finally:
            passage.end()

    async def _begin(self, tenant: _Tenant) -> None:
        if tenant.waiting or tenant.must_wait:
            await self._wait(tenant)
        tenant.running += 1
        self._running += 1

    def _end(self, tenant: _Tenant, seconds: float) -> None:
        # Time of this process or of the database. Others worked in between: each is assumed to have used an equal share.
        tenant.use(min(seconds, WINDOW_SECONDS) / self._running)
        tenant.running -= 1
        self._running -= 1
        self._let_in(tenant)

    async def _wait(self, tenant: _Tenant) -> None:
        turn = asyncio.get_running_loop().create_future()
        tenant.waiting.append(turn)
        try:
            while not turn.done():
                await asyncio.wait([turn], timeout=WINDOW_SECONDS)
                if not tenant.must_wait:
                    return
        finally:
            if turn in tenant.waiting:
                tenant.waiting.remove(turn)

    def _tenant(self, tenant_id: UUID) -> _Tenant:
        if tenant_id not in self._tenants and len(self._tenants) >= MANY:
            self._tenants = {id: one for id, one in self._tenants.items() if one.running or one.use(0.0) > 0.001}
        return self._tenants.setdefault(tenant_id, _Tenant())

    def _let_in(self, tenant: _Tenant) -> None:
        while tenant.waiting and not tenant.must_wait:
            turn = tenant.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                if served.is_shared():
                    return
