"""Waiting for something to be so, and the numbers of repetitions."""

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

Found = TypeVar("Found")

PATIENCE_SECONDS = 90.0
"""A busy machine is slow; nothing waits so long on a quiet one."""

ONCE = 86_400
"""Seconds between two syncs, for tests in which nobody falls due a second time, however long a run takes."""

IS_FULL = bool(os.environ.get("FULL"))


def count(reduced: int, full: int) -> int:
    """How often to do something: few times, or with `FULL=1` as often as the catalogue says."""
    return full if IS_FULL else reduced


@overload
async def until(look: Callable[[], Awaitable[Found]], *, within: float = ..., each: float = ...) -> Found: ...
@overload
async def until(look: Callable[[], Found], *, within: float = ..., each: float = ...) -> Found: ...
async def until(look: Callable[[], object], *, within: float = PATIENCE_SECONDS, each: float = 0.05) -> object:
    """What `look` gives as soon as it is true; asked every 50 ms, and for the last time after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within} s"
        await asyncio.sleep(each)


class Stopwatch:
    """Seconds since it was made, or since `start`."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self._at = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._at
