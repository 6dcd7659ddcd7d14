"""Read audit events by index, a page at a time, however many events there are.

An event's id begins with the millisecond in which it was made, so that a range of time is a range of ids.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db.database import Connection
from identity_api.db.user_filters import fold
from identity_api.ids import first_uuid7


class Recorded(msgspec.Struct, frozen=True):
    """An event, with the names that people have now. JSON is text, as the chain covers it."""

    id: UUID
    at: datetime
    actor: str
    actor_id: UUID | None
    actor_username: str | None
    actor_label: str | None
    action: str
    subject_kind: str
    subject_id: UUID | None
    user_id: UUID | None
    username: str | None
    display_label: str | None
    payload: str
    names: str
    old: str | None
    new: str | None
    request_id: str | None
    address: str | None
    reason: str | None
    sequence: int | None


Column = Literal["subject_id", "user_id", "actor", "action"]
"""The columns that have an index, each in the order of ids."""


_FIRST, _LAST = UUID(int=0), UUID(int=(1 << 128) - 1)


class Where(msgspec.Struct, frozen=True):
    """Which events. One column at most, because two would read everything that one of them leads to."""

    column: Column | None = None
    values: tuple[str | UUID, ...] = ()
    """Events with one of these in that column. Each is looked up by itself, so that the page's size bounds what is read."""
    since: datetime | None = None
    until: datetime | None = None
    """Not included."""


_COLUMNS = """
    e.id, e.at, e.actor, a.id as actor_id, a.username as actor_username, a.display_label as actor_label, e.action,
    e.subject_kind, e.subject_id, e.user_id, u.username, u.display_label, e.payload::text as payload,
    e.names::text as names, e.old::text as old, e.new::text as new, e.request_id, e.address, e.reason, e.sequence
"""
_PEOPLE = """
    left join lateral (select p.username, p.display_label from app_user p
        where p.tenant_id = $1 and p.id = e.user_id limit 1) u on true
    left join lateral (select p.id, p.username, p.display_label from app_user p
        where p.tenant_id = $1 and p.id = case when e.actor like 'user:%' then substr(e.actor, 6)::uuid end limit 1) a on true
"""


def _recorded(row: Record) -> Recorded:
    return Recorded(**{name: row[name] for name in Recorded.__struct_fields__})


async def page(
    connection: Connection,
    tenant_id: UUID,
    where: Where,
    *,
    after: UUID | None,
    first: int,
    oldest_first: bool = False,
) -> list[Recorded]:
    """At most `first` + 1 events after that one, the newest first unless told otherwise."""
    low, high = _FIRST if where.since is None else first_uuid7(where.since), _LAST
    if where.until is not None:
        high = first_uuid7(where.until)
    if after is not None:
        low, high = (max(low, UUID(int=after.int + 1)), high) if oldest_first else (low, min(high, after))
    order = "asc" if oldest_first else "desc"
    arguments: list[object] = [tenant_id, first + 1, low, high]
    if where.column is None:
        events = f"""select * from audit_event e where e.tenant_id = $1 and e.id >= $3 and e.id < $4
            order by e.id {order} limit $2"""
    else:
        # Compared as rows, and in the order of both columns, so that only the column's own index will do. With `=` PostgreSQL
        # may go through all events by their ids, if it takes every value for as common as one that fills the audit.
        column, kind = f"e.{where.column}", "uuid" if where.column.endswith("_id") else "text"
        arguments.append(where.values)
        events = f"""select e.* from unnest($5::{kind}[]) as k (value) cross join lateral (
                select * from audit_event e
                where e.tenant_id = $1 and ({column}, e.id) >= (k.value, $3) and ({column}, e.id) < (k.value, $4)
                order by {column} {order}, e.id {order} limit $2) e
            order by e.id {order} limit $2"""
    rows = await connection.fetch(f"select {_COLUMNS} from ({events}) e {_PEOPLE} order by e.id {order}", *arguments)
    return [_recorded(row) for row in rows]


