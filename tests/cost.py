"""What a piece of work costs in processor time, as surely as a shared and busy machine can tell.

The time of this thread alone, after a warm-up, without the collector; the cheapest of several runs, because neighbours make
runs dearer and never cheaper. A budget is asked for again up to `RUNS` times before it counts as exceeded.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

RUNS = 60


@contextmanager
def no_collector() -> Iterator[None]:
    """Run without the garbage collector, whose work belongs to whatever ran before.

    What lives by now is no longer visited: otherwise each run would wait for a collection of all that the tests before it keep.
    """
    gc.collect()
    gc.freeze()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def seconds_of(call: Callable[[], object], *, enough: float) -> float:
    """Processor seconds of the cheapest of up to `RUNS` runs; the first that costs less than `enough` ends it."""
    call()
    best = float("inf")
    with no_collector():
        for _ in range(RUNS):
            begun = time.thread_time()
            call()
            best = min(best, time.thread_time() - begun)
            if best < enough:
                break
    return best


async def seconds_of_async(work: Callable[[], Awaitable[object]]) -> float:
    """Processor seconds of one run on the loop's thread, whatever else the loop does meanwhile included."""
    with no_collector():
        begun = time.thread_time()
        await work()
        return time.thread_time() - begun


async def longest_turn_of(work: Callable[[], Awaitable[object]]) -> float:
    """Processor seconds of the longest stretch in which the work lets nobody else on the loop have a turn."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now

    with no_collector():
        watching = asyncio.create_task(watch())
        await asyncio.sleep(0)
        try:
            await work()
        finally:
            watching.cancel()
    return longest
