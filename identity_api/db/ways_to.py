"""Which mappings give a permission, and which groups of one user they match: to explain why a user lacks it."""

from typing import Literal
from uuid import UUID

import msgspec

from identity_api.db.database import Connection

MAX_WAYS = 50
"""The most mappings that are read for one permission."""


class Way(msgspec.Struct, frozen=True):
    """A live mapping that gives the permission."""

    mapping_id: UUID
    provider_id: UUID | None
    """None: groups of every provider."""
    provider: str | None
    pattern: str
    match: Literal["EXACT", "GLOB"]
    enabled: bool
    version: int
    group: str | None
    """A group of the user that it matches; None if there is none."""
    group_id: UUID | None
    group_provider_id: UUID | None


async def ways_to(connection: Connection, tenant_id: UUID, user_id: UUID, permission_id: UUID) -> list[Way]:
    """The mappings, oldest first, at most `MAX_WAYS`."""
    rows = await connection.fetch(
        """
        with held as materialized (
            -- By the user, whose groups are few: a mapping's group leads to everybody who is in it.
            select ig.group_id from (
                select id from identity where tenant_id = $1 and user_id = $2 offset 0) i
            cross join lateral (
                select group_id from identity_group where tenant_id = $1 and identity_id = i.id offset 0) ig
        )
        select m.id as mapping_id, m.provider_id, v.slug as provider, m.pattern, m.match, m.enabled, m.version,
            g.name as "group", g.id as group_id, g.provider_id as group_provider_id
        from mapping_permission mp
        join group_mapping m on m.tenant_id = $1 and m.id = mp.mapping_id and m.deleted_at is null
        left join provider v on v.tenant_id = $1 and v.id = m.provider_id
        left join lateral (
            select pg.id, pg.name, pg.provider_id from held
            cross join lateral (
                select from mapping_group where tenant_id = $1 and mapping_id = m.id and group_id = held.group_id limit 1) mg
            cross join lateral (
                select id, name, provider_id from provider_group where tenant_id = $1 and id = held.group_id limit 1) pg
            order by pg.name limit 1) g on true
        where mp.tenant_id = $1 and mp.permission_id = $3 order by m.id limit $4
        """,
        tenant_id,
        user_id,
        permission_id,
        MAX_WAYS,
    )
    return [Way(**row) for row in rows]
