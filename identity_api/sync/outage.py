"""After the database was unavailable, other workers' tokens land first.

Meanwhile no lease can be renewed, and a worker may hold a rotated token that it could not store. When the database is
available again, the identity's row looks like that of a worker that was killed. A worker that claimed it at once would
present the old token again.
"""

from collections.abc import Callable

LANDING_FIRST_SECONDS = 3.0
"""For this long after an outage, unresolved attempts are not claimed. A landing is tried every second."""


class Outage:
    """What this process has seen of the database's last outage."""

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self._elapsed = elapsed
        self._is_on = False
        self._ended_at: float | None = None

    def is_seen(self) -> None:
        """A claim or a heartbeat could not be written."""
        self._is_on = True

    def is_over(self) -> None:
        """A claim has been written."""
        if self._is_on:
            self._is_on, self._ended_at = False, self._elapsed()

    @property
    def is_recent(self) -> bool:
        """Whether a worker may still have to land a token that came meanwhile."""
        if self._ended_at is None:
            return self._is_on
        return self._is_on or self._elapsed() - self._ended_at < LANDING_FIRST_SECONDS
