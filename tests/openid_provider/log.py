"""What the provider was asked. Holds no token, code or secret: what was presented appears as a short digest."""

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable

import msgspec


class Exchange(msgspec.Struct, kw_only=True):
    """One request, and its answer once there is one. `status` 0 means the connection was dropped."""

    method: str
    path: str
    grant_type: str | None = None
    client_id: str | None = None
    person: str | None = None
    presented: str | None = None
    status: int | None = None


class RequestLog:
    """Every exchange in order of arrival, readable from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._exchanges: list[Exchange] = []
        self._in_flight: dict[str, int] = {}
        self._peak: dict[str, int] = {}

    def begin(self, exchange: Exchange) -> None:
        with self._changed:
            self._exchanges.append(exchange)
            self._in_flight[exchange.path] = running = self._in_flight.get(exchange.path, 0) + 1
            self._peak[exchange.path] = max(running, self._peak.get(exchange.path, 0))
            self._changed.notify_all()

    def end(self, exchange: Exchange, status: int) -> None:
        with self._changed:
            exchange.status = status
            self._in_flight[exchange.path] -= 1
            self._changed.notify_all()

    def find(
        self, path: str | None = None, *, person: str | None = None, grant_type: str | None = None
    ) -> list[Exchange]:
        """The exchanges that have all the values given."""
        with self._changed:
            return [
                exchange
                for exchange in self._exchanges
                if path in (None, exchange.path)
                and person in (None, exchange.person)
                and grant_type in (None, exchange.grant_type)
            ]

    def count(self, path: str | None = None, *, person: str | None = None, grant_type: str | None = None) -> int:
        return len(self.find(path, person=person, grant_type=grant_type))

    def peak_in_flight(self, path: str = "/token") -> int:
        """The most requests of this path that were ever being answered at once."""
        with self._changed:
            return self._peak.get(path, 0)

    def clear(self) -> None:
        """Forget everything finished. Requests still running stay counted as in flight."""
        with self._changed:
            self._exchanges = [exchange for exchange in self._exchanges if exchange.status is None]
            self._peak = dict(self._in_flight)

    def wait_until(self, reached: Callable[["RequestLog"], bool], timeout_seconds: float = 10) -> None:
        """Block until `reached(log)`; TimeoutError if that does not happen."""
        deadline = time.monotonic() + timeout_seconds
        while not reached(self):
            with self._changed:
                # Short waits close the gap between asking and waiting.
                self._changed.wait(0.05)
            if time.monotonic() > deadline:
                raise TimeoutError("the provider was not asked what the test waits for")

    async def reached(self, reached: Callable[["RequestLog"], bool], timeout_seconds: float = 10) -> None:
        """`wait_until` for a test that is a coroutine."""
        await asyncio.to_thread(self.wait_until, reached, timeout_seconds)


def digest(secret: str | None) -> str | None:
    """Enough of SHA-256 to tell two presented tokens apart, and nothing of either."""
    return None if secret is None else hashlib.sha256(secret.encode()).hexdigest()[:16]
