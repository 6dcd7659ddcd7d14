"""Time, handed in. Nothing below the wiring asks the system for the time, so tests move it by argument.

Leases and "is it in force" use the database's clock (one clock for all processes); this one serves protocol rules
(`exp`, `iat`) and process-local deadlines.
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time, aware, in UTC."""


def system_clock() -> datetime:
    """The machine's time as an aware UTC datetime."""
    return datetime.now(UTC)
