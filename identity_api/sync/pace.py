"""How many syncs of a provider this process runs, and how soon: fewer while it fails, more again as it answers.

Additive increase, multiplicative decrease. A provider that hangs gets one call at a time after a few failures, so that
it cannot hold every slot that others need, and a provider that returns after an outage is not flooded. If it keeps
failing, it is called less and less often, down to once in `LONGEST_PAUSE_SECONDS`: an outage of quick 503s causes no
storm of calls.

People count, not failures: one person whose sync fails repeatedly slows down nobody else. And a provider that fails now and
then is not failing: a failure after `MANY` answers slows nothing down.

A provider that answers 429 is not failing. It is called more slowly, at the rate that it allows (`learned_rate`).
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from uuid import UUID

from identity_api.sync.learned_rate import LearnedRate

LONGEST_PAUSE_SECONDS = 10.0
MANY = 20
"""Answers since the last failure. With every failure counted, one in a hundred kept five hundred places below two hundred."""


class Pace:
    """The pace of one process, by provider."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._places: dict[UUID, int] = {}
        self._next_at: dict[UUID, float] = {}
        self._pauses: dict[UUID, float] = {}
        self._failed_last: dict[UUID, UUID] = {}
        self._answers: dict[UUID, int] = {}
        """Since the last failure."""
        self._rates: dict[UUID, LearnedRate] = {}
        self._limited: dict[UUID, LearnedRate] = {}
        """Only of providers that refused a call for its rate."""
        self._quiet_until: dict[UUID, float] = {}

    @property
    def places(self) -> Mapping[UUID, int]:
        """Syncs in flight that a provider may have, if that is fewer than its `max_concurrent`.

        At a learned rate, the number of calls in two seconds: more would only wait for their turn.
        """
        limited = {id: 1 + math.ceil(2 * (one.rate or 0)) for id, one in self._limited.items()}
        return {id: min(places, limited.get(id, places)) for id, places in {**limited, **self._places}.items()}

    def failed(self, provider_id: UUID, max_concurrent: int, identity_id: UUID) -> None:
        """The provider did not answer for this identity, or answered with an error of its own."""
        if self._failed_last.get(provider_id) == identity_id:
            return
        self._failed_last[provider_id] = identity_id
        if self._answers.pop(provider_id, 0) >= MANY:
            return
        places = self._places.get(provider_id, max_concurrent)
        self._places[provider_id] = max(1, places // 2)
        if places == 1:
            pause = min(LONGEST_PAUSE_SECONDS, 2 * self._pauses.get(provider_id, 0.5))
            self._pauses[provider_id] = pause
            self._next_at[provider_id] = max(self._next_at.get(provider_id, 0.0), self._monotonic() + pause)

    def limited(self, provider_id: UUID, retry_after_seconds: float) -> None:
        """The provider answered 429: from now on it is called no faster than it allows.

        Syncs that wait for a turn wait that much longer; new ones are claimed again after that time.
        """
        now = self._monotonic()
        self._rate(provider_id).refused(now, retry_after_seconds)
        self._limited[provider_id] = self._rate(provider_id)
        self._quiet_until[provider_id] = max(self._quiet_until.get(provider_id, 0.0), now + retry_after_seconds)

    def rate(self, provider_id: UUID) -> float | None:
        """Calls a second that the provider allows this process; None if it never refused a call for its rate."""
        return self._rate(provider_id).rate

    def accepted(self, provider_id: UUID) -> None:
        """The provider did not refuse the rate. Called at once, so that the time of the answer is right."""
        self._rate(provider_id).accepted(self._monotonic())

    def answered(self, provider_id: UUID, max_concurrent: int) -> None:
        """The provider answered, with any answer."""
        if self._pauses.pop(provider_id, None) is not None:
            self._next_at.pop(provider_id, None)
        self._answers[provider_id] = self._answers.get(provider_id, 0) + 1
        places = self._places.get(provider_id)
        if places is not None:
            if places + 1 >= max_concurrent:
                del self._places[provider_id]
            else:
                self._places[provider_id] = places + 1

    async def turn(self, provider_id: UUID, max_rate: int | None) -> None:
        """Wait until the next call is due: at `max_rate` calls a second of this process or at what the provider turned out to
        allow, whichever is less, and after a failing one's pause.
        """
        while True:
            quiet_until = self._quiet_until.get(provider_id)
            seconds = self._seconds_until_turn(provider_id, max_rate)
            if seconds is None:
                return
            await asyncio.sleep(seconds)
            if self._quiet_until.get(provider_id) == quiet_until:
                return
            await asyncio.sleep(self._quiet_until[provider_id] - self._monotonic())

    def _seconds_until_turn(self, provider_id: UUID, max_rate: int | None) -> float | None:
        """None if the provider's calls need not wait."""
        rate = min([one for one in (max_rate, self.rate(provider_id)) if one is not None], default=None)
        if rate is None and provider_id not in self._pauses:
            return None
        now = self._monotonic()
        turn_at = max(now, self._next_at.get(provider_id, now))
        self._next_at[provider_id] = turn_at + max(1 / rate if rate else 0.0, self._pauses.get(provider_id, 0.0))
        return turn_at - now

    def _rate(self, provider_id: UUID) -> LearnedRate:
        found = self._rates.get(provider_id)
        if found is None:
            found = self._rates[provider_id] = LearnedRate()
        return found
