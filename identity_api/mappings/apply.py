"""Let grants follow mapping edits: in chunks, one transaction each, safe to repeat and to interrupt."""

from identity_api.db import locks, mappings
from identity_api.db.database import Database
from identity_api.lifecycle.grants import apply_decision

CHUNK = 5_000
"""Identities a transaction; it holds their users' locks for as long as it takes."""


async def apply_changes(database: Database, *, chunk: int = CHUNK) -> int:
    """Write the grants of every unfinished edit that no other worker is at; returns how many identities were reached."""
    reached = 0
    while True:
        step = await _apply_chunk(database, chunk)
        if step is None:
            return reached
        reached += step


async def _apply_chunk(database: Database, chunk: int) -> int | None:
    """One chunk of the oldest edit; None if there is nothing to do."""
    async with database.transaction() as connection:
        change = await mappings.lock_next_change(connection)
        if change is None:
            return None
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
        return len(concerned)
