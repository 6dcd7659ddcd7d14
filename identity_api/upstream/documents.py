"""Providers' published documents, fetched once for all callers, and cached.

One fetch is in flight per document; other callers wait for it, and a cancelled caller does not cancel it. Only a valid
document replaces the cached one, so that the cached one stays in use while a provider is down or publishes nonsense.
If a document lacks what a caller needs (an unknown `kid`), it is fetched again at once, and then not before a cool-down has
passed, so that rotated keys work and invalid tokens cannot cause many requests (OIDC Core §10.1.1). A failed fetch starts a
cool-down as well.

Not done: `Cache-Control` is not read; `Content-Type` is not compared (providers differ); processes do not share.
"""

import asyncio
import contextvars
import ssl
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from identity_api.fairness.time_slices import run_in_slices
from identity_api.oidc.messages import Request
from identity_api.upstream.errors import Unusable
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.targets import parse_target

T = TypeVar("T")
Parser = Callable[[bytes], T | Generator[None, None, T]]
"""Body to document, at once or in steps of half a millisecond at the most."""
Monotonic = Callable[[], float]
"""A monotonic clock in seconds, such as `time.monotonic`."""


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a document.

    Tenants share no document, since one may not reach what another may (I2). `expected` is the value that the parser
    compares with, such as the issuer; another expected value is another document.
    """

    url: str
    tenant: str | None = None
    expected: str = ""
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: until a document is fetched again, until it is dropped if that fails, and between two attempts."""

    fresh_seconds: float = 3_600
    usable_seconds: float = 86_400
    cooldown_seconds: float = 30
    deadline_seconds: float = 5


class _Entry(Generic[T]):
    """One document: the last good one, the last failure, the fetch in flight."""

    def __init__(self) -> None:
        self.held: T | None = None
        self.fetched_at = 0.0
        self.failure: Exception | None = None
        self.no_fetch_before = float("-inf")
        self.no_refetch_before = float("-inf")
        self.flight: asyncio.Task[None] | None = None

    def within(self, seconds: float, now: float) -> T | None:
        """The cached document if it is younger than that."""
        return self.held if self.held is not None and now - self.fetched_at < seconds else None


class Cached(Generic[T]):
    """A bounded cache of parsed documents. For one event loop."""

    def __init__(
        self, upstream: Upstream, *, monotonic: Monotonic, times: Times | None = None, documents: int = 1_000
    ) -> None:
        self._upstream, self._monotonic, self._times = upstream, monotonic, times or Times()
        self._documents = documents
        self._entries: OrderedDict[Source, _Entry[T]] = OrderedDict()
        self._flights: set[asyncio.Task[None]] = set()

    async def get(self, source: Source, parse: Parser[T], *, serves: Callable[[T], bool] | None = None) -> T:
        """The document, from the cache or fetched.

        Args:
            source: also the key under which it is kept.
            parse: body to document; its errors are raised for waiters.
            serves: whether a document has what the caller needs; if the cached one does not, it is fetched again unless
                the cool-down prevents it. The result may still not serve: the caller sees that when using it.

        Raises:
            UpstreamError: it could not be fetched (now or a moment ago), and none is cached.
            Exception: what `parse` raised for it.
        """
        entry, now, times = self._entry(source), self._monotonic(), self._times
        fresh = entry.within(times.fresh_seconds, now)
        lacking = fresh is not None and serves is not None and not serves(fresh)
        if fresh is not None and not lacking:
            return fresh
        if entry.flight is None:
            if now < entry.no_fetch_before or (lacking and now < entry.no_refetch_before):
                return self._answer(entry)
            self._launch(entry, source, parse)
        assert entry.flight is not None
        await asyncio.shield(entry.flight)
        # A fetch for a missing part has a cool-down; so does one that did not bring the part.
        if lacking or (serves is not None and entry.held is not None and not serves(entry.held)):
            entry.no_refetch_before = max(entry.no_refetch_before, self._monotonic() + times.cooldown_seconds)
        return self._answer(entry)

    async def refetch(self, source: Source, parse: Parser[T], *, judged: T) -> T:
        """A document newer than `judged`, if the cool-down allows a fetch; otherwise the cached one."""
        return await self.get(source, parse, serves=lambda held: held is not judged)

    async def renew(self, source: Source, parse: Parser[T]) -> T:
        """The document, fetched now, unless it was fetched less than the cool-down ago.

        The cached one stays in use until there is a valid new one, also if this raises.

        Raises:
            UpstreamError, Exception: as `get`, and also if an older document is still cached.
        """
        entry, times = self._entry(source), self._times
        if entry.held is not None and self._monotonic() - entry.fetched_at >= times.cooldown_seconds:
            entry.fetched_at = min(entry.fetched_at, self._monotonic() - times.fresh_seconds)
        held = await self.get(source, parse)
        if entry.failure is not None:
            raise entry.failure.with_traceback(None)
        return held

    async def aclose(self) -> None:
        """End the fetches in flight; their waiters are cancelled."""
        for flight in list(self._flights):
            flight.cancel()
        await asyncio.gather(*self._flights, return_exceptions=True)

    def _entry(self, source: Source) -> _Entry[T]:
        entry = self._entries.get(source)
        if entry is None:
            entry = self._entries[source] = _Entry()
            if len(self._entries) > self._documents:
                self._entries.popitem(last=False)
        self._entries.move_to_end(source)
        return entry

    def _answer(self, entry: _Entry[T]) -> T:
        held = entry.within(self._times.usable_seconds, self._monotonic())
        if held is not None:
            return held
        assert entry.failure is not None
        # Many callers get the same exception; each gets a traceback of its own.
        raise entry.failure.with_traceback(None)

    def _launch(self, entry: _Entry[T], source: Source, parse: Parser[T]) -> None:
        # A context of its own: the fetch is for all callers, and must not run in one caller's transaction or trace.
        flight = asyncio.create_task(self._fetch(entry, source, parse), context=contextvars.Context())
        entry.flight = flight
        self._flights.add(flight)  # the loop only has weak references to tasks
        flight.add_done_callback(self._flights.discard)

    async def _fetch(self, entry: _Entry[T], source: Source, parse: Parser[T]) -> None:
        """Fetch and replace on success. Never raises: waiters read the entry, and there may be none left."""
        try:
            request = Request(method="GET", url=source.url, headers={"accept": "application/json"})
            answer = await self._upstream.exchange(
                request, deadline=self._times.deadline_seconds, tenant=source.tenant, tls=source.tls
            )
            if answer.status != 200:
                raise Unusable(
                    f"The document came with status {answer.status}",
                    code="DOCUMENT_STATUS",
                    status=answer.status,
                    origin=parse_target(source.url).origin,
                )
            parsed = parse(answer.body)
            held: T = await run_in_slices(parsed) if isinstance(parsed, Generator) else parsed
        except Exception as error:
            entry.failure = error
            entry.no_fetch_before = self._monotonic() + self._times.cooldown_seconds
        else:
            entry.held, entry.fetched_at, entry.failure = held, self._monotonic(), None
        finally:
            entry.flight = None
