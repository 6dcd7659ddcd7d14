"""Long work on the event loop: a slice of it in every fourth round of the loop, and whoever else has something to do between.

All long work of a process takes turns, so that however many pieces of it there are, others wait for one slice and not for
one of each. A request takes a handful of rounds; three of four are free of long work.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

SLICE_SECONDS: Final = 0.001
ROUNDS: Final = 4
"""Rounds of the event loop from one turn to the next. A round in which nobody has anything to do takes microseconds."""

Piece = TypeVar("Piece")


class _Turns:
    """Who waits for a turn on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_taken = False

    async def take(self) -> None:
        if self._is_taken:
            turn = self._loop.create_future()
            self._waiting.append(turn)
            await turn
        else:
            self._is_taken = True
            self._loop.call_soon(self._next, ROUNDS - 1)

    def _next(self, rounds: int) -> None:
        """After so many rounds more the next one may go."""
        if rounds > 1:
            self._loop.call_soon(self._next, rounds - 1)
            return
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # nobody has given up
                turn.set_result(None)
                self._loop.call_soon(self._next, ROUNDS)
                return
        self._is_taken = False


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


async def own_turn() -> None:
    """Return when nothing else that is long runs in this round of the event loop, nor in the next three.

    Call it right before what is long.
    """
    loop = asyncio.get_running_loop()
    turns = _turns.get(loop)
    if turns is None:
        turns = _turns[loop] = _Turns(loop)
    await turns.take()


async def in_slices(work: Iterator[Piece], *, seconds: float = SLICE_SECONDS) -> AsyncIterator[list[Piece]]:
    """Run an iterator of small pieces of work, and hand on what it made after every slice.

    Args:
        work: each of its pieces takes about a millisecond at the most.
        seconds: how long a slice lasts, give or take a piece.
    """
    is_over = False
    while not is_over:
        made: list[Piece] = []
        await own_turn()
        until = time.perf_counter() + seconds
        is_over = True
        for piece in work:
            made.append(piece)
            if time.perf_counter() >= until:
                is_over = False
                break
        yield made
