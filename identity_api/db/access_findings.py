"""Gaps between groups and permissions: mappings that reach nobody, groups that no mapping matches.

Each function is one statement that reads by index and stops early: of a mapping or group it reads no more than the
first living member, and never more than the `LOOKED_AT` groups of a mapping or members of a group. `(select ... limit
1) is null` keeps PostgreSQL from planning them as a join over everybody, and from reading a group's members in order
through all groups.

A living member is an identity that is in the group as last asserted completely and is neither revoked nor quarantined.
An identity that could not be read lately stays a member: unknown is never empty (I7).
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from identity_api.db.database import Connection

LOOKED_AT: Final = 1_000
"""Groups of one mapping, members of one group, and leavers of one group that are looked at."""
RECENT_DAYS: Final = 30
"""How long ago a group may have been left to be taken for one that was renamed."""

_LIVING = """
    select 1 from identity_group ig join identity i on i.tenant_id = $1 and i.id = ig.identity_id
    where ig.tenant_id = $1 and ig.group_id = {group} and i.state not in ('REVOKED', 'QUARANTINED')
        and i.unlinked_at is null order by ig.identity_id limit 1
"""
_MATCHED = (
    f"(select mg.group_id from mapping_group mg where mg.tenant_id = $1 and mg.mapping_id = m.id limit {LOOKED_AT})"
)
_REACHES_NOBODY = f"""
    (select 1 from {_MATCHED} as matched cross join lateral ({_LIVING.format(group="matched.group_id")}) as living limit 1)
    is null
"""
_GIVING = """
    m.tenant_id = $1 and m.deleted_at is null and m.enabled
    and exists (select from mapping_permission mp where mp.tenant_id = $1 and mp.mapping_id = m.id)
"""


class ProviderReadings(msgspec.Struct, frozen=True):
    """How far groups of a provider are known at all."""

    id: UUID
    slug: str
    label: str
    has_read: bool
    """At least one person's groups have been read completely."""
    unread: int
    """Living identities whose groups could not be read completely; counted up to `LOOKED_AT`."""


async def readings(connection: Connection, tenant_id: UUID) -> list[ProviderReadings]:
    """The tenant's providers that are enabled, and whose groups give permissions."""
    rows = await connection.fetch(
        f"""
        select p.id, p.slug, p.label,
            (select 1 from identity_sync s where s.tenant_id = $1 and s.provider_id = p.id
                and s.groups_completeness in ('COMPLETE', 'EMPTY') limit 1) is not null as has_read,
            (select count(*) from (
                select 1 from identity_sync s join identity i on i.tenant_id = $1 and i.id = s.id
                where s.tenant_id = $1 and s.provider_id = p.id and s.groups_completeness not in ('COMPLETE', 'EMPTY')
                    and i.state not in ('REVOKED', 'QUARANTINED') and i.subject is not null limit {LOOKED_AT}) as one
            ) as unread
        from provider p where p.tenant_id = $1 and p.enabled and p.sync_mode <> 'NONE' order by p.slug
        """,
        tenant_id,
    )
    return [ProviderReadings(**row) for row in rows]


class UnreachedMapping(msgspec.Struct, frozen=True):
    """An enabled mapping that gives something and reaches no living member of any group."""

    id: UUID
    pattern: str
    provider_id: UUID | None
    permissions: tuple[str, ...]
    group_count: int
    """Groups that it matches, counted up to `LOOKED_AT`. None: it never matched anybody."""
    left_at: datetime | None
    """When the last member left one of them, or their login ended; None if that is not known."""


async def unreached_mappings(connection: Connection, tenant_id: UUID) -> list[UnreachedMapping]:
    """The mappings that reach nobody, by pattern; one with `LOOKED_AT` groups or more counts as reaching somebody."""
    rows = await connection.fetch(
        f"""
        select m.id, m.pattern, m.provider_id, matched.group_count, matched.left_at,
            array(select p.name from mapping_permission mp join permission p on p.tenant_id = $1 and p.id = mp.permission_id
                where mp.tenant_id = $1 and mp.mapping_id = m.id order by p.name) as permissions
        from group_mapping m
        cross join lateral (
            select count(*) as group_count, max(greatest((
                select g.revoked_at from permission_grant g where g.tenant_id = $1 and g.group_id = one.group_id
                    and g.revoked_reason = 'GROUP_LEFT' order by g.revoked_at desc limit 1), (
                select max(dead.state_since) from (
                    select i.state_since from identity_group ig
                    join identity i on i.tenant_id = $1 and i.id = ig.identity_id
                    where ig.tenant_id = $1 and ig.group_id = one.group_id limit {LOOKED_AT}) as dead))) as left_at
            from {_MATCHED} as one) as matched
        where {_GIVING} and {_REACHES_NOBODY} and matched.group_count < {LOOKED_AT}
        order by m.pattern, m.id
        """,
        tenant_id,
    )
    return [UnreachedMapping(**{**row, "permissions": tuple(row["permissions"])}) for row in rows]


