"""Count the bodies that are still arriving, by the client's address: one client must not hold every connection."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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

    @contextmanager
    def from_address(self, address: str) -> Iterator[None]:
        """Count one body for as long as the block runs.

        Raises:
            TooManyRequests: the address is sending as many as it may. The connection is closed.
        """
        if self._counts[address] >= self._per_address:
            refused = TooManyRequests(1)
            refused.headers["Connection"] = "close"
            raise refused
        self._counts[address] += 1
        try:
            yield
        finally:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]
