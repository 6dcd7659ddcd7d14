"""Groups as providers assert them, who is in them, and which mapping matches which.

Matching a pattern happens once, when a group first appears or a mapping changes, and is kept in `mapping_group`;
everything after is equality.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.ids import uuid7


class Rule(msgspec.Struct, frozen=True):
    """A mapping as far as matching is concerned."""

    mapping_id: UUID
    provider_id: UUID | None
    pattern: str
    match: str
    """`EXACT` or `GLOB`."""


class Group(msgspec.Struct, frozen=True):
    """A group that was seen at a provider."""

    id: UUID
    provider_id: UUID
    name: str


class Membership(msgspec.Struct, frozen=True):
    """An identity's groups before and after."""

    identity_id: UUID
    joined: tuple[str, ...]
    left: tuple[str, ...]


async def compare(
    connection: Connection, tenant_id: UUID, provider_id: UUID, asserted: Mapping[UUID, Sequence[str]]
) -> list[Membership]:
    """Which of these identities' stored groups differ from what was asserted; those without a difference are left out."""
    identity_ids = [identity_id for identity_id, names in asserted.items() for _ in names]
    names = [name for names in asserted.values() for name in names]
    rows = await connection.fetch(
        """
        with asserted as (select distinct a.identity_id, a.name from unnest($3::uuid[], $4::text[]) as a (identity_id, name)),
        stored as (
            select ig.identity_id, pg.name from identity_group ig
            join provider_group pg on pg.tenant_id = $1 and pg.id = ig.group_id
            where ig.tenant_id = $1 and ig.identity_id = any($5::uuid[]) and pg.provider_id = $2)
        select coalesce(a.identity_id, s.identity_id) as identity_id,
            array_agg(a.name) filter (where s.name is null) as joined, array_agg(s.name) filter (where a.name is null) as gone
        from asserted a full join stored s on s.identity_id = a.identity_id and s.name = a.name
        where a.name is null or s.name is null
        group by 1
        """,
        tenant_id,
        provider_id,
        identity_ids,
        names,
        list(asserted),
    )
    return [Membership(row["identity_id"], tuple(row["joined"] or ()), tuple(row["gone"] or ())) for row in rows]


async def remember(connection: Connection, tenant_id: UUID, provider_id: UUID, names: Collection[str]) -> list[Group]:
    """Keep these names as seen at the provider; returns those seen for the first time."""
    ordered = sorted(set(names))  # one order for every writer, so that two syncs with new groups cannot deadlock
    rows = await connection.fetch(
        """
        insert into provider_group (id, tenant_id, provider_id, name, first_seen_at)
        select n.id, $1, $2, n.name, now() from unnest($3::uuid[], $4::text[]) as n (id, name)
        where not exists (
            select from provider_group p where p.tenant_id = $1 and p.provider_id = $2 and p.name = n.name)
        order by n.name
        on conflict (tenant_id, provider_id, name) do nothing
        returning id, name
        """,
        tenant_id,
        provider_id,
        [uuid7() for _ in ordered],
        ordered,
    )
    return [Group(row["id"], provider_id, row["name"]) for row in rows]


async def move(connection: Connection, tenant_id: UUID, provider_id: UUID, changes: Sequence[Membership]) -> None:
    """Write what `compare` found; the groups joined have been remembered before."""
    joined = [(change.identity_id, name) for change in changes for name in change.joined]
    left = [(change.identity_id, name) for change in changes for name in change.left]
    if joined:
        await connection.execute(
            """
            insert into identity_group (id, tenant_id, identity_id, group_id)
            select j.id, $1, j.identity_id, g.id from unnest($3::uuid[], $4::uuid[], $5::text[]) as j (id, identity_id, name)
            join provider_group g on g.tenant_id = $1 and g.provider_id = $2 and g.name = j.name
            on conflict (tenant_id, identity_id, group_id) do nothing
            """,
            tenant_id,
            provider_id,
            [uuid7() for _ in joined],
            [identity_id for identity_id, _ in joined],
            [name for _, name in joined],
        )
    if left:
        await connection.execute(
            """
            delete from identity_group ig using provider_group g, unnest($3::uuid[], $4::text[]) as l (identity_id, name)
            where ig.tenant_id = $1 and g.tenant_id = $1 and g.provider_id = $2 and g.name = l.name
                and ig.identity_id = l.identity_id and ig.group_id = g.id
            """,
            tenant_id,
            provider_id,
            [identity_id for identity_id, _ in left],
            [name for _, name in left],
        )


async def rules(connection: Connection, tenant_id: UUID, provider_id: UUID) -> list[Rule]:
    """Every mapping, not deleted, that may match a group of this provider. Disabled ones count: enabling matches nothing anew."""
    rows = await connection.fetch(
        """
        select id, provider_id, pattern, match from group_mapping
        where tenant_id = $1 and (provider_id is null or provider_id = $2) and deleted_at is null
        """,
        tenant_id,
        provider_id,
    )
    return [Rule(row["id"], row["provider_id"], row["pattern"], row["match"]) for row in rows]


async def giving_rules(connection: Connection, tenant_id: UUID, provider_id: UUID) -> list[Rule]:
    """Every live mapping that gives its permissions to groups of this provider; those without permissions are left out."""
    rows = await connection.fetch(
        """
        select m.id, m.provider_id, m.pattern, m.match from group_mapping m
        where m.tenant_id = $1 and (m.provider_id is null or m.provider_id = $2) and m.enabled and m.deleted_at is null
            and exists (select from mapping_permission p where p.tenant_id = $1 and p.mapping_id = m.id)
        """,
        tenant_id,
        provider_id,
    )
    return [Rule(row["id"], row["provider_id"], row["pattern"], row["match"]) for row in rows]


async def seen(connection: Connection, tenant_id: UUID, provider_id: UUID | None) -> list[Group]:
    """Every group seen at the provider, or at any provider of the tenant."""
    rows = await connection.fetch(
        "select id, provider_id, name from provider_group where tenant_id = $1 and ($2::uuid is null or provider_id = $2)",
        tenant_id,
        provider_id,
    )
    return [Group(row["id"], row["provider_id"], row["name"]) for row in rows]


async def match(connection: Connection, tenant_id: UUID, pairs: Sequence[tuple[UUID, UUID]]) -> None:
    """Keep that these (mapping, group) pairs match."""
    await connection.execute(
        """
        insert into mapping_group (id, tenant_id, mapping_id, group_id)
        select m.id, $1, m.mapping_id, m.group_id from unnest($2::uuid[], $3::uuid[], $4::uuid[]) as m (id, mapping_id, group_id)
        on conflict (tenant_id, mapping_id, group_id) do nothing
        """,
        tenant_id,
        [uuid7() for _ in pairs],
        [mapping_id for mapping_id, _ in pairs],
        [group_id for _, group_id in pairs],
    )


async def unmatch(
    connection: Connection, tenant_id: UUID, mapping_id: UUID, group_ids: Collection[UUID] | None = None
) -> None:
    """Forget that the mapping matches these groups, or any group."""
    await connection.execute(
        "delete from mapping_group where tenant_id = $1 and mapping_id = $2 and ($3::uuid[] is null or group_id = any($3))",
        tenant_id,
        mapping_id,
        None if group_ids is None else list(group_ids),
    )