async def emptied_mappings(
    connection: Connection, tenant_id: UUID, provider_id: UUID, names: Collection[str]
) -> list[tuple[UUID, str]]:
    """(id, pattern) of the mappings that match one of these groups of the provider, and reach nobody any more."""
    rows = await connection.fetch(
        f"""
        select distinct m.id, m.pattern
        from provider_group pg
        join mapping_group left_one on left_one.tenant_id = $1 and left_one.group_id = pg.id
        join group_mapping m on m.tenant_id = $1 and m.id = left_one.mapping_id
        where pg.tenant_id = $1 and pg.provider_id = $2 and pg.name = any($3::text[]) and {_GIVING} and {_REACHES_NOBODY}
            and (select count(*) from {_MATCHED} as one) < {LOOKED_AT}
        order by m.pattern, m.id
        """,
        tenant_id,
        provider_id,
        list(names),
    )
    return [(row["id"], row["pattern"]) for row in rows]


class UnmappedGroup(msgspec.Struct, frozen=True):
    """A group with living members that no mapping matches, enabled or not."""

    id: UUID
    name: str
    provider_id: UUID
    first_seen_at: datetime


async def unmapped_groups(connection: Connection, tenant_id: UUID, *, first: int) -> list[UnmappedGroup]:
    """At most `first` of them, the newest first."""
    rows = await connection.fetch(
        f"""
        select g.id, g.name, g.provider_id, g.first_seen_at
        from provider_group g
        join provider p on p.tenant_id = $1 and p.id = g.provider_id and p.enabled and p.sync_mode <> 'NONE'
        where g.tenant_id = $1
            and (select 1 from mapping_group mg where mg.tenant_id = $1 and mg.group_id = g.id limit 1) is null
            and ({_LIVING.format(group="g.id")}) is not null
        order by g.first_seen_at desc, g.name limit $2
        """,
        tenant_id,
        first,
    )
    return [UnmappedGroup(**row) for row in rows]


class UnreachedPermission(msgspec.Struct, frozen=True):
    """A permission of the tenant's own that nobody was given by hand and that no mapping gives to anybody."""

    id: UUID
    name: str
    mapping_ids: tuple[UUID, ...]
    """Those that would give it, and reach nobody."""


async def unreached_permissions(
    connection: Connection, tenant_id: UUID, unreached: Collection[UUID]
) -> list[UnreachedPermission]:
    """By name.

    Args:
        unreached: the mappings that reach nobody.
    """
    rows = await connection.fetch(
        """
        select p.id, p.name, array(
            select mp.mapping_id from mapping_permission mp
            where mp.tenant_id = $1 and mp.permission_id = p.id and mp.mapping_id = any($2::uuid[])
            order by mp.mapping_id) as mapping_ids
        from permission p
        where p.tenant_id = $1 and p.name not like 'identity:%'
            and (select 1 from mapping_permission mp join group_mapping m on m.tenant_id = $1 and m.id = mp.mapping_id
                where mp.tenant_id = $1 and mp.permission_id = p.id and m.enabled and m.deleted_at is null
                    and m.id <> all($2::uuid[]) limit 1) is null
            and (select 1 from permission_grant g where g.tenant_id = $1 and g.permission_id = p.id
                and g.source = 'MANUAL' and g.revoked_at is null limit 1) is null
        order by p.name
        """,
        tenant_id,
        list(unreached),
    )
    return [UnreachedPermission(row["id"], row["name"], tuple(row["mapping_ids"])) for row in rows]


class LikelyRename(msgspec.Struct, frozen=True):
    """A mapped group that everybody left, and a new one of the same provider in which most of them are."""

    provider_id: UUID
    old: str
    old_id: UUID
    left_at: datetime
    new: str
    new_id: UUID
    new_since: datetime
    left: int
    """People who left the old group since the new one appeared; counted up to `LOOKED_AT` grants."""
    in_common: int
    """Of them, those who are in the new one."""
    remaining: int
    """People in the old group as last read, before the last member left."""
    mapping_ids: tuple[UUID, ...]
    """Those that match the old group and give something."""
    new_is_mapped: bool


