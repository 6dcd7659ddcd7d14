"""What a change set's preview reads: the users whom its mappings concern, and which permissions they keep."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from identity_api.db import database
from identity_api.db.database import Connection


class Concerned(NamedTuple):
    """An identity of somebody whom a mapping gives something, or gave something that is still open."""

    user_id: UUID
    identity_id: UUID


async def concerned(
    connection: Connection, tenant_id: UUID, mapping_ids: Collection[UUID], *, limit: int | None
) -> list[Concerned]:
    """The identities that any of these mappings concerns, by user: all, or at most `limit`."""
    rows = await connection.fetch(
        """
        select i.user_id, i.id as identity_id from (
            select identity_id from permission_grant
            where tenant_id = $1 and mapping_id = any($2::uuid[]) and source = 'GROUP' and revoked_at is null
            union
            select ig.identity_id from mapping_group mg
            join identity_group ig on ig.tenant_id = $1 and ig.group_id = mg.group_id
            where mg.tenant_id = $1 and mg.mapping_id = any($2::uuid[])) c
        join identity i on i.tenant_id = $1 and i.id = c.identity_id
        order by i.user_id, i.id limit $3
        """,
        tenant_id,
        list(mapping_ids),
        limit,
        # It does the work of as many statements, as `mappings.begin_changes` does.
        timeout=max(1, len(mapping_ids)) * database.COMMAND_TIMEOUT_SECONDS,
    )
    return [Concerned(row["user_id"], row["identity_id"]) for row in rows]


async def pairs_of(
    connection: Connection, tenant_id: UUID, grant_ids: Collection[UUID]
) -> dict[UUID, tuple[UUID, UUID]]:
    """User and permission of each of these grants, open or closed, by its id."""
    rows = await connection.fetch(
        "select id, user_id, permission_id from permission_grant where tenant_id = $1 and id = any($2::uuid[])",
        tenant_id,
        list(grant_ids),
    )
    return {row["id"]: (row["user_id"], row["permission_id"]) for row in rows}


async def holding_besides(
    connection: Connection, tenant_id: UUID, user_ids: Collection[UUID], grant_ids: Collection[UUID]
) -> set[UUID]:
    """Of these users, those with an open grant other than these."""
    rows = await connection.fetch(
        """
        select u.id from unnest($2::uuid[]) as u (id)
        -- As a value: for `exists` the planner may read all grants of the tenant.
        where (select 1 from permission_grant g
            where g.tenant_id = $1 and g.user_id = u.id and g.revoked_at is null and g.id <> all($3::uuid[]) limit 1) is not null
        """,
        tenant_id,
        list(user_ids),
        list(grant_ids),
    )
    return {row["id"] for row in rows}


async def denied_without_mapping(connection: Connection, tenant_id: UUID, user_ids: Collection[UUID]) -> set[UUID]:
    """Of these users, those with an identity at an enabled provider that turns away whom its groups give nothing."""
    rows = await connection.fetch(
        """
        select distinct i.user_id from identity i
        join provider p on p.tenant_id = $1 and p.id = i.provider_id and p.enabled
            and (p.claims ->> 'deny_unmapped')::boolean
        where i.tenant_id = $1 and i.user_id = any($2::uuid[]) and i.unlinked_at is null
        """,
        tenant_id,
        list(user_ids),
    )
    return {row["user_id"] for row in rows}


class GrantByHand(NamedTuple):
    """A grant that was given by hand, open or closed."""

    user_id: UUID
    permission_id: UUID
    is_open: bool


async def grant_by_hand(connection: Connection, tenant_id: UUID, grant_id: UUID) -> GrantByHand | None:
    """The grant of this id; None for one that a group gave."""
    row = await connection.fetchrow(
        """
        select user_id, permission_id, revoked_at is null as is_open from permission_grant
        where tenant_id = $1 and id = $2 and source = 'MANUAL'
        """,
        tenant_id,
        grant_id,
    )
    return GrantByHand(**row) if row else None


async def mapping_versions(connection: Connection, tenant_id: UUID, mapping_ids: Collection[UUID]) -> dict[UUID, int]:
    """The versions of those of these mappings that are there."""
    rows = await connection.fetch(
        "select id, version from group_mapping where tenant_id = $1 and id = any($2::uuid[]) and deleted_at is null",
        tenant_id,
        list(mapping_ids),
    )
    return {row["id"]: row["version"] for row in rows}


async def grants_by_hand(connection: Connection, tenant_id: UUID, grant_ids: Collection[UUID]) -> dict[UUID, bool]:
    """Those of these grants that were given by hand, and whether each is open."""
    rows = await connection.fetch(
        """
        select id, revoked_at is null as is_open from permission_grant
        where tenant_id = $1 and id = any($2::uuid[]) and source = 'MANUAL'
        """,
        tenant_id,
        list(grant_ids),
    )
    return {row["id"]: row["is_open"] for row in rows}
