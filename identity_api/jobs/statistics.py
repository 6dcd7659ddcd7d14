"""Keep the planner's statistics up with tables that are growing."""

from identity_api.db import statistics
from identity_api.db.database import Database
from identity_api.telemetry import get_logger

_log = get_logger(__name__)


async def keep_up(database: Database) -> None:
    """Analyse each table that has doubled since it was analysed. On Citus that is left to its autovacuum."""
    if database.is_distributed:
        return
    async with database.reading() as connection:
        grown = await statistics.grown_tables(connection)
    for table in grown:
        async with database.writing() as connection:
            await statistics.analyse(connection, table)
    if grown:
        _log.debug("statistics.gathered", tables=len(grown))
