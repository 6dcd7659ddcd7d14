"""How many syncs a provider gets from this process: fewer while it fails, more again as it answers.

Additive increase, multiplicative decrease. A provider that hangs falls to one call at a time within a few failures, so
that it cannot hold every slot that others need, and one that comes back after an outage is not run over.
"""

import asyncio
from collections.abc import Callable, Mapping
from uuid import UUID


class Pace:
    """The pace of one process, by provider; only providers in trouble, or with a `max_rate`, are kept."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._places: dict[UUID, int] = {}
        self._next_at: dict[UUID, float] = {}

    @property
    def places(self) -> Mapping[UUID, int]:
        """Syncs in flight that a provider may have, where that is fewer than it allows."""
        return self._places

    def failed(self, provider_id: UUID, max_concurrent: int) -> None:
        """The provider did not answer, or answered that it cannot."""
        self._places[provider_id] = max(1, self._places.get(provider_id, max_concurrent) // 2)

    def answered(self, provider_id: UUID, max_concurrent: int) -> None:
        """The provider answered, whatever it said."""
        places = self._places.get(provider_id)
        if places is not None:
            if places + 1 >= max_concurrent:
                del self._places[provider_id]
            else:
                self._places[provider_id] = places + 1

    async def turn(self, provider_id: UUID, max_rate: int | None) -> None:
        """Wait until the next call is due at `max_rate` calls a second of this process."""
        if max_rate is None:
            return
        now = self._monotonic()
        turn_at = max(now, self._next_at.get(provider_id, now))
        self._next_at[provider_id] = turn_at + 1 / max_rate
        await asyncio.sleep(turn_at - now)
