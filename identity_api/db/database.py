"""The connection pool, and the ways to use it.

    async with database.transaction() as connection: ...   # one request or job, one transaction, no provider call inside
    async with database.reading() as connection: ...       # single statements, each with its own snapshot
    async with database.writing() as connection: ...       # one statement that writes

Piccolo's own transaction wrapper is not used (Piccolo 1.38, `engine/postgres.py`): a commit that fails leaks the pool slot
and leaves its context variable set, a nested transaction is silently a no-op, and child tasks inherit the connection. A
connection that is handed in as an argument has none of these traps.

asyncpg's reset query after every use halves the throughput. Leaving it out is safe because nothing here sets session
state once a connection has begun: no `SET`, no advisory lock beyond a transaction, no LISTEN, no cursors. Only plans are
forgotten, every few seconds, when a connection goes back to the pool (`in_hand`).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Literal
from weakref import WeakKeyDictionary

import asyncpg
from asyncpg.pool import Pool, PoolConnectionProxy

from identity_api.config import DEFAULT_LIMITS, TenantLimits
from identity_api.db.connecting import FAILURES, not_connected
from identity_api.db.in_hand import KEPT_SECONDS, Borrowed, ConnectionsInHand
from identity_api.db.tenant_shares import Shares
from identity_api.db.traced import trace_statement
from identity_api.errors import CannotWrite, Overloaded, Unavailable
from identity_api.fairness.served import worked_for
from identity_api.telemetry import is_tracing

Connection = asyncpg.Connection | PoolConnectionProxy
"""A connection of its own or one that the pool lends: `execute`, `fetch`, `fetchrow`, `fetchval`, `executemany`."""

COMMAND_TIMEOUT_SECONDS = 5.0
ACQUIRE_TIMEOUT_SECONDS = 1.0
LATE_SECONDS = 0.5
"""How late a deadline may fire on a machine that is not overloaded."""

_SERVER_SETTINGS = {
    "application_name": "identity-api",
    # JIT-compiling a plan takes longer than any statement here.
    "jit": "off",
    # A process that is suspended, or on a suspended machine, must not keep locks that all others wait for.
    "idle_in_transaction_session_timeout": "10s",
}

_DOWN = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    # asyncpg's errors for a connection that was cut off during a statement or its cancellation.
    asyncpg.InternalClientError,
)
# PostgreSQL has undone a transaction because of another one, and it may be done again. A statement is given up by a timeout of
# the operator's, by `pg_cancel_backend`, or by a cancellation that was meant for the one before it and came late.
_UNDONE = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
)
_CANNOT_WRITE = (
    # The old primary after a failover: connections stay open and refuse to write.
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.DiskFullError,
)


# Planning a page takes PostgreSQL longer than reading it, and left to itself it plans some statements anew each time: those
# whose arguments make a plan look cheaper. Each statement here is held to its bounds with the plan for any arguments. Citus has
# to know the tenant before it can plan.
_PLAN_ONCE = """
    select set_config('plan_cache_mode', 'force_generic_plan', false)
    where not exists (select from pg_extension where extname = 'citus')
"""


async def _no_reset(connection: Connection) -> None:
    """See the module's docstring: there is no session state to reset."""


_at_commit: dict[Connection, list[Callable[[], None]]] = {}
"""Of the transactions under way."""


def once_committed(connection: Connection, tell: Callable[[], None]) -> None:
    """Tell the log or a metric what this transaction does, once it has: nobody is woken by what a rehearsal takes back.

    At once outside of `Database.transaction`.
    """
    waiting = _at_commit.get(connection)
    if waiting is None:
        tell()
    else:
        waiting.append(tell)


class _TakenBack(Exception):
    """Rolls a trial back. A signal, not an error of the project's tree."""


