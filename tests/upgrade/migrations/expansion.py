"""Adds what a minor version may add: columns that may be null or have a default, a table, an index."""

from identity_api.db.sql_migration import sql_migration

ID = "2999-01-01T00:00:00:000000"
WORKS_WITH = "LAST_OF_PREVIOUS"
DESCRIPTION = "expansion"


async def forwards():
    return sql_migration(__file__, ID, DESCRIPTION, works_with=WORKS_WITH)
