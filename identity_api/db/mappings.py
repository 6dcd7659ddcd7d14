"""Group mappings, and edits of them whose effect on grants is still being written."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db import database, outbox
from identity_api.db.database import Connection
from identity_api.db.mapping_search import FOUND, Search
from identity_api.ids import uuid7


class MappingRecord(msgspec.Struct, frozen=True):
    """A mapping with its permissions and the progress of its last edit."""

    id: UUID
    provider_id: UUID | None
    pattern: str
    match: Literal["EXACT", "GLOB"]
    enabled: bool
    version: int
    managed_by: Literal["FILE", "API"]
    created_at: datetime
    updated_at: datetime
    permission_ids: tuple[UUID, ...]
    permissions: tuple[str, ...]
    """Names, in the order of `permission_ids`."""
    group_count: int
    """Seen groups that it matches."""
    pending: int
    """Identities that its unfinished edits still have to reach; 0 when everything is written."""
    provider_slug: str | None
    provider_label: str | None


_BEFORE_ALL = UUID(int=0)

_SELECT = """
    select m.id, m.provider_id, m.pattern, m.match, m.enabled, m.version, m.managed_by, m.created_at, m.updated_at,
        coalesce(p.ids, '{}') as permission_ids, coalesce(p.names, '{}') as permissions,
        coalesce(g.groups, 0) as group_count, coalesce(c.pending, 0) as pending,
        v.slug as provider_slug, v.label as provider_label
    from group_mapping m
    left join provider v on v.tenant_id = $1 and v.id = m.provider_id
    cross join lateral (
        select array_agg(p.id order by p.name) as ids, array_agg(p.name order by p.name) as names
        from mapping_permission mp
        cross join lateral (select id, name from permission where tenant_id = $1 and id = mp.permission_id limit 1) p
        where mp.tenant_id = $1 and mp.mapping_id = m.id) p
    cross join lateral (
        select count(*) as groups from mapping_group where tenant_id = $1 and mapping_id = m.id) g
    cross join lateral (
        select sum(greatest(total - done, 1)) as pending from mapping_change
        where tenant_id = $1 and mapping_id = m.id) c
    where m.tenant_id = $1 and m.deleted_at is null
"""


def _row(row: Record) -> MappingRecord:
    return MappingRecord(
        **{**row, "permission_ids": tuple(row["permission_ids"]), "permissions": tuple(row["permissions"])}
    )


async def get(connection: Connection, tenant_id: UUID, mapping_id: UUID) -> MappingRecord | None:
    """The mapping, if it is this tenant's and not deleted."""
    row = await connection.fetchrow(f"{_SELECT} and m.id = $2", tenant_id, mapping_id)
    return _row(row) if row else None


async def page(
    connection: Connection,
    tenant_id: UUID,
    *,
    search: Search | None = None,
    after: UUID | None,
    first: int,
    backward: bool = False,
) -> list[MappingRecord]:
    """At most `first` + 1 mappings after that one, oldest first: the last tells whether there are more.

    Args:
        search: only those that it finds.
        backward: those before that one, newest first.
    """
    beyond, direction = ("<", "desc") if backward else (">", "asc")
    rows = await connection.fetch(
        f"{_SELECT} and {FOUND} and ($4::uuid is null or m.id {beyond} $4) order by m.id {direction} limit $5",
        tenant_id,
        search and search.text,
        search and search.group,
        after,
        first + 1,
    )
    return [_row(row) for row in rows]


async def of_provider(connection: Connection, tenant_id: UUID, provider_id: UUID) -> list[MappingRecord]:
    """The oldest 100 mappings for this provider alone. For a provider that is being set up, which has few."""
    # An array of ids: what is joined to each mapping is looked up for these alone, however many there are.
    rows = await connection.fetch(
        f"""{_SELECT} and m.id = any(array(
            select id from group_mapping where tenant_id = $1 and provider_id = $2 and deleted_at is null
            order by id limit 100)) order by m.id""",
        tenant_id,
        provider_id,
    )
    return [_row(row) for row in rows]


async def patterns(connection: Connection, tenant_id: UUID, mapping_ids: Collection[str]) -> dict[str, str]:
    """The patterns of these mappings by id, as text; deleted ones too, since what they gave may still be shown."""
    rows = await connection.fetch(
        "select id::text, pattern from group_mapping where tenant_id = $1 and id = any($2::text[]::uuid[])",
        tenant_id,
        list(mapping_ids),
    )
    return {row["id"]: row["pattern"] for row in rows}


