"""Groups as providers assert them, their members, and which mapping matches which group.

A pattern is matched once, when a group first appears or a mapping changes, and the result is kept in `mapping_group`;
all later reads compare for equality.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.ids import uuid7


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
            select ig.identity_id, pg.name from unnest($5::uuid[]) as one (id)
            cross join lateral (
                select identity_id, group_id from identity_group where tenant_id = $1 and identity_id = one.id offset 0) ig
            cross join lateral (
                select name from provider_group
                where tenant_id = $1 and id = ig.group_id and provider_id = $2 limit 1) pg)
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
    """Write what `compare` found; `remember` has stored the joined groups before."""
    joined = [(change.identity_id, name) for change in changes for name in change.joined]
    left = [(change.identity_id, name) for change in changes for name in change.left]
    if joined:
        await connection.execute(
            """
            insert into identity_group (tenant_id, identity_id, group_id)
            select $1, j.identity_id, g.id from unnest($3::uuid[], $4::text[]) as j (identity_id, name)
            cross join lateral (
                select id from provider_group where tenant_id = $1 and provider_id = $2 and name = j.name limit 1) g
            on conflict (tenant_id, identity_id, group_id) do nothing
            """,
            tenant_id,
            provider_id,
            [identity_id for identity_id, _ in joined],
            [name for _, name in joined],
        )
    if left:
        await connection.execute(
            """
            delete from identity_group ig
            using unnest($3::uuid[], $4::text[]) as l (identity_id, name)
            cross join lateral (
                select id from provider_group where tenant_id = $1 and provider_id = $2 and name = l.name limit 1) g
            -- The identities again, so that their rows are looked up in a join of any kind.
            where ig.tenant_id = $1 and ig.identity_id = any($3::uuid[])
                and ig.identity_id = l.identity_id and ig.group_id = g.id
            """,
            tenant_id,
            provider_id,
            [identity_id for identity_id, _ in left],
            [name for _, name in left],
        )


_MATCHABLE = """
    from group_mapping m where m.tenant_id = $1 and (m.provider_id is null or m.provider_id = $2) and m.deleted_at is null
"""
"""Every mapping that may match a group of the provider. Disabled ones count: enabling does not match again."""

_GIVING = """
    and m.enabled and exists (select from mapping_permission p where p.tenant_id = $1 and p.mapping_id = m.id)
"""


async def exact_matches(
    connection: Connection, tenant_id: UUID, provider_id: UUID, names: Collection[str], *, giving: bool = False
) -> list[tuple[UUID, str]]:
    """(mapping, name) for every EXACT mapping whose pattern is one of these names of the provider's groups.

    Args:
        giving: only mappings that give something now.
    """
    rows = await connection.fetch(
        f"select m.id, m.pattern {_MATCHABLE} and m.match = 'EXACT' and m.pattern = any($3::text[]) {_GIVING if giving else ''}",
        tenant_id,
        provider_id,
        list(names),
    )
    return [(row["id"], row["pattern"]) for row in rows]


async def globs(connection: Connection, tenant_id: UUID, provider_id: UUID, *, giving: bool = False) -> dict[UUID, str]:
    """The patterns of the GLOB mappings that may match a group of this provider, by mapping; `giving` as above."""
    rows = await connection.fetch(
        f"select m.id, m.pattern {_MATCHABLE} and m.match = 'GLOB' {_GIVING if giving else ''}", tenant_id, provider_id
    )
    return {row["id"]: row["pattern"] for row in rows}


async def match_exactly(connection: Connection, tenant_id: UUID, mapping_ids: Collection[UUID]) -> None:
    """Keep what those of these mappings match that are EXACT: the groups of that name seen so far."""
    await connection.execute(
        """
        insert into mapping_group (tenant_id, mapping_id, group_id)
        select $1, m.id, g.id from unnest($2::uuid[]) as one (id)
        cross join lateral (
            select id, provider_id, pattern from group_mapping
            where tenant_id = $1 and id = one.id and match = 'EXACT' limit 1) m
        join provider p on p.tenant_id = $1 and (m.provider_id is null or p.id = m.provider_id)
        cross join lateral (
            select id from provider_group where tenant_id = $1 and provider_id = p.id and name = m.pattern limit 1) g
        on conflict (tenant_id, mapping_id, group_id) do nothing
        """,
        tenant_id,
        list(mapping_ids),
    )


async def named(connection: Connection, tenant_id: UUID, provider_id: UUID | None, name: str) -> list[UUID]:
    """The groups with exactly this name that were seen at the provider, or at any provider of the tenant."""
    rows = await connection.fetch(
        """
        select g.id from provider p cross join lateral (
            select id from provider_group where tenant_id = $1 and provider_id = p.id and name = $3 limit 1) g
        where p.tenant_id = $1 and ($2::uuid is null or p.id = $2)
        """,
        tenant_id,
        provider_id,
        name,
    )
    return [row["id"] for row in rows]


async def seen(
    connection: Connection, tenant_id: UUID, provider_id: UUID | None, *, after: UUID | None, limit: int
) -> list[Group]:
    """At most `limit` groups after that one, in id order, that were seen at the provider, or at any of the tenant."""
    rows = await connection.fetch(
        """
        select id, provider_id, name from provider_group
        where tenant_id = $1 and ($2::uuid is null or provider_id = $2) and ($3::uuid is null or id > $3) order by id limit $4
        """,
        tenant_id,
        provider_id,
        after,
        limit,
    )
    return [Group(row["id"], row["provider_id"], row["name"]) for row in rows]


async def unseen(connection: Connection, tenant_id: UUID, provider_id: UUID, names: Collection[str]) -> set[str]:
    """Of these names, those that no group of the provider has had so far."""
    rows = await connection.fetch(
        "select name from provider_group where tenant_id = $1 and provider_id = $2 and name = any($3::text[])",
        tenant_id,
        provider_id,
        list(names),
    )
    return set(names) - {row["name"] for row in rows}


async def match(connection: Connection, tenant_id: UUID, pairs: Sequence[tuple[UUID, UUID]]) -> None:
    """Keep that these (mapping, group) pairs match."""
    await connection.execute(
        """
        insert into mapping_group (tenant_id, mapping_id, group_id)
        select $1, m.mapping_id, m.group_id from unnest($2::uuid[], $3::uuid[]) as m (mapping_id, group_id)
        on conflict (tenant_id, mapping_id, group_id) do nothing
        """,
        tenant_id,
        [mapping_id for mapping_id, _ in pairs],
        [group_id for _, group_id in pairs],
    )


async def unmatch(connection: Connection, tenant_id: UUID, mapping_ids: Collection[UUID]) -> None:
    """Forget which groups these mappings match."""
    await connection.execute(
        "delete from mapping_group where tenant_id = $1 and mapping_id = any($2::uuid[])", tenant_id, list(mapping_ids)
    )
