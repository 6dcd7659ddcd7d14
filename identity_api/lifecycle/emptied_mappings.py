"""Report a mapping that has lost its last member: in the audit of its tenant, and in the log."""

from collections.abc import Collection
from uuid import UUID

from identity_api.db import access_findings, audit
from identity_api.db.database import Connection, once_committed
from identity_api.telemetry import get_logger

_log = get_logger(__name__)


async def tell_emptied(
    connection: Connection, tenant_id: UUID, provider_id: UUID, left: Collection[str], *, actor: str
) -> None:
    """Report every mapping that matched a person through one of these groups, and matches nobody now.

    Concurrent changes see each other only after their commits: a sync calls this after its own commit, so that the last
    one sees all. A mapping may then be reported twice, and is never missed.

    Args:
        left: names of groups of the provider that people have left.
    """
    if not left:
        return
    emptied = await access_findings.emptied_mappings(connection, tenant_id, provider_id, left)

    def tell() -> None:
        for mapping_id, pattern in emptied:
            _log.warning(
                "mapping.reaches_nobody",
                tenant=str(tenant_id),
                provider=str(provider_id),
                mapping=str(mapping_id),
                pattern=pattern,
            )

    once_committed(connection, tell)
    payload = {"provider": str(provider_id)}
    events = [audit.Event("mapping.reaches_nobody", "mapping", mapping_id, payload) for mapping_id, _ in emptied]
    await audit.record(connection, tenant_id, actor, events)
