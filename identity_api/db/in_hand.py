"""Connections of the pool that are kept from one use to the next.

Acquiring from asyncpg's pool and releasing take a task, a timer and a proxy each time, which costs as much as a small
statement. A connection that was used without a fault is kept, counts as acquired for the pool, and is handed out again
without a step of the event loop. The pool stays in charge: it makes and ends connections. It gets back every connection
that is doubtful, was unused for some seconds, was kept for five or is waited for. None is kept beyond `expire`.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import asyncpg
from asyncpg.pool import Pool, PoolConnectionProxy

IDLE_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 5.0
"""Then the connection goes back to the pool, which forgets its plans, and ends it when it is due."""

_BROKEN: Final = (
    TimeoutError,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class Borrowed:
    """A connection acquired from the pool."""

    __slots__ = ("connection", "generation", "kept_at", "since")

    def __init__(self, connection: PoolConnectionProxy, generation: int, since: float) -> None:
        self.connection, self.generation, self.since = connection, generation, since
        self.kept_at = 0.0


class ConnectionsInHand:
    """The kept connections of one pool, for one event loop."""

    def __init__(self, pool: Pool, *, release_seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._release_seconds, self._monotonic = pool, release_seconds, monotonic
        self._free: list[Borrowed] = []
        self._generation = 0
        self._waiting = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._releasing: set[asyncio.Task[None]] = set()

    @property
    def free(self) -> int:
        """How many can be handed out at once."""
        return len(self._free)

    async def take(self, seconds: float) -> Borrowed:
        """A kept connection that is still open, otherwise one from the pool.

        Raises:
            TimeoutError: the pool had none for so long; and all errors of `Pool.acquire`.
        """
        while self._free:
            borrowed = self._free.pop()
            if _is_open(borrowed.connection):
                return borrowed
            self.give_back(borrowed)
        generation = self._generation
        self._waiting += 1
        try:
            return Borrowed(await self._pool.acquire(timeout=seconds), generation, self._monotonic())
        finally:
            self._waiting -= 1

    def keep(self, borrowed: Borrowed) -> bool:
        """Keep a connection that was used without a fault; False if it must go back to the pool."""
        now = self._monotonic()
        if (
            self._waiting
            or borrowed.generation != self._generation
            or now - borrowed.since >= KEPT_SECONDS
            or not _is_idle(borrowed.connection)
        ):
            return False
        borrowed.kept_at = now
        self._free.append(borrowed)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.let_go_of_unused)
        return True

    def give_back(self, borrowed: Borrowed, *, then: Callable[[], None] = lambda: None) -> None:
        """Release it to the pool, and call `then` once it has it. Whoever used it does not wait for that.

        Answers and commits are valid whatever the server does meanwhile: it may forget plans, or end a statement that was
        cancelled, and may stand still over it.
        """
        task = asyncio.get_running_loop().create_task(self._release(borrowed, then))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    def let_go_of_unused(self) -> None:
        """Release connections that were unused for some seconds; the pool closes those that it does not need."""
        self._sweep = None
        since = self._monotonic() - IDLE_SECONDS
        for borrowed in [one for one in self._free if one.kept_at <= since]:
            self._free.remove(borrowed)
            self.give_back(borrowed)
        if self._free:
            self._sweep = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.let_go_of_unused)

    def expire(self) -> None:
        """Stop keeping the connections that have been acquired until now."""
        self._generation += 1
        while self._free:
            self.give_back(self._free.pop())

    async def aclose(self) -> None:
        """Release all of them; a connection in use is released by its user."""
        self.expire()
        if self._sweep is not None:
            self._sweep.cancel()
        if self._releasing:
            await asyncio.wait(self._releasing)

    async def _release(self, borrowed: Borrowed, then: Callable[[], None]) -> None:
        try:
            with contextlib.suppress(*_BROKEN):
                await self._pool.release(borrowed.connection, timeout=self._release_seconds)
        finally:
            then()


# asyncpg raises where a connection broke and the pool has released it already.


def _is_open(connection: PoolConnectionProxy) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False


def _is_idle(connection: PoolConnectionProxy) -> bool:
    try:
        return not connection.is_in_transaction()
    except asyncpg.InterfaceError:
        return False
