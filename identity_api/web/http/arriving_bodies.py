"""Count the bodies that are still arriving, by the client's address: one client must not hold every connection."""

from collections import Counter
from contextlib import AbstractContextManager
from typing import Final

from identity_api.web.http.errors import TooManyRequests

PER_ADDRESS: Final = 64
"""Honest bodies arrive within milliseconds. This is also enough for a proxy that nobody has listed as trusted."""


class Arriving:
    """How many bodies each address is sending. One per process."""

    def __init__(self, *, per_address: int = PER_ADDRESS) -> None:
        self._per_address = per_address
        self._counts: Counter[str] = Counter()

    @property
    def addresses(self) -> set[str]:
        """Those that are sending one now."""
        return set(self._counts)

    def from_address(self, address: str) -> AbstractContextManager[None]:
        """Count one body for as long as the block runs.

        Raises:
            TooManyRequests: the address is sending as many as it may. The connection is closed.
        """
        return _Arriving(self, address)


class _Arriving:
    """One body of an address."""

    __slots__ = ("_address", "_all")

    def __init__(self, all_: Arriving, address: str) -> None:
        self._all, self._address = all_, address

    def __enter__(self) -> None:
        counts = self._all._counts
        if counts.get(self._address, 0) >= self._all._per_address:
            refused = TooManyRequests(1)
            refused.headers["Connection"] = "close"
            raise refused
        counts[self._address] += 1

    def __exit__(self, *_: object) -> None:
        counts = self._all._counts
        counts[self._address] -= 1
        if not counts[self._address]:
            del counts[self._address]
