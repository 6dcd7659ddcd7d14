"""Time, handed in. Nothing below the wiring asks the system for the time, so tests move it by argument.

Leases and "is it in force" use the database's clock (one clock for all processes); this one serves protocol rules
(`exp`, `iat`) and process-local deadlines.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time, aware, in UTC."""


def system_clock() -> datetime:
    """The machine's time as an aware UTC datetime."""
    return datetime.now(UTC)


def elapsed_seconds() -> float:
    """Seconds since some moment: no clock change moves them, and they go on while the process or the machine is stopped.

    `time.monotonic` stands still while a machine sleeps; Linux has a clock that does not (clock_gettime(2),
    CLOCK_BOOTTIME). What another party may do after so many seconds, such as take over a lease, is measured with this.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def jitter(lowest: float, highest: float) -> float:
    """A random number between the two: what began together does not come back together. It hides nothing."""
    return random.uniform(lowest, highest)  # noqa: S311 -- spreads load, keeps no secret
