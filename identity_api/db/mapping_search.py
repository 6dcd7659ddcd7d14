"""Which group mappings a text finds."""

from typing import Final
from uuid import UUID

import msgspec

from identity_api.db.database import Connection


class Search(msgspec.Struct, frozen=True):
    """Mappings with this text in their pattern or in the name of a permission that they give, in capitals or not.

    An accent is found however it is written."""

    text: str
    group: str | None
    """Also those that match the seen group of exactly this name; None for who may not learn which groups there are."""


FOUND: Final = """
    ($2::text is null or strpos(normalize(lower(m.pattern)), normalize(lower($2))) > 0
        or m.id in (select mp.mapping_id from permission p
            join mapping_permission mp on mp.tenant_id = $1 and mp.permission_id = p.id
            where p.tenant_id = $1 and strpos(lower(p.name), lower($2)) > 0)
        or m.id in (select mg.mapping_id from provider_group g
            join mapping_group mg on mg.tenant_id = $1 and mg.group_id = g.id
            where g.tenant_id = $1 and g.name = $3))
"""
"""Condition on a mapping `m`: $2 is the text, $3 the group, both null without a search."""


async def count(connection: Connection, tenant_id: UUID, search: Search | None) -> int:
    """How many mappings there are, or are found."""
    value: int = await connection.fetchval(
        f"select count(*) from group_mapping m where m.tenant_id = $1 and m.deleted_at is null and {FOUND}",
        tenant_id,
        search and search.text,
        search and search.group,
    )
    return value
