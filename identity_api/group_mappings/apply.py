"""Write the grants that follow mapping edits: in chunks, one transaction each, safe to repeat and to interrupt.

What an edit gives and takes is in force with its commit. So nobody waits for this, and it leaves room for others: it holds
the locks of a few people for a moment, and then does nothing for as long.
"""

import asyncio
import time
from uuid import UUID

import msgspec

from identity_api.db import locks, mapping_changes, mappings
from identity_api.db.database import Database, plan_each_time
from identity_api.errors import Overloaded
from identity_api.lifecycle.grants import apply_decision

CHUNK = 500
"""The most identities of a transaction."""
FEWEST = 100
"""Fewer would cost a transaction more than its identities do. One takes fewer only if it could not be done at all."""
LOCKED_SECONDS = 0.05
"""How long a transaction should hold its users' locks: if it takes longer, the next one has half as many."""


async def apply_changes(database: Database, *, chunk: int = CHUNK) -> int:
    """Write the grants of every unfinished edit that no other worker holds; returns how many identities were reached.

    Tenants are taken in turn, a chunk each. A chunk that takes too long is tried again with a quarter of its identities;
    what was written before stays written.

    Raises:
        Overloaded: even a single identity takes too long now.
    """
    reached, size = 0, chunk
    last: UUID | None = None
    while True:
        began = time.monotonic()
        try:
            step = await _apply_chunk(database, size, after_tenant=last)
        except Overloaded:
            if size == 1:
                raise
            size = max(1, size // 4)
            continue
        if step is None:
            return reached
        took = time.monotonic() - began
        last, reached = step.tenant_id, reached + step.reached
        if took < LOCKED_SECONDS:
            size = min(chunk, size * 2)
        elif size > FEWEST:
            size = max(FEWEST, size // 2)
        if not step.is_last:
            await asyncio.sleep(took)


class _Step(msgspec.Struct, frozen=True):
    tenant_id: UUID
    reached: int
    is_last: bool
    """The edit's."""


async def _apply_chunk(database: Database, chunk: int, *, after_tenant: UUID | None) -> _Step | None:
    """Apply one chunk of the oldest edit of the next tenant; None if there is nothing to do."""
    async with database.transaction() as connection:
        change = await mapping_changes.lock_next_change(connection, after_tenant=after_tenant)
        if change is None:
            return None
        await plan_each_time(connection)
        await locks.share_mappings(connection, change.tenant_id)
        tenant_id, mapping_id = change.tenant_id, change.mapping_id
        edit = await mapping_changes.latest_edit(connection, tenant_id, mapping_id)
        concerned = await mappings.concerned(
            connection, tenant_id, mapping_id, after=change.after_identity_id, limit=chunk
        )
        if concerned:
            await locks.users_of_identities(connection, tenant_id, concerned)
            await apply_decision(
                connection, tenant_id, concerned, mapping_ids=[mapping_id], actor=edit.actor, given_at=edit.at
            )
        is_last = len(concerned) < chunk
        if is_last:
            await mapping_changes.end_change(connection, change)
        else:
            await mapping_changes.advance_change(connection, change, concerned)
        return _Step(tenant_id, len(concerned), is_last)
