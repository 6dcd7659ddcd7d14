"""Permission grants: the one query that decides them, and the writes that follow it.

`decide` yields, for a set of identities and optionally a set of mappings, the grants to open and to close with mapping
and group as reason. Sync applies it to a batch of identities, a mapping edit to everyone concerned. A small Python
model in the tests defines the right answer.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from identity_api.db.database import Connection
from identity_api.db.in_force import effective_permissions
from identity_api.ids import uuid7

CloseReason = Literal["GROUP_LEFT", "MAPPING_CHANGED", "MODE_NONE", "STRICT_PROVIDER", "ADMIN"]


class NewGrant(msgspec.Struct, frozen=True):
    """A group grant to open."""

    user_id: UUID
    identity_id: UUID
    permission_id: UUID
    mapping_id: UUID
    group_id: UUID


class Closing(msgspec.Struct, frozen=True):
    """A grant to close, and why."""

    grant_id: UUID
    user_id: UUID
    permission_id: UUID
    reason: CloseReason
    identity_id: UUID | None = None
    mapping_id: UUID | None = None
    group_id: UUID | None = None
    """Of a group grant: where it came from."""


class Decision(msgspec.Struct, frozen=True):
    """The changes that make grants match groups, mappings and modes."""

    openings: tuple[NewGrant, ...]
    closings: tuple[Closing, ...]


_DECIDE = """
with judged as (
    select i.id, i.user_id, i.provider_id, p.sync_mode
    from identity i
    join provider p on p.tenant_id = i.tenant_id and p.id = i.provider_id
    where i.tenant_id = $1 and i.id = any($2::uuid[])
), giving as (
    -- What each live mapping gives to whom, by which group.
    select i.user_id, i.id as identity_id, mp.permission_id, m.id as mapping_id, ig.group_id
    from judged i
    join identity_group ig on ig.tenant_id = $1 and ig.identity_id = i.id
    join mapping_group mg on mg.tenant_id = $1 and mg.group_id = ig.group_id
    join group_mapping m on m.tenant_id = $1 and m.id = mg.mapping_id
        and m.enabled and m.deleted_at is null and (m.provider_id is null or m.provider_id = i.provider_id)
    join mapping_permission mp on mp.tenant_id = $1 and mp.mapping_id = m.id
    where i.sync_mode <> 'NONE' and ($3::uuid[] is null or m.id = any($3))
), holding as (
    select g.id, g.user_id, g.identity_id, g.permission_id, g.mapping_id, g.group_id, i.sync_mode,
        -- Whether the mapping still gives this permission for this group, whoever is in it.
        exists (
            select from group_mapping m
            join mapping_permission mp on mp.tenant_id = $1 and mp.mapping_id = m.id and mp.permission_id = g.permission_id
            join mapping_group mg on mg.tenant_id = $1 and mg.mapping_id = m.id and mg.group_id = g.group_id
            where m.tenant_id = $1 and m.id = g.mapping_id and m.enabled and m.deleted_at is null
                and (m.provider_id is null or m.provider_id = i.provider_id)
        ) as mapping_gives
    from judged i
    -- Of each identity: by the mapping alone it may be everybody's.
    cross join lateral (
        select * from permission_grant
        where tenant_id = $1 and identity_id = i.id and source = 'GROUP' and revoked_at is null
            and ($3::uuid[] is null or mapping_id = any($3)) offset 0) g
)
select null::uuid as grant_id, user_id, identity_id, permission_id, mapping_id, group_id, 'OPEN' as verdict
from giving
where not exists (
    select from holding h
    where h.identity_id = giving.identity_id and h.permission_id = giving.permission_id
        and h.mapping_id = giving.mapping_id and h.group_id = giving.group_id)
union all
select id, user_id, identity_id, permission_id, mapping_id, group_id,
    case when sync_mode = 'NONE' then 'MODE_NONE' when not mapping_gives then 'MAPPING_CHANGED' else 'GROUP_LEFT' end
