"""Update grants after mapping edits: in chunks, one transaction each, safe to repeat and to interrupt."""

import asyncio
from uuid import UUID

import msgspec

from identity_api.db import locks, mappings
from identity_api.db.database import Database, plan_each_time
from identity_api.errors import Overloaded
from identity_api.lifecycle.grants import apply_decision

CHUNK = 5_000
"""Identities a transaction; it holds their users' locks for as long as it takes."""


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
        try:
            step = await _apply_chunk(database, size, after_tenant=last)
        except Overloaded:
            if size == 1:
                raise
            size = max(1, size // 4)
            continue
        if step is None:
            return reached
        last, reached, size = step.tenant_id, reached + step.reached, min(chunk, size * 2)


async def write_grants(database: Database, tenant_id: UUID, *, pause_seconds: float = 0.05) -> None:
    """Write the grants of the tenant's unfinished edits, and wait for those that a worker holds.

    If a worker stops meanwhile, its edit is released and written here.

    Raises:
        Overloaded: as `apply_changes`.
    """
    while True:
        await apply_changes(database)
        async with database.reading() as connection:
            if not await mappings.has_unfinished_changes(connection, tenant_id):
                return
        await asyncio.sleep(pause_seconds)


class _Step(msgspec.Struct, frozen=True):
    tenant_id: UUID
    reached: int


async def _apply_chunk(database: Database, chunk: int, *, after_tenant: UUID | None) -> _Step | None:
    """Apply one chunk of the oldest edit of the next tenant; None if there is nothing to do."""
    async with database.transaction() as connection:
        change = await mappings.lock_next_change(connection, after_tenant=after_tenant)
        if change is None:
            return None
        await plan_each_time(connection)
        await locks.share_mappings(connection, change.tenant_id)
        concerned = await mappings.concerned(
            connection, change.tenant_id, change.mapping_id, after=change.after_identity_id, limit=chunk
        )
        if concerned:
            await locks.users_of_identities(connection, change.tenant_id, concerned)
            await apply_decision(
                connection, change.tenant_id, concerned, mapping_ids=[change.mapping_id], actor=change.actor
            )
        await mappings.advance_change(connection, change, concerned, finished=len(concerned) < chunk)
        return _Step(change.tenant_id, len(concerned))
