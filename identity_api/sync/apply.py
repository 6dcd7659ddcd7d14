"""Step 5: write verified answers as they come, in groups of one provider: at most 100, or those that came within 20 ms.

Each group is one transaction: claims, groups, grants, read model, audit, leases and next due times are written
together, only for identities whose generation is still the claimed one.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import msgspec

from identity_api.db import locks
from identity_api.db.providers import Provider
from identity_api.lifecycle import apply_verified
from identity_api.lifecycle.apply_verified import Verified
from identity_api.lifecycle.emptied_mappings import tell_emptied
from identity_api.sync import breaker
from identity_api.sync.deps import SyncDeps
from identity_api.sync.repeat import is_of_one, repeated
from identity_api.telemetry import get_logger

GROUP_SIZE = 100
GROUP_SECONDS = 0.02

_log = get_logger(__name__)


class Written(msgspec.Struct, frozen=True):
    """The result of applying a group; counts are of the whole group."""

    applied: frozenset[UUID]
    opened: int
    closed: int


async def apply(deps: SyncDeps, provider: Provider, answers: Sequence[Verified]) -> Written:
    """Write a group of one provider. Answers that came too late are left out of `applied`.

    Safe to repeat, and repeated a few times.

    Raises:
        Unavailable: the database does not answer. Leases then end, and the identities are claimed again.
    """
    return await repeated(lambda: _apply_once(deps, provider, answers), what="apply")


async def _apply_once(deps: SyncDeps, provider: Provider, answers: Sequence[Verified]) -> Written:
    async with deps.database.transaction() as connection:
        await locks.share_mappings(connection, provider.tenant_id)
        await locks.users_of_identities(connection, provider.tenant_id, [answer.identity_id for answer in answers])
        outcome = await apply_verified.apply_verified(
            connection,
            provider.tenant_id,
            provider,
            answers,
            is_login=False,
            actor="sync",
            limits=deps.database.limits,
        )
        # Last, because the row is shared by everybody who syncs with the provider.
        await breaker.accepted(connection, provider.tenant_id, provider.id)
    await _tell_emptied(deps, provider, outcome.left)
    return Written(outcome.applied, outcome.opened, outcome.closed)


async def _tell_emptied(deps: SyncDeps, provider: Provider, left: frozenset[str]) -> None:
    """Record emptied mappings after the commit, so that the last concurrent writer sees all. A failure undoes nothing."""
    if not left:
        return
    try:
        async with deps.database.transaction() as connection:
            await tell_emptied(connection, provider.tenant_id, provider.id, left, actor="sync")
    except Exception as error:
        _log.warning("sync.emptied_not_told", provider=str(provider.id), error_type=type(error).__name__)


_Group = list[tuple[Verified, "asyncio.Future[bool]"]]


class Groups:
    """Collects answers by provider and applies each group when it is full, or a moment after its first answer.

    A group that waits for its turn to be written goes on collecting, so that groups grow as writing gets slower.
    """

    def __init__(self, deps: SyncDeps) -> None:
        self._deps = deps
        self._waiting: dict[UUID, _Group] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self.opened = 0
        self.closed = 0

    async def add(self, provider: Provider, answer: Verified) -> bool:
        """Wait until this answer's group is written; False if it came too late.

        Raises: as `apply`.
        """
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        group = self._waiting.setdefault(provider.id, [])
        group.append((answer, written))
        if len(group) == 1:
            asyncio.get_running_loop().call_later(GROUP_SECONDS, self._begin, provider, group)
        if len(group) >= GROUP_SIZE:
            del self._waiting[provider.id]
            self._begin(provider, group)
        return await written

    def _begin(self, provider: Provider, group: _Group) -> None:
        task = asyncio.create_task(self._in_turn(provider, group))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _in_turn(self, provider: Provider, group: _Group) -> None:
        async with self._deps.writers.place(provider.tenant_id):
            if self._waiting.get(provider.id) is group:
                del self._waiting[provider.id]
            # This group takes no more answers: it may have been full before its time had passed.
            answers, group[:] = list(group), []
            if answers:
                await self._write(provider, answers)

    async def _write(self, provider: Provider, group: _Group) -> None:
        try:
            written = await apply(self._deps, provider, [answer for answer, _ in group])
        except Exception as error:
            if len(group) > 1 and is_of_one(error):
                # Each in a turn of its own: one that cannot be written, or whose row somebody holds, holds up nobody else.
                for one in group:
                    self._begin(provider, [one])
                return
            for _, waiting in group:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        self.opened += written.opened
        self.closed += written.closed
        for answer, waiting in group:
            if not waiting.done():
                waiting.set_result(answer.identity_id in written.applied)
