"""The calls a second that a provider allows: learned from its 429 and their `Retry-After` (RFC 6585 section 4).

Providers publish their limits per client, endpoint or plan, or not at all, so no administrator can be expected to know
them. A refusal shows that the rate before it was too high; the calls that were accepted show which rate is not.
"""

GENTLE, HARD = 0.9, 0.7
"""The share of a rate that is kept after a refusal: a rate that was accepted for a while, or was refused soon."""
SOON_SECONDS = 10.0
LONG_RETRY_SECONDS = 10.0
"""A longer `Retry-After` indicates a budget of calls per minutes; a shorter one indicates a limit per second."""
GROWTH = 0.0005
"""Share by which a rate grows each second, twice as much after each minute without a refusal."""
MOST_GROWTH = 0.05
LOWEST = 0.2


class LearnedRate:
    """The rate of one provider in one process; nothing is limited before the first refusal.

    Times are seconds of any one clock that never goes back.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        """Calls a second; None while nothing was refused."""
        self._second = self._in_second = self._in_second_before = 0
        self._in_cycle = 0
        self._resumed_at: float | None = None
        self._grown_at = 0.0
        self._quiet_until = 0.0

    def accepted(self, now: float) -> None:
        """A call was not refused for its rate."""
        if self._resumed_at is None:
            self._resumed_at = now
        self._in_cycle += 1
        if int(now) != self._second:
            self._in_second_before = self._in_second if int(now) == self._second + 1 else 0
            self._second, self._in_second = int(now), 0
        self._in_second += 1
        self._grow(now)

    def refused(self, now: float, retry_after: float) -> None:
        """A call was refused. Calls that were in flight with it are refused too, and count as the same refusal."""
        if now < self._quiet_until:
            return
        began = now if self._resumed_at is None else self._resumed_at
        budget = self._in_cycle / max(1.0, now - began + retry_after)
        if retry_after > LONG_RETRY_SECONDS:
            rate = GENTLE * budget
        elif self.rate is None:
            rate = GENTLE * max(self._in_second, self._in_second_before, 1)
        else:
            rate = self.rate * (HARD if now - began < SOON_SECONDS else GENTLE)
        self.rate = max(LOWEST, rate)
        self._quiet_until = now + max(1.0, retry_after)
        self._resumed_at, self._in_cycle, self._grown_at = None, 0, self._quiet_until

    def _grow(self, now: float) -> None:
        if self.rate is None or now <= self._grown_at:
            return
        calm_minutes = (now - self._quiet_until) / 60
        self.rate *= 1 + min(MOST_GROWTH, GROWTH * 2.0 ** min(calm_minutes, 16)) * (now - self._grown_at)
        self._grown_at = now
