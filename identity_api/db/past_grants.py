"""Past grants: what a user had been given at a moment, and who had been given a permission within a time.

They record what was granted. Whether a lease had ended at that moment is not stored.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.db.grants import CloseReason
from identity_api.ids import first_uuid7

MAX_OF_USER = 1_000
"""Grants of one user at one moment."""


class PastGrant(msgspec.Struct, frozen=True):
    """A grant, open or closed."""

    id: UUID
    user_id: UUID
    username: str
    display_label: str
    permission_id: UUID
    permission: str
    source: Literal["MANUAL", "GROUP"]
    mapping_id: UUID | None
    pattern: str | None
    """Of the mapping as it is now, or was when it was deleted."""
    group_id: UUID | None
    group: str | None
    provider_id: UUID | None
    provider: str | None
    provider_label: str | None
    granted_at: datetime
    granted_by: str
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_reason: CloseReason | None


_COLUMNS = """
    g.id, g.user_id, u.username, u.display_label, g.permission_id, p.name as permission, g.source, g.mapping_id, m.pattern,
    pg.id as group_id, pg.name as "group", v.id as provider_id, v.slug as provider, v.label as provider_label, g.granted_at,
    g.granted_by, g.revoked_at, g.revoked_by, g.revoked_reason
"""
_NAMES = """
    join app_user u on u.tenant_id = $1 and u.id = g.user_id
    join permission p on p.tenant_id = $1 and p.id = g.permission_id
    left join group_mapping m on m.tenant_id = $1 and m.id = g.mapping_id
    left join provider_group pg on pg.tenant_id = $1 and pg.id = g.group_id
    left join provider v on v.tenant_id = $1 and v.id = pg.provider_id
"""


async def of_user(connection: Connection, tenant_id: UUID, user_id: UUID, at: datetime) -> list[PastGrant]:
    """The grants that the user had at that moment, the latest first; at most `MAX_OF_USER`."""
    rows = await connection.fetch(
        f"""
        select {_COLUMNS} from (
            select * from permission_grant g
            where g.tenant_id = $1 and g.user_id = $2 and g.granted_at <= $3 and (g.revoked_at is null or g.revoked_at > $3)
            order by g.granted_at desc limit {MAX_OF_USER}) g
        {_NAMES} order by g.granted_at desc, g.id
        """,
        tenant_id,
        user_id,
        at,
    )
    return [PastGrant(**row) for row in rows]


async def of_permission(
    connection: Connection,
    tenant_id: UUID,
    permission_id: UUID,
    since: datetime,
    until: datetime,
    *,
    after: UUID | None,
    first: int,
    backward: bool = False,
) -> list[PastGrant]:
    """At most `first` + 1 grants of the permission that were open at any time from `since` to `until`, the latest first.

    Args:
        after: only those before this one.
        backward: those after it, the earliest first.
    """
    direction = "asc" if backward else "desc"
    earliest, latest = UUID(int=0), first_uuid7(until)
    if after is not None and backward:
        earliest = after
    elif after is not None:
        latest = min(after, latest)
    rows = await connection.fetch(
        f"""
        select {_COLUMNS} from (
            select * from permission_grant g
            where g.tenant_id = $1 and g.permission_id = $2 and g.id > $3 and g.id < $4 and g.granted_at < $5
                and (g.revoked_at is null or g.revoked_at > $6)
            order by g.id {direction} limit $7) g
        {_NAMES} order by g.id {direction}
        """,
        tenant_id,
        permission_id,
        earliest,
        latest,
        until,
        since,
        first + 1,
    )
    return [PastGrant(**row) for row in rows]