class Database:
    """A pool on one PostgreSQL. Built by the wiring, opened by the process that uses it, handed in everywhere else."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        limits: TenantLimits = DEFAULT_LIMITS,
        pooling: Literal["session", "transaction"] = "session",
    ) -> None:
        self.limits = limits
        """The limits of one tenant."""
        self.is_distributed = False
        """Whether tenants' rows are on several nodes (Citus), so that a statement that locks rows has to be of one tenant."""
        self._url = url
        self._is_lent = pooling == "transaction"
        """A pooler lends a connection for one transaction: without session state and start-up parameters."""
        self._pool_size = pool_size
        self._pool: Pool | None = None
        self._planned_since: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()
        self._in_hand: ConnectionsInHand | None = None
        self._shares = Shares(max(1, pool_size // 2))
        """A tenant holds half of the connections at most: however slow its statements are, the others have some."""

    async def open(self) -> None:
        """Start the pool.

        Raises:
            Unavailable: the database does not answer, or refuses the connection; the message says what is to be done.
            ConfigurationError: with this URL no database could be reached.
        """
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._pool_size,
                command_timeout=COMMAND_TIMEOUT_SECONDS,
                max_inactive_connection_lifetime=300.0,
                init=self._begin,
                reset=_no_reset if self._is_lent else self._forget_plans,
                server_settings={} if self._is_lent else _SERVER_SETTINGS,
                # Without a cache a statement has no name, and is gone when the transaction ends.
                statement_cache_size=0 if self._is_lent else 100,
            )
            self._in_hand = ConnectionsInHand(self._pool, release_seconds=COMMAND_TIMEOUT_SECONDS)
            self.is_distributed = await self._pool.fetchval(
                "select exists (select from pg_extension where extname = 'citus')"
            )
        except FAILURES as error:
            raise not_connected(self._url, error) from error

    async def close(self) -> None:
        """Wait for running statements, then close; connections that do not end in five seconds are cut."""
        pool, in_hand = self._pool, self._in_hand
        if pool is None or in_hand is None:
            return
        self._pool = self._in_hand = None
        try:
            async with asyncio.timeout(5):
                await in_hand.aclose()
                await pool.close()
        except TimeoutError:
            pool.terminate()

    async def reconnect(self) -> None:
        """Replace each connection before its next use: its server is not the primary any more."""
        if self._pool is not None and self._in_hand is not None:
            await self._pool.expire_connections()
            self._in_hand.expire()

    @property
    def is_exhausted(self) -> bool:
        """Whether every connection of the pool is in use now."""
        pool, in_hand = self._pool, self._in_hand
        if pool is None or in_hand is None or in_hand.free:
            return False
        return pool.get_size() >= self._pool_size and pool.get_idle_size() == 0

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A connection outside any transaction, for single statements.

        Behind a pooler it is in one: asyncpg prepares and runs a statement in two steps, which two servers could get.

        Raises:
            Unavailable: the database is down.
            Overloaded: no connection was free for a second, or none of the tenant's share, a statement took five, or
                it was given up by the server, or the transaction was undone because of another one (a deadlock).
            CannotWrite: a statement would have written, and the database is read-only or its disk is full.
        """
        return self.transaction() if self._is_lent else self._acquired()

    def writing(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for one statement that writes and is a transaction by itself, without the two round trips of another.

        Raises:
            Unavailable, Overloaded, CannotWrite: as for `reading`.
        """
        return self.reading()

    @asynccontextmanager
    async def transaction(self, *, is_trial: bool = False) -> AsyncIterator[Connection]:
        """A connection inside a transaction (READ COMMITTED); committed on leaving, rolled back on an exception.

        Never nested: inner work takes the connection as an argument. Start no task inside that uses it.

        Args:
            is_trial: roll it back on leaving, for a preview or a dry run: what it did is read, and was never there.

        Raises:
            Unavailable: as for `reading`; after a commit that was cut off, whether it happened is unknown.
        """
        waiting: list[Callable[[], None]] = []
        with contextlib.suppress(_TakenBack):
            async with self._acquired() as connection:
                _at_commit[connection] = waiting
                try:
                    async with connection.transaction():
                        yield connection
                        if is_trial:
                            raise _TakenBack
                finally:
                    del _at_commit[connection]
            for tell in waiting:
                tell()

    async def _begin(self, connection: Connection) -> None:
        """Prepare a new connection of the pool."""
        if not self._is_lent:
            try:
                await connection.execute(_PLAN_ONCE)
            except BaseException:
                # Otherwise the pool takes leave of the server first, and whoever waits for the connection waits for that too.
                connection.terminate()
                raise
            self._planned_since[connection] = time.monotonic()
        if is_tracing():  # the first statement is no part of a request
            connection.add_query_logger(trace_statement)

    async def _forget_plans(self, connection: Connection) -> None:
        """Plan each statement anew when it is next used: a plan that was made when a table was empty looks through all of it.

        PostgreSQL does so by itself once autovacuum has seen what was written, a minute or more later. Until then a first
        login took ten times as long after a thousand others. Not after every use: where requests wait for a connection it
        goes back to the pool each time, and to plan everything anew then would be work that only an overload brings.
        """
        now = time.monotonic()
        if now - self._planned_since[connection] >= KEPT_SECONDS:
            await connection.execute("discard plans")
            self._planned_since[connection] = now

    def _acquired(self) -> AbstractAsyncContextManager[Connection]:
        return _Acquired(self)

    async def _take(self, in_hand: ConnectionsInHand) -> Borrowed:
        began = time.monotonic()
        try:
            return await in_hand.take(ACQUIRE_TIMEOUT_SECONDS)
        except asyncpg.TooManyConnectionsError as error:
            raise Overloaded from error
        except TimeoutError as error:
            # Every connection is in use, or the deadline itself fired late, because this process was busy.
            if self.is_exhausted or time.monotonic() - began > ACQUIRE_TIMEOUT_SECONDS + LATE_SECONDS:
                raise Overloaded from error
            raise Unavailable("The database does not answer.", code="DATABASE_UNAVAILABLE") from error
        except _DOWN as error:
            raise Unavailable("The database does not answer.", code="DATABASE_UNAVAILABLE") from error


class _Acquired:
    """A connection of the pool for one `async with`, in a place of the tenant that the task works for.

    Every request does this, some of them several times: generators would take three times as long.
    """

    __slots__ = ("_borrowed", "_database", "_in_hand", "_tenant_id")

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __aenter__(self) -> Connection:
        database = self._database
        if database._in_hand is None:
            raise Unavailable("The database pool is not open.", code="DATABASE_UNAVAILABLE")
        self._in_hand, self._tenant_id = database._in_hand, worked_for()
        await database._shares.take(self._tenant_id, seconds=ACQUIRE_TIMEOUT_SECONDS)
        try:
            self._borrowed = await database._take(self._in_hand)
        except BaseException:
            database._shares.give(self._tenant_id)
            raise
        return self._borrowed.connection

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        shares, tenant_id = self._database._shares, self._tenant_id
        if error is None and self._in_hand.keep(self._borrowed):
            shares.give(tenant_id)
            return
        try:
            if isinstance(error, _CANNOT_WRITE):
                await self._database.reconnect()
        finally:
            # The place is taken for as long as the connection is.
            self._in_hand.give_back(self._borrowed, then=lambda: shares.give(tenant_id))
        if isinstance(error, _CANNOT_WRITE):
            raise CannotWrite from error
        if isinstance(error, (TimeoutError, *_UNDONE)):
            raise Overloaded from error
        if isinstance(error, _DOWN):
            raise Unavailable("The database does not answer.", code="DATABASE_UNAVAILABLE") from error


async def transaction_time(connection: Connection) -> datetime:
    """When the transaction began, by the database's clock: what `now()` says in each of its statements."""
    value: datetime = await connection.fetchval("select now()")
    return value


async def plan_each_time(connection: Connection) -> None:
    """Until the transaction ends, plan every statement for its arguments.

    For statements over thousands of rows: a plan made for any arguments suits a few rows and takes time quadratic in their
    number.
    """
    await connection.execute("set local plan_cache_mode = force_custom_plan")
