"""Edits of mappings that grants are still following: the next one to be written, and its progress."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection


class Change(msgspec.Struct, frozen=True):
    """An edit that grants are still following."""

    id: UUID
    tenant_id: UUID
    mapping_id: UUID
    actor: str
    after_identity_id: UUID | None


async def lock_next_change(connection: Connection, *, after_tenant: UUID | None = None) -> Change | None:
    """The oldest edit of a tenant that no other worker holds; locked until the transaction ends.

    Args:
        after_tenant: the tenant before: tenants take turns, so that many edits of one tenant delay no other.
    """
    waiting = await connection.fetch(
        """
        select tenant_id from mapping_change group by tenant_id
        order by $1::uuid is not null and tenant_id <= $1, tenant_id limit 100
        """,
        after_tenant,
    )
    for tenant in waiting:
        row = await connection.fetchrow(
            """
            select id, tenant_id, mapping_id, actor, after_identity_id from mapping_change
            where tenant_id = $1 order by created_at limit 1 for update skip locked
            """,
            tenant["tenant_id"],
        )
        if row is not None:
            return Change(**row)
    return None


class LatestEdit(msgspec.Struct, frozen=True):
    """Whose the rows of a mapping are now, and since when they give what they give."""

    actor: str
    at: datetime


async def latest_edit(connection: Connection, tenant_id: UUID, mapping_id: UUID) -> LatestEdit:
    """Of the mapping's edits that grants still follow, of which there is at least one."""
    row = await connection.fetchrow(
        """
        select actor, created_at as at from mapping_change
        where tenant_id = $1 and mapping_id = $2 order by id desc limit 1
        """,
        tenant_id,
        mapping_id,
    )
    assert row is not None  # the caller has locked one
    return LatestEdit(**row)


async def unfinished(connection: Connection, tenant_id: UUID) -> set[UUID]:
    """The mappings of whose last edits not all grants tell yet; mostly none."""
    rows = await connection.fetch("select distinct mapping_id from mapping_change where tenant_id = $1", tenant_id)
    return {row["mapping_id"] for row in rows}


async def advance_change(connection: Connection, change: Change, reached: Sequence[UUID]) -> None:
    """Record the edit's progress.

    Args:
        reached: identities of this step, in their order; at least one.
    """
    await connection.execute(
        """
        update mapping_change set done = done + $3, after_identity_id = $4 where tenant_id = $1 and id = $2
        """,
        change.tenant_id,
        change.id,
        len(reached),
        reached[-1],
    )


async def end_change(connection: Connection, change: Change) -> None:
    """Delete the edit, whose grants are all written; the audit keeps who made it and what it changed."""
    await connection.execute("delete from mapping_change where tenant_id = $1 and id = $2", change.tenant_id, change.id)
