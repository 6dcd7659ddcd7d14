"""One stream: results of a subscription as server-sent events (the `graphql-sse` protocol, distinct connections mode).

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md

A stream has no memory of its own: each time it is woken the session is looked up anew, the selection is executed anew, and
a result is sent if it differs from the last one. So whoever connects again, for whatever reason, misses nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import msgspec

from identity_api.clock import jitter
from identity_api.errors import Overloaded, Unavailable
from identity_api.streams.hub import ChangeHub, Follower

HEARTBEAT_SECONDS: Final = 15.0
"""Proxies close a connection on which nothing comes."""
LIFE_SECONDS: Final = 3_600.0
"""Then the connection is closed without a word, and the client makes another: to a process that has fewer, perhaps."""
AGAIN_SECONDS: Final = 1.0
"""After a failure of ours."""
SPREAD_SECONDS: Final = 0.1
COMPLETE: Final = b"event: complete\ndata: \n\n"
NOTHING: Final = b":\n\n"
"""A comment: keeps the connection, and tells that it is open."""


class Outcome(msgspec.Struct, frozen=True):
    """What one look gave."""

    body: bytes | None
    """The result as JSON; None for nothing to be sent."""
    again_in: float | None = None
    """Seconds until something of it changes by time alone."""
    is_over: bool = False
    """Nothing comes after it."""
    is_behind: bool = False
    """There is more to be read at once."""
    position: int | None = None
    """What the client may name as `Last-Event-ID`."""


Look = Callable[[Follower], Awaitable[Outcome]]


async def results(hub: ChangeHub, follower: Follower, look: Look) -> AsyncGenerator[bytes, None]:
    """The events of one stream, until it is over or the process stops."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + LIFE_SECONDS * jitter(0.9, 1.1)
    last: bytes | None = None
    yield NOTHING
    while not hub.is_closing and loop.time() < ends_at:
        follower.woken.clear()
        try:
            found = await look(follower)
        except (Unavailable, Overloaded, TimeoutError):
            found = Outcome(None, again_in=AGAIN_SECONDS)
        if found.body is not None and found.body != last:
            last = found.body
            yield next_event(found.body, found.position)
        if found.is_over:
            yield COMPLETE
            return
        if found.is_behind:
            continue
        async for beat in _waiting(hub, follower, found.again_in, ends_at):
            yield beat
        # A change for everybody wakes all streams, and several changes of one moment are one.
        await asyncio.sleep(jitter(0.0, SPREAD_SECONDS))


async def _waiting(
    hub: ChangeHub, follower: Follower, again_in: float | None, ends_at: float
) -> AsyncGenerator[bytes, None]:
    """Heartbeats until there is something to look at."""
    loop = asyncio.get_running_loop()
    until = min(ends_at, loop.time() + again_in + 0.01) if again_in is not None else ends_at
    while not hub.is_closing:
        beat_at = loop.time() + HEARTBEAT_SECONDS
        try:
            async with asyncio.timeout_at(min(until, beat_at)):
                await follower.woken.wait()
            return
        except TimeoutError:
            if loop.time() >= until:
                return
            yield NOTHING


def next_event(body: bytes, position: int | None = None) -> bytes:
    """A result as an event. JSON has no line breaks of its own."""
    id = b"" if position is None else b"id: %d\n" % position
    return b"%sevent: next\ndata: %s\n\n" % (id, body)
