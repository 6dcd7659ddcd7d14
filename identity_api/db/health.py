"""Whether the database can be written to, which is what "ready" means (promise 53)."""

from identity_api.db.database import Connection


async def is_writable(connection: Connection) -> bool:
    """False on a standby, and on an old primary that a failover has made read-only: both still answer reads."""
    return await connection.fetchval(  # type: ignore[no-any-return]  # asyncpg ships no types
        "select not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off'"
    )
