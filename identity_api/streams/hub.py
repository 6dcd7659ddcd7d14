"""Wakes the open streams of one process when something of theirs has changed.

One statement for all streams, some times a second and only while there are any: what it costs does not grow with their
number. It asks PostgreSQL and needs neither Redis nor a worker, so that a revoked session's stream ends whatever else is down.
"""

import asyncio
import contextlib
from typing import Final
from uuid import UUID

from identity_api.db import outbox
from identity_api.db.database import Database
from identity_api.errors import IdentityAPIError
from identity_api.telemetry import METRICS, get_logger

POLL_SECONDS: Final = 0.3
READ_AT_ONCE: Final = 500
AT_ONCE: Final = 4
"""Streams of a tenant that execute at a time, so that no tenant's streams wait for another's."""
PER_USER: Final = 10
"""Streams of one user in one process."""

_log = get_logger(__name__)


class TooManyStreams(Exception):
    """The process, the tenant or the user has as many streams as they may. A signal: the edge says so in its own words."""


class Follower:
    """One open stream. `woken` is set when it is to look again."""

    __slots__ = ("position", "reads_all", "tenant_id", "turn", "user_id", "woken")

    def __init__(
        self, tenant_id: UUID, user_id: UUID, position: int, *, reads_all: bool, turn: asyncio.Semaphore
    ) -> None:
        self.tenant_id, self.user_id, self.reads_all, self.turn = tenant_id, user_id, reads_all, turn
        self.position = position
        """How far the process has read the tenant's changes: everything up to here is in what the stream reads next."""
        self.woken = asyncio.Event()


class _Tenant:
    """The streams of one tenant."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.followers: set[Follower] = set()
        self.turn = asyncio.Semaphore(AT_ONCE)
        """Held while a stream executes: a change for everybody wakes all of the tenant's at once."""

    def wake(self, change: outbox.Change) -> None:
        concerned = None if change.user_ids is None else frozenset(change.user_ids)
        for one in self.followers:
            if concerned is None or one.reads_all or one.user_id in concerned:
                one.woken.set()


class ChangeHub:
    """Of one process and one event loop."""

    def __init__(self, database: Database, *, most: int) -> None:
        """Nothing is read yet.

        Args:
            most: streams of this process; a tenant has half of them at most.
        """
        self._database, self._most = database, most
        self._tenants: dict[UUID, _Tenant] = {}
        self._polling: asyncio.Task[None] | None = None
        self.is_closing = False

    @property
    def count(self) -> int:
        """Open streams."""
        return sum([len(one.followers) for one in self._tenants.values()])

    async def join(self, tenant_id: UUID, user_id: UUID, *, reads_all: bool) -> Follower:
        """Follow from now on. What the caller reads after this is missed by no wake-up.

        Raises:
            TooManyStreams.
            Unavailable: the database does not answer.
        """
        self._check_room(tenant_id, user_id)
        if tenant_id not in self._tenants:
            async with self._database.transaction() as connection:
                await outbox.number(connection, tenant_id)  # what was before is not news
                head = await outbox.head(connection, tenant_id)
            self._check_room(tenant_id, user_id)  # others have joined meanwhile, perhaps
            self._tenants.setdefault(tenant_id, _Tenant(head))
        tenant = self._tenants[tenant_id]
        follower = Follower(tenant_id, user_id, tenant.position, reads_all=reads_all, turn=tenant.turn)
        tenant.followers.add(follower)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll(), name="change_hub")
        METRICS.set_streams(self.count)
        return follower

    def leave(self, follower: Follower) -> None:
        """Follow no more."""
        tenant = self._tenants[follower.tenant_id]
        tenant.followers.discard(follower)
        if not tenant.followers:
            del self._tenants[follower.tenant_id]
        METRICS.set_streams(self.count)

    async def close(self) -> None:
        """End every stream without a word of completion, so that clients connect anew, to another process."""
        self.end_streams()
        if self._polling is not None:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._polling

    def end_streams(self) -> None:
        """The process is to stop."""
        self.is_closing = True
        for tenant in self._tenants.values():
            for one in tenant.followers:
                one.woken.set()

    def _check_room(self, tenant_id: UUID, user_id: UUID) -> None:
        tenant = self._tenants.get(tenant_id)
        of_tenant = tenant.followers if tenant is not None else set()
        of_user = sum([one.user_id == user_id for one in of_tenant])
        if self.count >= self._most or len(of_tenant) >= max(1, self._most // 2) or of_user >= PER_USER:
            raise TooManyStreams

    async def _poll(self) -> None:
        while self._tenants:
            try:
                is_behind = await self._look()
            except IdentityAPIError as error:
                _log.warning("streams.not_read", error_code=error.code)
                is_behind = False
            except Exception:
                # Whatever it was, the streams that are open must go on: nothing else ends those of a revoked session.
                _log.exception("streams.not_read")
                is_behind = False
            if not is_behind:
                await asyncio.sleep(POLL_SECONDS)

    async def _look(self) -> bool:
        """Read on, and wake; whether there is more than was read."""
        await outbox.number_all(self._database)
        positions = {tenant_id: one.position for tenant_id, one in self._tenants.items()}
        async with self._database.reading() as connection:
            found = await outbox.after_each(
                connection, positions, limit=READ_AT_ONCE, is_distributed=self._database.is_distributed
            )
        for tenant_id, change in found:
            tenant = self._tenants.get(tenant_id)
            if tenant is not None:
                tenant.position = max(tenant.position, change.position)
                tenant.wake(change)
        for tenant in self._tenants.values():
            for one in tenant.followers:
                one.position = tenant.position
        return len(found) >= READ_AT_ONCE
