"""The initial schema; its text lies beside this file."""

from identity_api.db.sql_migration import sql_migration

ID = "2026-11-29T21:00:00:000000"
WORKS_WITH = ID
DESCRIPTION = "initial schema"


async def forwards():
    return sql_migration(__file__, ID, DESCRIPTION, works_with=WORKS_WITH)
