"""The jobs that a wake-up through Redis may name. Each unpacks ids and calls a use case, and may run twice or never."""

from collections.abc import Callable, Mapping
from uuid import UUID

from identity_api.db.database import transaction_time
from identity_api.group_mappings.apply import apply_changes
from identity_api.jobs.clean_up import clean_up
from identity_api.jobs.detached import Detached
from identity_api.jobs.webhooks import JOB, WebhookDispatcher
from identity_api.maintenance.audit_chain import seal_all
from identity_api.maintenance.audit_files import Retention, archive_old
from identity_api.queue import JobBody
from identity_api.sync import on_demand
from identity_api.sync.deps import SyncDeps


def job_functions(
    deps: SyncDeps,
    webhooks: WebhookDispatcher,
    *,
    wake_sweep: Callable[[], None],
    detached: Detached,
    retention: Retention | None = None,
) -> Mapping[str, JobBody]:
    """Job name to body.

    Args:
        wake_sweep: lets the process's own ticker sweep now. A sweep inside a job could be cut off by the job's timeout
            while a refresh token is on its way.
        detached: runs a user's sync, which continues when its job is cancelled.
        retention: how long the audit's events stay; None for ever.
    """

    async def sync_sweep() -> None:
        wake_sweep()

    async def sync_user(tenant_id: str, user_id: str) -> None:
        began = await detached.run(lambda: on_demand.sync_user(deps, UUID(tenant_id), UUID(user_id)))
        if not began:  # it is due, so the process's own sweep finds it
            wake_sweep()

    async def apply_mapping_changes() -> None:
        await apply_changes(deps.database)

    async def seal_audit() -> None:
        await seal_all(deps.database, deps.vault)

    async def forget() -> None:
        await clean_up(deps.database)

    async def archive_audit() -> None:
        await archive_by(deps, retention)

    return {
        "sync_sweep": sync_sweep,
        "sync_user": sync_user,
        "apply_mapping_changes": apply_mapping_changes,
        "seal_audit": seal_audit,
        "clean_up": forget,
        "archive_audit": archive_audit,
        JOB: webhooks.deliver,
    }


async def archive_by(deps: SyncDeps, retention: Retention | None) -> int:
    """Move what is over the retention into files; without one, nothing. Returns how many events."""
    if retention is None:
        return 0
    async with deps.database.reading() as connection:
        now = await transaction_time(connection)  # events are dated by the database's clock
    return await archive_old(deps.database, deps.vault, retention, now)
