"""One user's sync on request: "look at the provider now", bounded in time.

Two ways: `sync_user` does it here and returns when it is written; `request` marks it due for the workers, and `outcomes`
waits for them.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import msgspec

from identity_api.db import sync
from identity_api.db.database import Database
from identity_api.db.sync import Asked, Progress
from identity_api.queue import Queue
from identity_api.sync.deps import SyncDeps
from identity_api.sync.run import SweepReport, sweep

_POLL_SECONDS = 0.05


class UserSync(msgspec.Struct, frozen=True):
    """What a sync on request came to."""

    done: tuple[Progress, ...]
    """Identities whose sync has ended, with its outcome (`ok`, or the reason why not)."""
    waiting: int
    """Identities whose sync has not ended in time; it goes on."""


async def sync_user(deps: SyncDeps, tenant_id: UUID, user_id: UUID) -> SweepReport:
    """Sync every identity of the user that can be synced, now and in this process; returns when it is applied.

    What another worker has in hand at this moment is left to it; `outcomes` can wait for that.

    Raises:
        Unavailable: the database does not answer.
    """
    async with deps.database.transaction() as connection:
        await sync.make_due(connection, tenant_id, user_id)
    return await sweep(deps, user=(tenant_id, user_id))


async def request(database: Database, queue: Queue | None, tenant_id: UUID, user_id: UUID) -> tuple[Asked, ...]:
    """Make the user's identities due now, and wake a worker. Without Redis the next sweep finds them within a second.

    Returns:
        What to hand to `outcomes`; empty if the user has nothing that can be synced.
    """
    async with database.transaction() as connection:
        asked = await sync.make_due(connection, tenant_id, user_id)
    if asked and queue is not None:
        await queue.enqueue("sync_user", job_id=f"sync_user:{user_id}", tenant_id=tenant_id, user_id=user_id)
    return tuple(asked)


async def outcomes(
    database: Database, tenant_id: UUID, asked: Sequence[Asked], *, timeout_seconds: float = 10.0
) -> UserSync:
    """Wait until the syncs that were asked for have ended, or the time is over."""
    wanted = {one.identity_id: one.generation for one in asked}
    give_up_at = asyncio.get_running_loop().time() + timeout_seconds
    while True:
        async with database.reading() as connection:
            found = await sync.progress(connection, tenant_id, list(wanted))
        done = tuple([one for one in found if one.generation >= wanted[one.identity_id] and not one.is_leased])
        if len(done) == len(found) or asyncio.get_running_loop().time() >= give_up_at:
            return UserSync(done, len(found) - len(done))
        await asyncio.sleep(_POLL_SECONDS)
