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


async def ways_to(connection: Connection, tenant_id: UUID, user_id: UUID, permission_id: UUID) -> list[Way]:
    """The mappings, oldest first, at most `MAX_WAYS`."""
    rows = await connection.fetch(
        """
        select m.id as mapping_id, m.provider_id, v.slug as provider, m.pattern, m.match, m.enabled, m.version,
            (select pg.name from identity i
                join identity_group ig on ig.tenant_id = $1 and ig.identity_id = i.id
                join mapping_group mg on mg.tenant_id = $1 and mg.mapping_id = m.id and mg.group_id = ig.group_id
                join provider_group pg on pg.tenant_id = $1 and pg.id = ig.group_id
                where i.tenant_id = $1 and i.user_id = $2 order by pg.name limit 1) as "group"
        from mapping_permission mp
        join group_mapping m on m.tenant_id = $1 and m.id = mp.mapping_id and m.deleted_at is null
        left join provider v on v.tenant_id = $1 and v.id = m.provider_id
        where mp.tenant_id = $1 and mp.permission_id = $3 order by m.id limit $4
        """,
        tenant_id,
        user_id,
        permission_id,
        MAX_WAYS,
    )
    return [Way(**row) for row in rows]
