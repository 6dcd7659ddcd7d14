"""Sync one user on request: in this process (`sync_user`), or by a worker (`request`)."""

from uuid import UUID

from identity_api.db import sync
from identity_api.db.database import Database
from identity_api.queue import Queue
from identity_api.sync.deps import SyncDeps
from identity_api.sync.run import SweepReport, sweep


async def sync_user(deps: SyncDeps, tenant_id: UUID, user_id: UUID) -> SweepReport:
    """Sync every identity of the user that can be synced, now and in this process; returns when it is applied.

    Identities that another worker holds at this moment are left to it, and are synced once more after that.

    Raises:
        Unavailable: the database does not answer.
    """
    async with deps.database.transaction() as connection:
        await sync.make_due(connection, tenant_id, user_id)
    return await sweep(deps, user=(tenant_id, user_id))


async def request(database: Database, queue: Queue | None, tenant_id: UUID, user_id: UUID) -> bool:
    """Make the user's identities due now, and wake a worker. Without Redis the next sweep finds them within a second.

    Returns:
        Whether the user has an identity that can be synced.
    """
    async with database.transaction() as connection:
        due = await sync.make_due(connection, tenant_id, user_id)
    if due and queue is not None:
        await queue.enqueue("sync_user", job_id=f"sync_user:{user_id}", tenant_id=tenant_id, user_id=user_id)
    return bool(due)
