"""The connection pool, and the two ways to use it.

    async with database.transaction() as connection: ...   # one request or job, one transaction, no provider call inside
    async with database.reading() as connection: ...       # one statement; its own snapshot

Piccolo's own transaction wrapper is not used (Piccolo 1.38, `engine/postgres.py`): a commit that fails leaks the pool slot
and leaves its context variable set, a nested transaction is silently a no-op, and child tasks inherit the connection. A
connection that is handed in as an argument has none of these traps.

asyncpg's reset query after every use halves the throughput. Leaving it out is safe because nothing here sets session
state: no `SET`, no advisory lock beyond a transaction, no LISTEN, no cursors.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from identity_api.config import DEFAULT_LIMITS, TenantLimits
from identity_api.errors import Unavailable

Connection = Any
"""An asyncpg connection (asyncpg ships no types); `execute`, `fetch`, `fetchrow`, `fetchval`, `executemany`."""

COMMAND_TIMEOUT_SECONDS = 5.0
ACQUIRE_TIMEOUT_SECONDS = 1.0

_DOWN = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # The old primary after a failover: connections stay open and refuse to write.
    asyncpg.ReadOnlySQLTransactionError,
)


async def _no_reset(connection: Connection) -> None:
    """See the module's docstring: there is no session state to reset."""


class Database:
    """A pool on one PostgreSQL. Built by the wiring, opened by the process that uses it, handed in everywhere else."""

    def __init__(self, url: str, *, pool_size: int = 10, limits: TenantLimits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        """How much one tenant may have in here."""
        self._url = url
        self._pool_size = pool_size
        self._pool: Any = None

    async def open(self) -> None:
        """Start the pool.

        Raises:
            Unavailable: the database does not answer.
        """
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._pool_size,
                command_timeout=COMMAND_TIMEOUT_SECONDS,
                max_inactive_connection_lifetime=300.0,
                reset=_no_reset,
                # Compiling a plan takes longer than any statement of ours.
                server_settings={"application_name": "identity-api", "jit": "off"},
            )
        except (*_DOWN, TimeoutError) as error:
            raise Unavailable("The database does not answer.", code="DATABASE_UNAVAILABLE") from error
        except asyncpg.PostgresError as error:
            # Password, database name, rights: the server's sentence says which, and names no secret.
            message = f"The database refuses the connection: {error}."
            raise Unavailable(message, code="DATABASE_UNAVAILABLE") from error

    async def close(self) -> None:
        """Wait for running statements, then close; connections that do not end in five seconds are cut."""
        pool = self._pool
        if pool is None:
            return
        self._pool = None
        try:
            await asyncio.wait_for(pool.close(), 5)
        except TimeoutError:
            pool.terminate()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction, for single statements.

        Raises:
            Unavailable: the database is down, read-only after a failover, or the pool is exhausted for a second.
        """
        async with self._acquired() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction (READ COMMITTED); committed on leaving, rolled back on an exception.

        Never nested: inner work takes the connection as an argument. Start no task inside that uses it.

        Raises:
            Unavailable: as for `reading`; after a commit that was cut off, whether it happened is unknown.
        """
        async with self._acquired() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        pool = self._pool
        if pool is None:
            raise Unavailable("The database pool is not open.", code="DATABASE_UNAVAILABLE")
        try:
            connection = await pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS)
        except (*_DOWN, TimeoutError) as error:
            raise Unavailable("The database does not answer.", code="DATABASE_UNAVAILABLE") from error
        try:
            yield connection
        except asyncpg.ReadOnlySQLTransactionError as error:
            await pool.expire_connections()
            raise Unavailable("The database is read-only.", code="DATABASE_UNAVAILABLE") from error
        except _DOWN as error:
            raise Unavailable("The database does not answer.", code="DATABASE_UNAVAILABLE") from error
        finally:
            # Shielded: a request that is cancelled must still give its connection back.
            await asyncio.shield(pool.release(connection, timeout=COMMAND_TIMEOUT_SECONDS))