async def by_ids(connection: Connection, tenant_id: UUID, mapping_ids: Collection[UUID]) -> list[MappingRecord]:
    """Those of these that are this tenant's and not deleted, oldest first."""
    rows = await connection.fetch(f"{_SELECT} and m.id = any($2::uuid[]) order by m.id", tenant_id, list(mapping_ids))
    return [_row(row) for row in rows]


class MappingValues(msgspec.Struct, frozen=True):
    """A mapping as it is to be stored."""

    id: UUID
    provider_id: UUID | None
    pattern: str
    match: Literal["EXACT", "GLOB"]
    enabled: bool
    permission_ids: tuple[UUID, ...]


async def insert(connection: Connection, tenant_id: UUID, made: Sequence[MappingValues], *, managed_by: str) -> bool:
    """Insert mappings with their permissions; False if one with the same provider, match and pattern exists."""
    rows = await connection.fetch(
        """
        insert into group_mapping
            (id, tenant_id, provider_id, pattern, match, enabled, version, managed_by, created_at, updated_at)
        select n.id, $1, n.provider_id, n.pattern, n.match, n.enabled, 1, $2, now(), now()
        from unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::boolean[])
            as n (id, provider_id, pattern, match, enabled)
        on conflict do nothing returning id
        """,
        tenant_id,
        managed_by,
        [one.id for one in made],
        [one.provider_id for one in made],
        [one.pattern for one in made],
        [one.match for one in made],
        [one.enabled for one in made],
    )
    if len(rows) < len(made):
        return False
    await _give(connection, tenant_id, {one.id: one.permission_ids for one in made})
    return True


async def update(connection: Connection, tenant_id: UUID, changed: Sequence[MappingValues]) -> None:
    """Overwrite rules and raise their versions. The caller has compared the versions under `locks.edit_mappings`."""
    await connection.execute(
        """
        update group_mapping m
        set provider_id = n.provider_id, pattern = n.pattern, match = n.match, enabled = n.enabled, version = m.version + 1,
            updated_at = now()
        from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::boolean[])
            as n (id, provider_id, pattern, match, enabled)
        where m.tenant_id = $1 and m.id = n.id
        """,
        tenant_id,
        [one.id for one in changed],
        [one.provider_id for one in changed],
        [one.pattern for one in changed],
        [one.match for one in changed],
        [one.enabled for one in changed],
    )
    await set_permissions(connection, tenant_id, {one.id: one.permission_ids for one in changed})


async def exists(
    connection: Connection, tenant_id: UUID, *, provider_id: UUID | None, pattern: str, match: str, other_than: UUID
) -> bool:
    """Whether another mapping has this provider, match and pattern."""
    value: bool = await connection.fetchval(
        """
        select exists (select from group_mapping where tenant_id = $1 and provider_id is not distinct from $2
            and pattern = $3 and match = $4 and id <> $5 and deleted_at is null)
        """,
        tenant_id,
        provider_id,
        pattern,
        match,
        other_than,
    )
    return value


async def delete(connection: Connection, tenant_id: UUID, mapping_ids: Collection[UUID]) -> None:
    """Mark mappings deleted. Their rows stay for closed grants; what they gave is out of force at once (I1)."""
    await connection.execute(
        """
        update group_mapping set deleted_at = now(), updated_at = now(), version = version + 1
        where tenant_id = $1 and id = any($2::uuid[])
        """,
        tenant_id,
        list(mapping_ids),
    )
    await set_permissions(connection, tenant_id, dict.fromkeys(mapping_ids, ()))


async def set_permissions(connection: Connection, tenant_id: UUID, given: Mapping[UUID, Collection[UUID]]) -> None:
    """Make these the permissions that each mapping gives."""
    await connection.execute(
        """
        delete from mapping_permission p where p.tenant_id = $1 and p.mapping_id = any($2::uuid[]) and not exists (
            select from unnest($3::uuid[], $4::uuid[]) as n (mapping_id, permission_id)
            where n.mapping_id = p.mapping_id and n.permission_id = p.permission_id)
        """,
        tenant_id,
        list(given),
        *_pairs(given),
    )
    await _give(connection, tenant_id, given)


async def _give(connection: Connection, tenant_id: UUID, given: Mapping[UUID, Collection[UUID]]) -> None:
    await connection.execute(
        """
        insert into mapping_permission (tenant_id, mapping_id, permission_id)
        select $1, n.mapping_id, n.permission_id from unnest($2::uuid[], $3::uuid[]) as n (mapping_id, permission_id)
        on conflict (tenant_id, mapping_id, permission_id) do nothing
        """,
        tenant_id,
        *_pairs(given),
    )


