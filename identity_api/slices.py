"""Long work on the event loop, in slices: whoever else has something to do comes in between.

All long work of a process shares one turn at a time, so that however many pieces of it there are, others wait for one
slice and not for one of each.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

SLICE_SECONDS: Final = 0.001

Piece = TypeVar("Piece")

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def in_slices(work: Iterator[Piece], *, seconds: float = SLICE_SECONDS) -> AsyncIterator[list[Piece]]:
    """Run an iterator of small pieces of work, and hand on what it made after every slice.

    Args:
        work: each of its pieces takes about a millisecond at the most.
        seconds: how long a slice lasts, give or take a piece.
    """
    turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    is_over = False
    while not is_over:
        made: list[Piece] = []
        async with turn:
            until = time.perf_counter() + seconds
            is_over = True
            for piece in work:
                made.append(piece)
                if time.perf_counter() >= until:
                    is_over = False
                    break
            await asyncio.sleep(0)
        yield made
