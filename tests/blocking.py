"""Two transactions in an order of the test's choosing: one stops until the other waits for it."""

import asyncio
from typing import Any

from identity_api.db.database import Connection, Database


async def blocked_or_done(database: Database, task: "asyncio.Task[Any]", holder: Connection) -> None:
    """Until the task waits for a lock that the holder has, or has ended without waiting."""
    pid = await holder.fetchval("select pg_backend_pid()")
    waits = "select exists (select from pg_stat_activity where $1 = any(pg_blocking_pids(pid)))"
    async with asyncio.timeout(60):
        while not task.done():
            async with database.reading() as connection:
                if await connection.fetchval(waits, pid):
                    return
