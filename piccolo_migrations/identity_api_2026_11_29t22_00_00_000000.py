"""Syncs of a provider that an operator has paused."""

from identity_api.db.sql_migration import sql_migration

ID = "2026-11-29T22:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "sync pause"


async def forwards():
    return sql_migration(__file__, ID, DESCRIPTION)