async def get(connection: Connection, tenant_id: UUID, event_id: UUID) -> Recorded | None:
    """The event, if it is this tenant's."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from (select * from audit_event e where e.tenant_id = $1 and e.id = $2) e {_PEOPLE}",
        tenant_id,
        event_id,
    )
    return _recorded(row) if row else None


async def of_sets(connection: Connection, tenant_id: UUID, sets: Sequence[Recorded]) -> dict[UUID, list[Recorded]]:
    """The events of the changes of each of these change sets, by the id of the set's own event, in the order of their time.

    A set's id was made before its first event, and its own event after its last.
    """
    made = [(one.id, one.subject_id) for one in sets if one.subject_id is not None]
    rows = await connection.fetch(
        f"""
        select k.id as key, {_COLUMNS} from unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[])
            as k (id, change_set, first, beyond)
        cross join lateral (select * from audit_event e
            where e.tenant_id = $1 and e.id >= k.first and e.id < k.beyond and e.payload ->> 'change_set' = k.change_set) e
        {_PEOPLE} order by k.id, e.at, e.id
        """,
        tenant_id,
        [event_id for event_id, _ in made],
        [str(set_id) for _, set_id in made],
        [UUID(int=set_id.int >> 80 << 80) for _, set_id in made],  # its millisecond: what follows in an id is random
        [UUID(int=(event_id.int >> 80) + 1 << 80) for event_id, _ in made],
    )
    found: dict[UUID, list[Recorded]] = {event_id: [] for event_id, _ in made}
    for row in rows:
        found[row["key"]].append(_recorded(row))
    return found


async def newest(
    connection: Connection, tenant_id: UUID, column: Literal["subject_id", "user_id"], ids: Sequence[UUID], *, each: int
) -> dict[UUID, list[Recorded]]:
    """The newest events of each of these things, or about each of these users; `each` of them at most."""
    rows = await connection.fetch(
        f"""
        select k.id as key, {_COLUMNS} from unnest($2::uuid[]) as k (id)
        cross join lateral (
            select * from audit_event e where e.tenant_id = $1 and e.{column} = k.id order by e.id desc limit $3) e
        {_PEOPLE} order by k.id, e.id desc
        """,
        tenant_id,
        list(ids),
        each,
    )
    found: dict[UUID, list[Recorded]] = {one: [] for one in ids}
    for row in rows:
        found[row["key"]].append(_recorded(row))
    return found


async def is_subject(connection: Connection, tenant_id: UUID, subject_id: object) -> bool:
    """Whether any event of the tenant is about this thing."""
    value: bool = await connection.fetchval(
        "select exists (select from audit_event where tenant_id = $1 and subject_id = $2)", tenant_id, subject_id
    )
    return value


async def ids_of_user(connection: Connection, tenant_id: UUID, name: str) -> list[UUID]:
    """The user with exactly this username; otherwise at most two whose usernames differ from it in case only."""
    rows = await connection.fetch(
        """
        select id, username = $3 as is_exact from app_user where tenant_id = $1 and username_folded = $2
        order by username = $3 desc limit 2
        """,
        tenant_id,
        fold(name),
        name,
    )
    exact = [row["id"] for row in rows if row["is_exact"]]
    return exact or [row["id"] for row in rows]


async def ids_of_named(connection: Connection, tenant_id: UUID, name: str) -> list[UUID]:
    """At most two permissions, providers and mappings that have this name, slug or pattern now."""
    rows = await connection.fetch(
        """
        select id from permission where tenant_id = $1 and name = $2
        union all select id from provider where tenant_id = $1 and slug = $2
        union all select id from group_mapping where tenant_id = $1 and pattern = $2 and deleted_at is null
        limit 2
        """,
        tenant_id,
        name,
    )
    return [row["id"] for row in rows]
