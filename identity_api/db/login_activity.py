"""How many logins succeeded and failed, hour by hour, from the audit."""

from collections.abc import Sequence
from uuid import UUID

from identity_api.db.database import Connection


async def counts(connection: Connection, tenant_id: UUID, bounds: Sequence[UUID]) -> list[tuple[int, int]]:
    """Succeeded and failed logins between each bound and the next one, in order.

    Args:
        connection: of the database.
        tenant_id: whose.
        bounds: the first id of each time and, last, of the time after it (`ids.first_uuid7`): events are found by their ids,
            so that the index alone is read.
    """
    rows = await connection.fetch(
        """
        select
            (select count(*) from audit_event e where e.tenant_id = $1 and e.action = 'login.succeeded'
                and e.id >= b.first and e.id < b.next) as succeeded,
            (select count(*) from audit_event e where e.tenant_id = $1 and e.action = 'login.failed'
                and e.id >= b.first and e.id < b.next) as failed
        from unnest($2::uuid[], $3::uuid[]) with ordinality as b (first, next, place)
        order by b.place
        """,
        tenant_id,
        list(bounds[:-1]),
        list(bounds[1:]),
    )
    return [(row["succeeded"], row["failed"]) for row in rows]