_RENAMES = f"""
with mapped as (
    select distinct mg.group_id from group_mapping m
    join mapping_group mg on mg.tenant_id = $1 and mg.mapping_id = m.id where {_GIVING}
), left_ones as (
    select g.id, g.name, g.provider_id, l.left_at from mapped
    join provider_group g on g.tenant_id = $1 and g.id = mapped.group_id
    cross join lateral (
        select pg.revoked_at as left_at from permission_grant pg
        where pg.tenant_id = $1 and pg.group_id = g.id and pg.revoked_reason = 'GROUP_LEFT'
            and pg.revoked_at > now() - make_interval(days => {RECENT_DAYS}) order by pg.revoked_at desc limit 1) as l
), members as (
    select l.*, m.remaining, m.confirmed from left_ones l
    cross join lateral (
        select count(*) filter (where one.is_living) as remaining,
            count(*) filter (where one.is_living and one.verified_at > l.left_at) as confirmed, count(*) as seen
        from (select i.state not in ('REVOKED', 'QUARANTINED') as is_living, s.verified_at
            from identity_group ig
            cross join lateral (select state from identity where tenant_id = $1 and id = ig.identity_id limit 1) i
            cross join lateral (select verified_at from identity_sync where tenant_id = $1 and id = ig.identity_id limit 1) s
            where ig.tenant_id = $1 and ig.group_id = l.id limit {LOOKED_AT}) as one) as m
    where m.confirmed = 0 and m.seen < {LOOKED_AT}
    order by l.left_at desc limit 50
), leavers as (
    select old.id as old_id, l.identity_id, max(l.revoked_at) as left_at from members old
    cross join lateral (
        select pg.identity_id, pg.revoked_at from permission_grant pg
        where pg.tenant_id = $1 and pg.group_id = old.id and pg.revoked_reason = 'GROUP_LEFT'
        order by pg.revoked_at desc limit {LOOKED_AT}) as l
    group by old.id, l.identity_id
), candidates as (
    select l.old_id, g.id as new_id, g.name, g.first_seen_at, count(*) as in_common
    from leavers l
    join members old on old.id = l.old_id
    join identity_group ig on ig.tenant_id = $1 and ig.identity_id = l.identity_id and ig.group_id <> l.old_id
    join provider_group g on g.tenant_id = $1 and g.id = ig.group_id and g.provider_id = old.provider_id
    where g.first_seen_at <= l.left_at and g.first_seen_at > l.left_at - make_interval(days => {RECENT_DAYS})
    group by l.old_id, g.id, g.name, g.first_seen_at
)
select old.provider_id, old.name as old, old.id as old_id, old.left_at, c.name as new, c.new_id, c.first_seen_at as new_since,
    counted.left_count as "left",
    c.in_common, old.remaining, array(
        select m.id from mapping_group mg join group_mapping m on m.tenant_id = $1 and m.id = mg.mapping_id
        where mg.tenant_id = $1 and mg.group_id = old.id and {_GIVING} order by m.id) as mapping_ids,
    exists (select from mapping_group mg where mg.tenant_id = $1 and mg.group_id = c.new_id) as new_is_mapped
from candidates c
join members old on old.id = c.old_id
cross join lateral (
    select count(*) as left_count from leavers l where l.old_id = c.old_id and l.left_at >= c.first_seen_at) as counted
cross join lateral (
    select count(*) as members from (
        select 1 from identity_group ig where ig.tenant_id = $1 and ig.group_id = c.new_id limit {LOOKED_AT}) as one) as now_in
where c.in_common * 2 > counted.left_count and c.in_common * 2 > now_in.members
order by old.left_at desc, old.name, c.in_common desc, c.name limit 100
"""


async def likely_renames(connection: Connection, tenant_id: UUID) -> list[LikelyRename]:
    """The groups that were left last come first.

    The leavers of a group are known from closed grants: for groups that a mapping matches, at providers whose mode is
    not ADDITIVE, where leaving closes nothing.
    """
    rows: list[Any] = await connection.fetch(_RENAMES, tenant_id)
    return [LikelyRename(**{**row, "mapping_ids": tuple(row["mapping_ids"])}) for row in rows]
