"""Whether the database accepts writes, which is what "ready" means (promise 53)."""

from typing import Literal

import asyncpg

from identity_api.db.database import Connection

Writing = Literal["ok", "read_only", "full"]

# Sorted out to disk as a temporary file of 300 kB: it needs space as a table that grows does, and leaves nothing behind.
_FILL = "set local work_mem = '64kB'; select count(*) from generate_series(1, 20000)"


async def writing(connection: Connection) -> Writing:
    """Whether the database would accept a change.

    `read_only` on a standby, and on an old primary that a failover has made read-only; `full` if the disk has no space.
    Both still answer reads. Outside any transaction.
    """
    writable = await connection.fetchval(
        "select not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off'"
    )
    if not writable:
        return "read_only"
    try:
        await connection.execute(_FILL)
    except asyncpg.DiskFullError:
        return "full"
    except asyncpg.ConfigurationLimitExceededError:
        pass  # temp_file_limit: this says nothing about the disk
    return "ok"
