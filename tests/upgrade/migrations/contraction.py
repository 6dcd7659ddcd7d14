"""Removes a column that the previous version still reads."""

from identity_api.db.sql_migration import sql_migration

ID = "2999-01-02T00:00:00:000000"
WORKS_WITH = ID
DESCRIPTION = "contraction"


async def forwards():
    return sql_migration(__file__, ID, DESCRIPTION, works_with=WORKS_WITH)