from holding h
where not exists (
        select from giving g
        where g.identity_id = h.identity_id and g.permission_id = h.permission_id
            and g.mapping_id = h.mapping_id and g.group_id = h.group_id)
    -- ADDITIVE: a group that vanished closes nothing; a mapping that no longer gives closes in every mode.
    and (sync_mode <> 'ADDITIVE' or not mapping_gives)
union all
select g.id, g.user_id, null, g.permission_id, null, null, 'STRICT_PROVIDER'
from permission_grant g
join permission p on p.tenant_id = $1 and p.id = g.permission_id
where $3::uuid[] is null and g.tenant_id = $1 and g.source = 'MANUAL' and g.revoked_at is null
    and g.user_id in (select user_id from judged)
    -- What the operator gave of this service's own rights stays, or a tenant could lock itself out.
    and not (p.name like 'identity:%' and g.granted_by like 'operator:%')
    and exists (
        select from identity i
        join provider v on v.tenant_id = $1 and v.id = i.provider_id and v.enabled and v.sync_mode = 'STRICT'
        where i.tenant_id = $1 and i.user_id = g.user_id and i.state not in ('REVOKED', 'QUARANTINED'))
"""


async def decide(
    connection: Connection, tenant_id: UUID, identity_ids: Sequence[UUID], mapping_ids: Sequence[UUID] | None = None
) -> Decision:
    """What to open and close for these identities; with `mapping_ids`, only as far as these mappings are concerned.

    Manual grants (closed where a STRICT provider rules) are judged only without `mapping_ids`.
    """
    rows = await connection.fetch(_DECIDE, tenant_id, identity_ids, mapping_ids)
    openings = [
        NewGrant(row["user_id"], row["identity_id"], row["permission_id"], row["mapping_id"], row["group_id"])
        for row in rows
        if row["verdict"] == "OPEN"
    ]
    closings = [
        Closing(
            row["grant_id"],
            row["user_id"],
            row["permission_id"],
            row["verdict"],
            row["identity_id"],
            row["mapping_id"],
            row["group_id"],
        )
        for row in rows
        if row["verdict"] != "OPEN"
    ]
    return Decision(tuple(openings), tuple(closings))


async def held_besides(
    connection: Connection, tenant_id: UUID, pairs: Collection[tuple[UUID, UUID]], grant_ids: Collection[UUID]
) -> set[tuple[UUID, UUID]]:
    """Of these pairs of user and permission, those with an open grant other than these."""
    rows = await connection.fetch(
        """
        select distinct asked.user_id, asked.permission_id
        from unnest($2::uuid[], $3::uuid[]) as asked (user_id, permission_id)
        cross join lateral (
            select id, permission_id from permission_grant
            where tenant_id = $1 and user_id = asked.user_id and revoked_at is null offset 0) g
        left join unnest($4::uuid[]) as besides (id) on besides.id = g.id
        where g.permission_id = asked.permission_id and besides.id is null
        """,
        tenant_id,
        [user_id for user_id, _ in pairs],
        [permission_id for _, permission_id in pairs],
        grant_ids,
    )
    return {(row["user_id"], row["permission_id"]) for row in rows}


async def open_group_grants(
    connection: Connection, tenant_id: UUID, openings: Sequence[NewGrant], actor: str, given_at: datetime | None = None
) -> list[tuple[UUID, NewGrant]]:
    """Insert these grants, given now unless it is said when; returns the id of each."""
    made = [(uuid7(), opening) for opening in openings]
    await connection.execute(
        """
        insert into permission_grant
            (id, tenant_id, user_id, permission_id, source, identity_id, mapping_id, group_id, granted_at, granted_by)
        select o.id, $1, o.user_id, o.permission_id, 'GROUP', o.identity_id, o.mapping_id, o.group_id,
            coalesce($9, now()), $2
        from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::uuid[])
            as o (id, user_id, permission_id, identity_id, mapping_id, group_id)
        """,
        tenant_id,
        actor,
        [id for id, _ in made],
        [opening.user_id for _, opening in made],
        [opening.permission_id for _, opening in made],
        [opening.identity_id for _, opening in made],
        [opening.mapping_id for _, opening in made],
        [opening.group_id for _, opening in made],
        given_at,
    )
    return made


async def close_grants(connection: Connection, tenant_id: UUID, closings: Sequence[Closing], actor: str) -> None:
    """Close these grants with their reasons. Closed, never deleted: "who could do what on a date" stays a query."""
    await connection.execute(
        """
        update permission_grant g set revoked_at = now(), revoked_by = $2, revoked_reason = c.reason
        from unnest($3::uuid[], $4::text[]) as c (id, reason)
        -- The ids again, so that their rows are looked up in a join of any kind.
        where g.tenant_id = $1 and g.id = any($3::uuid[]) and g.id = c.id and g.revoked_at is null
        """,
        tenant_id,
        actor,
        [closing.grant_id for closing in closings],
        [closing.reason for closing in closings],
    )


async def open_manual_grant(
    connection: Connection, tenant_id: UUID, user_id: UUID, permission_id: UUID, actor: str
) -> UUID | None:
    """Insert a manual grant; None if an open one exists already."""
    row_id = uuid7()
    value: UUID | None = await connection.fetchval(
        """
        insert into permission_grant (id, tenant_id, user_id, permission_id, source, granted_at, granted_by)
        values ($1, $2, $3, $4, 'MANUAL', now(), $5)
        on conflict (tenant_id, user_id, permission_id) where source = 'MANUAL' and revoked_at is null do nothing
        returning id
        """,
        row_id,
        tenant_id,
        user_id,
        permission_id,
        actor,
    )
    return value


class OpenGrant(msgspec.Struct, frozen=True):
    """An open grant of one permission, as shown to an operator who wants to take it."""

    id: UUID
    provider: str | None
    """The slug, for a grant from a group; None for a grant by hand."""
    group: str | None
    is_held: bool
    """The person is still in the group, so that it would be given again."""

    @property
    def source(self) -> str:
        """For people: the source of the grant."""
        if self.group is None:
            return "given by hand"
        return f"by group {self.group} at provider {self.provider}"


async def open_grants(connection: Connection, tenant_id: UUID, user_id: UUID, permission_id: UUID) -> list[OpenGrant]:
    """The user's open grants of this permission, those by hand first."""
    rows = await connection.fetch(
        """
        select g.id, p.slug as provider, pg.name as "group", g.source = 'GROUP' and exists (
                select from identity_group ig
                where ig.tenant_id = $1 and ig.identity_id = g.identity_id and ig.group_id = g.group_id) as is_held
        from (
            -- By the user, whose grants are few: an index by permission leads to everybody who holds it.
            select * from permission_grant where tenant_id = $1 and user_id = $2 and revoked_at is null offset 0) g
        left join identity i on i.tenant_id = $1 and i.id = g.identity_id
        left join provider p on p.tenant_id = $1 and p.id = i.provider_id
        left join lateral (
            select name from provider_group where tenant_id = $1 and id = g.group_id limit 1) pg on true
        where g.permission_id = $3
        order by g.source desc, p.slug, pg.name
        """,
        tenant_id,
        user_id,
        permission_id,
    )
    return [OpenGrant(row["id"], row["provider"], row["group"], row["is_held"]) for row in rows]


async def effective(connection: Connection, tenant_id: UUID, user_id: UUID) -> frozenset[str]:
    """The names of the permissions in force now, by the definition itself (I1)."""
    rows = await connection.fetch(
        f"select distinct permission from {effective_permissions('$1', '$2', 'now()')} e", tenant_id, user_id
    )
    return frozenset([row["permission"] for row in rows])


async def holds_by_hand(connection: Connection, tenant_id: UUID, user_id: UUID) -> bool:
    """Whether the user has an open grant given by hand."""
    value: bool = await connection.fetchval(
        """
        select exists (select from permission_grant
            where tenant_id = $1 and user_id = $2 and source = 'MANUAL' and revoked_at is null)
        """,
        tenant_id,
        user_id,
    )
    return value
