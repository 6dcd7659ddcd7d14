"""The transactional outbox: what has changed, for whom, written in the transaction that changes it.

The functions of `db` that write what others follow call `record`; nothing else does. Followers (webhooks, streams) read
the tenant's changes in the order of their positions. A position is assigned after the commit, by the first reader, as
the audit's chain is sealed. A number taken inside the business transaction would either make all of a tenant's
transactions wait for each other, or become visible out of order, so that a reader would miss a change.

A change says whose data changed, never what it is now: the reader queries the present state, so that a change that is
read late or twice does no harm. An edit for everybody is one row without users; a change of many users is a row for
each thousand.

Nothing is written for what time alone causes: see `docs/webhooks.md`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, get_args
from uuid import UUID

import msgspec

from identity_api.db.database import Connection, Database
from identity_api.ids import uuid7

ChangeType = Literal["user.created", "user.updated", "user.permissions_changed", "session.ended"]
CHANGE_TYPES: Final[tuple[str, ...]] = get_args(ChangeType)
USERS_PER_ROW: Final = 1_000
"""A message about a thousand users has about 40 KB."""
KEPT_DAYS: Final = 7
NUMBERED_AT_ONCE: Final = 1_000


class Change(msgspec.Struct, frozen=True):
    """A numbered change of a tenant."""

    id: UUID
    position: int
    type: ChangeType
    user_ids: list[UUID] | None
    """None: of everybody."""
    session_ids: list[UUID] | None
    """Sessions that ended, each of the user in the same place; None if the change is about no session."""
    at: datetime


async def record(connection: Connection, tenant_id: UUID, type: ChangeType, user_ids: Collection[UUID] | None) -> None:
    """Record in the caller's transaction that data of these users has changed; None for everybody.

    The users are locked by the caller, or new, so that the order of a user's changes is that of their commits.
    """
    if user_ids is None:
        await _insert(connection, tenant_id, type, [None])
    elif user_ids:
        await _insert(connection, tenant_id, type, _parts(sorted(user_ids)))


async def record_sessions(connection: Connection, tenant_id: UUID, ended: Mapping[UUID, UUID]) -> None:
    """Record in the caller's transaction that these sessions have ended: users by session."""
    if ended:
        parts = _parts(list(ended))
        owners = [[ended[one] for one in part] for part in parts]
        await _insert(connection, tenant_id, "session.ended", owners, parts)


def _parts(ids: Sequence[UUID]) -> list[list[UUID]]:
    return [list(ids[start : start + USERS_PER_ROW]) for start in range(0, len(ids), USERS_PER_ROW)]


async def _insert(
    connection: Connection,
    tenant_id: UUID,
    type: ChangeType,
    users: Sequence[list[UUID] | None],
    sessions: Sequence[list[UUID]] | None = None,
) -> None:
    statement = """
        insert into outbox (id, tenant_id, type, user_ids, session_ids, at) values ($2, $1, $3, $4, $5, clock_timestamp())
    """
    for place, user_ids in enumerate(users):
        session_ids = sessions[place] if sessions is not None else None
        await connection.execute(statement, tenant_id, uuid7(), type, user_ids, session_ids)


async def tenants_with_unnumbered(connection: Connection) -> list[UUID]:
    """Which tenants have changes that have no position yet."""
    rows = await connection.fetch("select distinct tenant_id from outbox where position is null")
    return [row["tenant_id"] for row in rows]


async def number(connection: Connection, tenant_id: UUID) -> int:
    """Give positions to the tenant's new changes, in the caller's transaction; how many, 0 if another process does."""
    # Checked first: an insert waits for the transaction that has the row locked, even if it then does nothing.
    await connection.execute(
        """
        insert into outbox_head (tenant_id, position)
        select $1, 0 where not exists (select from outbox_head where tenant_id = $1) on conflict do nothing
        """,
        tenant_id,
    )
    head = await connection.fetchval(
        "select position from outbox_head where tenant_id = $1 for update skip locked", tenant_id
    )
    if head is None:
        return 0
    count: int = await connection.fetchval(
        """
        with found as (
            select id, row_number() over (order by at, id) as place
            from (select id, at from outbox where tenant_id = $1 and position is null order by at, id limit $3) as o),
        numbered as (
            update outbox o set position = $2 + found.place from found where o.tenant_id = $1 and o.id = found.id
            returning 1)
        select count(*) from numbered
        """,
        tenant_id,
        head,
        NUMBERED_AT_ONCE,
    )
    await connection.execute("update outbox_head set position = $2 where tenant_id = $1", tenant_id, head + count)
    return count


async def number_all(database: Database) -> int:
    """Give positions to all new changes, a transaction for each tenant. Any number of processes may do so."""
    async with database.reading() as connection:
        waiting = await tenants_with_unnumbered(connection)
    total = 0
    while waiting:
        for tenant_id in list(waiting):
            async with database.transaction() as connection:
                numbered = await number(connection, tenant_id)
            total += numbered
            if numbered < NUMBERED_AT_ONCE:
                waiting.remove(tenant_id)
    return total


_CHANGE = ", ".join(Change.__struct_fields__)


async def after(connection: Connection, tenant_id: UUID, position: int, *, limit: int) -> list[Change]:
    """The tenant's changes after this position, the oldest first."""
    rows = await connection.fetch(
        f"select {_CHANGE} from outbox where tenant_id = $1 and position > $2 order by position limit $3",
        tenant_id,
        position,
        limit,
    )
    return [Change(**row) for row in rows]


async def after_each(
    connection: Connection, positions: Mapping[UUID, int], *, limit: int, is_distributed: bool = False
) -> list[tuple[UUID, Change]]:
    """Changes of several tenants, each after its position, the oldest first; at most `limit` of each.

    Args:
        is_distributed: one statement for each tenant, see `Database.is_distributed`.
    """
    if is_distributed:
        return [
            (tenant_id, change)
            for tenant_id, position in positions.items()
            for change in await after(connection, tenant_id, position, limit=limit)
        ]
    rows = await connection.fetch(
        f"""
        select t.tenant_id, o.* from unnest($1::uuid[], $2::bigint[]) as t (tenant_id, position)
        cross join lateral (
            select {_CHANGE} from outbox o
            where o.tenant_id = t.tenant_id and o.position > t.position order by o.position limit $3) o
        """,
        list(positions),
        list(positions.values()),
        limit,
    )
    return [(row["tenant_id"], Change(**{name: row[name] for name in Change.__struct_fields__})) for row in rows]


async def head(connection: Connection, tenant_id: UUID) -> int:
    """The newest position; 0 before the first."""
    value: int | None = await connection.fetchval("select position from outbox_head where tenant_id = $1", tenant_id)
    return value or 0


async def oldest(connection: Connection, tenant_id: UUID) -> int | None:
    """The oldest position that is kept; None if there is none."""
    value: int | None = await connection.fetchval(
        "select position from outbox where tenant_id = $1 and position is not null order by position limit 1", tenant_id
    )
    return value


async def forget(connection: Connection, limit: int) -> int:
    """Remove up to `limit` changes that are older than a week; returns how many."""
    status = await connection.execute(
        """
        delete from outbox where (tenant_id, id) in (
            select tenant_id, id from outbox where at < now() - make_interval(days => $2) limit $1)
        """,
        limit,
        KEPT_DAYS,
    )
    return int(status.rpartition(" ")[2])
