"""Ways into an account that ended because another one was made, from the audit."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.ids import first_uuid7


class EndedWays(msgspec.Struct, frozen=True, kw_only=True):
    """The ways that ended for one reason with one request, or within one minute."""

    reason: str
    at: datetime
    password: bool
    second_factor: bool
    sessions: int
    api_tokens: int


async def newest(
    connection: Connection, tenant_id: UUID, user_id: UUID, *, since: datetime, reasons: Sequence[str], limit: int = 5
) -> list[EndedWays]:
    """The newest that ended for one of these reasons, the newest first."""
    rows = await connection.fetch(
        """
        select payload->>'reason' as reason, max(at) as at,
            bool_or(coalesce((payload->>'password')::boolean, false)) as password,
            bool_or(coalesce((payload->>'second_factor')::boolean, false)) as second_factor,
            count(*) filter (where action = 'session.ended') as sessions,
            coalesce(sum((payload->>'api_tokens')::bigint), 0)::bigint as api_tokens
        from audit_event
        where tenant_id = $1 and user_id = $2 and id >= $3
            and action in ('user.older_ways_in_ended', 'session.ended')
            and payload->>'reason' = any($4::text[])
        group by payload->>'reason', coalesce(request_id, date_trunc('minute', at)::text)
        order by max(at) desc limit $5
        """,
        tenant_id,
        user_id,
        first_uuid7(since),
        list(reasons),
        limit,
    )
    return [EndedWays(**row) for row in rows]
