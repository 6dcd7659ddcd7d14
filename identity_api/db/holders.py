"""The holders of a permission: its open grants by user, and whether they are in force (I1)."""

from typing import NamedTuple
from uuid import UUID

from identity_api.db.database import Connection
from identity_api.db.in_force import effective_permissions

_BEFORE_ALL, _AFTER_ALL = UUID(int=0), UUID(int=2**128 - 1)


class Holder(NamedTuple):
    """A user with an open grant of the permission."""

    user_id: UUID
    is_in_force: bool


async def after(
    connection: Connection,
    tenant_id: UUID,
    permission_id: UUID,
    *,
    user_id: UUID | None,
    limit: int,
    backward: bool = False,
) -> list[Holder]:
    """At most `limit` holders after that user, in the order of their ids. The cost depends only on their grants.

    Args:
        backward: those before that user, in the opposite order.
    """
    beyond, direction, edge = ("<", "desc", _AFTER_ALL) if backward else (">", "asc", _BEFORE_ALL)
    rows = await connection.fetch(
        f"""
        select h.user_id, exists (
            select from {effective_permissions("$1", "h.user_id", "now()")} e
            where e.permission = (select name from permission where tenant_id = $1 and id = $2)) as is_in_force
        from (
            select distinct user_id from permission_grant
            where tenant_id = $1 and permission_id = $2 and revoked_at is null and user_id {beyond} $3
            order by user_id {direction} limit $4) h
        order by h.user_id {direction}
        """,
        tenant_id,
        permission_id,
        user_id or edge,
        limit,
    )
    return [Holder(row["user_id"], row["is_in_force"]) for row in rows]
