"""Events that a person should look at: many logins ended at once, or many people lost their groups at once.

They are counted per provider in this process; identities are spread over workers at random, so each process sees a fair
sample.
"""

from collections import deque
from collections.abc import Callable
from uuid import UUID

from identity_api.claims import Completeness, GroupsReading, Reason
from identity_api.telemetry import METRICS, get_logger

WINDOW_SECONDS = 600.0
SHARE = 0.2
MIN_DEATHS = 5
MIN_ABSENT = 10
"""Below this number there is no alarm: one person of three may simply leave."""

_log = get_logger(__name__)


class _Window:
    """Marks of the last seconds, and how many of them count against the provider."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, bool]] = deque()
        self.bad = 0
        self.told_at = float("-inf")

    def add(self, now: float, seconds: float, bad: bool) -> None:
        self._marks.append((now, bad))
        self.bad += bad
        while self._marks[0][0] <= now - seconds:
            self.bad -= self._marks.popleft()[1]

    def is_over(self, minimum: int) -> bool:
        return self.bad >= minimum and self.bad > SHARE * len(self._marks)


class Alarms:
    """The windows of every provider this process syncs with."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._deaths: dict[UUID, _Window] = {}
        self._absences: dict[UUID, _Window] = {}

    def record(self, tenant_id: UUID, provider_id: UUID, *, died: bool) -> bool:
        """Count a sync that ended; `died` if by a confirmed `invalid_grant`. True if that raised the alarm.

        A provider that was restored from an old backup kills every token at once: all its people are signed out, which
        is right, and somebody has to know.
        """
        window = self._deaths.setdefault(provider_id, _Window())
        now = self._monotonic()
        window.add(now, WINDOW_SECONDS, died)
        if not died or not window.is_over(MIN_DEATHS):
            return False
        return self._tell(window, now, "mass_invalid_grant", tenant_id, provider_id)

    def judge_absence(
        self, tenant_id: UUID, provider_id: UUID, reading: GroupsReading, *, before: str, interval_seconds: float
    ) -> GroupsReading:
        """The reading, or an unknown one while too many of the provider's people turn absent within an interval (I7).

        An absent claim can mean "no groups"; a fifth of all people without it means that somebody took the claim away.

        Args:
            before: the identity's stored completeness; who was empty before does not turn.
        """
        window = self._absences.setdefault(provider_id, _Window())
        is_absent = reading.reason is Reason.ABSENT_MEANS_EMPTY
        now = self._monotonic()
        window.add(now, interval_seconds, is_absent and before != "EMPTY")
        if not is_absent or before == "EMPTY" or not window.is_over(MIN_ABSENT):
            return reading
        self._tell(window, now, "mass_absent_groups", tenant_id, provider_id)
        return GroupsReading((), Completeness.UNKNOWN, Reason.ABSENT_MEANS_UNKNOWN, reading.diagnostics)

    def _tell(self, window: _Window, now: float, kind: str, tenant_id: UUID, provider_id: UUID) -> bool:
        if now - window.told_at < WINDOW_SECONDS:
            return False
        window.told_at = now
        METRICS.count_alarm(kind)
        _log.error("sync.alarm", kind=kind, tenant=str(tenant_id), provider=str(provider_id), affected=window.bad)
        return True
