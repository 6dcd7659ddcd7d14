"""Run long work on the event loop in slices, with time for other tasks between them.

All long work of a process takes turns: however many pieces of it there are, other tasks wait for one slice only, not for
one of each piece. While requests of several tenants are under way there is a pause after each slice, twice as long as the
slice: a request takes a few rounds of the loop, and most of them have no slice. If only one tenant has requests, slices
are longer and run in every second round of the loop.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from identity_api.fairness.served import is_shared

SLICE_SECONDS: Final = 0.0005
PAUSE_SECONDS: Final = 0.001
REFUSED_SECONDS: Final = 0.01
"""The wait of a request that is refused for being one of too many, where others need time."""
LONE_SLICE_SECONDS: Final = 0.002
FIRST_SLICE_SECONDS: Final = 0.0002
"""Work may begin with so long a slice without waiting for its turn: most requests have no more. While only one tenant has
requests it is `SLICE_SECONDS`, in which a page is done."""
ROUNDS: Final = 2
"""Rounds of the event loop from one turn to the next, where there is no pause."""

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class _Turns:
    """The tasks that wait for a turn on one event loop."""

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
            self._loop.call_soon(self._after, ROUNDS - 1)

    def _next(self, rounds: int) -> None:
        """The rounds until the next one may continue."""
        if rounds > 1:
            self._loop.call_soon(self._next, rounds - 1)
            return
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # not cancelled
                turn.set_result(None)
                self._loop.call_soon(self._after, ROUNDS)
                return
        self._is_taken = False

    def _after(self, rounds: int) -> None:
        """The slice was worked in the previous round."""
        if is_shared():
            self._loop.call_later(PAUSE_SECONDS, self._next, 1)
        else:
            self._next(rounds)


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


async def own_turn() -> None:
    """Return when no other long work runs in this round of the event loop or the next, or for a pause.

    Call it right before long work.
    """
    loop = asyncio.get_running_loop()
    turns = _turns.get(loop)
    if turns is None:
        turns = _turns[loop] = _Turns(loop)
    await turns.take()


async def let_others_first() -> None:
    """Wait a moment while another tenant needs time; call it before the answer to one of too many requests.

    Whoever repeats a refused request as fast as answers come would otherwise use all the time that the others need.
    """
    if is_shared():
        await asyncio.sleep(REFUSED_SECONDS)


def slice_end() -> float:
    """The end of a slice that begins now, by `time.perf_counter`."""
    return time.perf_counter() + (SLICE_SECONDS if is_shared() else LONE_SLICE_SECONDS)


def first_slice_end() -> float:
    """The end of a slice that begins now without a turn, by `time.perf_counter`."""
    return time.perf_counter() + (FIRST_SLICE_SECONDS if is_shared() else SLICE_SECONDS)


async def run_in_slices(steps: Generator[None, None, Result]) -> Result:
    """Run steps, each of which takes half a millisecond at the most, with others' turns in between; returns their
    result.
    """
    while True:
        await own_turn()
        until = slice_end()
        try:
            while time.perf_counter() < until:
                next(steps)
        except StopIteration as done:
            result: Result = done.value
            return result


async def in_slices(
    work: Iterator[Piece], *, seconds: float | None = None, is_short: bool = False
) -> AsyncIterator[list[Piece]]:
    """Run an iterator of small pieces of work, and yield its results after every slice.

    Args:
        work: each of its pieces takes half a millisecond at the most.
        seconds: how long a slice lasts, give or take a piece, if not as long as `slice_end` says.
        is_short: the first slice mostly suffices, and is worked at once.
    """
    until = first_slice_end()
    is_over = False
    while not is_over:
        made: list[Piece] = []
        if not is_short:
            await own_turn()
            until = slice_end() if seconds is None else time.perf_counter() + seconds
        is_over, is_short = True, False
        for piece in work:
            made.append(piece)
            if time.perf_counter() >= until:
                is_over = False
                break
        yield made
