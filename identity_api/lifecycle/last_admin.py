"""Report a tenant that nobody administers any more because of what its provider says.

A tenant's own admins cannot make such a change (`LAST_ADMIN`). A provider's word is carried out whoever it is about, so
here somebody is told: in the audit of the tenant, in the log, and by an alarm. The way back is a break-glass credential,
or the operator.
"""

from collections.abc import Collection
from uuid import UUID

from identity_api.db import audit, ways_in
from identity_api.db.database import Connection, once_committed
from identity_api.permissions.service import ADMINISTERING
from identity_api.telemetry import METRICS, get_logger

_log = get_logger(__name__)


async def tell_if_nobody_administers(
    connection: Connection, tenant_id: UUID, user_ids: Collection[UUID], *, actor: str
) -> None:
    """Report each permission that administers the tenant, that one of these users was given, and that nobody holds in force.

    After the change, in its transaction or a later one. Where it concerns nobody who administers, it is one statement.
    """
    if not user_ids:
        return
    names = await ways_in.ever_given(connection, tenant_id, user_ids, sorted(ADMINISTERING))
    lost = sorted(names - await ways_in.held_in_force(connection, tenant_id, sorted(names))) if names else []
    if not lost:
        return
    event = audit.Event("tenant.nobody_administers", "tenant", tenant_id, {"permissions": lost})
    await audit.record(connection, tenant_id, actor, [event])

    def tell() -> None:
        METRICS.count_alarm("nobody_administers")
        _log.error("tenant.nobody_administers", tenant=str(tenant_id), permissions=lost)

    once_committed(connection, tell)
