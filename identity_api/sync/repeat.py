"""Repeat a transaction that failed because of another one, or because the database was away. Only for what may be repeated."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from identity_api.errors import Overloaded, Unavailable
from identity_api.telemetry import get_logger

TRIES = 3
PAUSE_SECONDS = 0.05
MAX_PAUSE_SECONDS = 1.0
"""Between two tries while the database is away."""

_log = get_logger(__name__)
T = TypeVar("T")


async def repeated(write: Callable[[], Awaitable[T]], *, what: str, outlasts_outage: bool = False) -> T:
    """Try it `TRIES` times: two writers may deadlock, and a database may just be coming back.

    Args:
        what: for the log.
        outlasts_outage: while the database is away, go on for as long as this process lives.

    Raises: as `write` at its last try.
    """
    tries, pause = 1, PAUSE_SECONDS
    while True:
        try:
            return await write()
        except Exception as error:
            if tries >= TRIES and not (outlasts_outage and isinstance(error, Unavailable)):
                raise
            if tries.bit_count() == 1:  # each time that it has become twice as many
                _log.warning("sync.write_repeated", what=what, error_type=type(error).__name__, tries=tries)
        tries += 1
        await asyncio.sleep(pause)
        pause = min(MAX_PAUSE_SECONDS, pause * 2)


def is_of_one(error: Exception) -> bool:
    """Whether a group failed because of one in it: its row is held by somebody, or cannot be written."""
    return isinstance(error, Overloaded) or not isinstance(error, Unavailable)