def _pairs(given: Mapping[UUID, Collection[UUID]]) -> tuple[list[UUID], list[UUID]]:
    pairs = [(mapping_id, permission_id) for mapping_id, ids in given.items() for permission_id in ids]
    return [mapping_id for mapping_id, _ in pairs], [permission_id for _, permission_id in pairs]


_CONCERNED = """
    select identity_id from permission_grant
    where tenant_id = $1 and mapping_id = $2 and source = 'GROUP' and revoked_at is null
    union
    select ig.identity_id from mapping_group mg
    join identity_group ig on ig.tenant_id = $1 and ig.group_id = mg.group_id
    where mg.tenant_id = $1 and mg.mapping_id = $2
"""
"""Everyone to whom a mapping gives something now, or with an open grant from it."""

_CONCERNED_NEXT = """
    (select distinct identity_id from permission_grant
        where tenant_id = $1 and mapping_id = $2 and source = 'GROUP' and revoked_at is null and identity_id > $3
        order by identity_id limit $4)
    union
    (select m.identity_id from mapping_group mg
        cross join lateral (
            select ig.identity_id from identity_group ig
            where ig.tenant_id = $1 and ig.group_id = mg.group_id and ig.identity_id > $3
            order by ig.identity_id limit $4) m
        where mg.tenant_id = $1 and mg.mapping_id = $2)
    order by identity_id limit $4
"""
"""The same after a position: of each group, and of the open grants, no more than what may be among the next."""


async def begin_changes(
    connection: Connection, tenant_id: UUID, mapping_ids: Sequence[UUID], actor: str
) -> dict[UUID, int]:
    """Record that grants have to follow edits, unless they concern nobody; returns how many identities each concerns."""
    rows = await connection.fetch(
        f"""
        select m.id, c.total from unnest($2::uuid[]) as m (id)
        cross join lateral (select count(*) as total from ({_CONCERNED.replace("$2", "m.id")}) as one) c
        """,
        tenant_id,
        mapping_ids,
        # It does the work of as many statements. Of 25 mappings for everybody in a large tenant that is seconds.
        timeout=len(mapping_ids) * database.COMMAND_TIMEOUT_SECONDS,
    )
    totals = {row["id"]: row["total"] for row in rows}
    concerning = [mapping_id for mapping_id in mapping_ids if totals[mapping_id]]
    if concerning:
        await connection.execute(
            """
            insert into mapping_change (id, tenant_id, mapping_id, actor, total, done, created_at)
            select n.id, $1, n.mapping_id, $2, n.total, 0, now()
            from unnest($3::uuid[], $4::uuid[], $5::integer[]) as n (id, mapping_id, total)
            """,
            tenant_id,
            actor,
            [uuid7() for _ in concerning],
            concerning,
            [totals[mapping_id] for mapping_id in concerning],
        )
        # All of it is in force with the commit, for everybody; the grants follow user by user.
        await outbox.record(connection, tenant_id, "user.permissions_changed", None)
    return totals


async def concerned(
    connection: Connection, tenant_id: UUID, mapping_id: UUID, *, after: UUID | None, limit: int
) -> list[UUID]:
    """Identities, in id order, that an edit of the mapping concerns."""
    rows = await connection.fetch(_CONCERNED_NEXT, tenant_id, mapping_id, after or _BEFORE_ALL, limit)
    return [row["identity_id"] for row in rows]


async def concerned_of(
    connection: Connection, tenant_id: UUID, mapping_ids: Collection[UUID], user_id: UUID
) -> list[UUID]:
    """Identities of one user that an edit of one of these mappings concerns."""
    rows = await connection.fetch(
        """
        select i.id from identity i
        where i.tenant_id = $1 and i.user_id = $3 and (
            exists (select from permission_grant g
                where g.tenant_id = $1 and g.identity_id = i.id and g.mapping_id = any($2::uuid[]) and g.source = 'GROUP'
                    and g.revoked_at is null)
            or exists (select from identity_group ig
                join mapping_group mg on mg.tenant_id = $1 and mg.group_id = ig.group_id and mg.mapping_id = any($2::uuid[])
                where ig.tenant_id = $1 and ig.identity_id = i.id))
        """,
        tenant_id,
        list(mapping_ids),
        user_id,
    )
    return [row["id"] for row in rows]
