"""Subscriptions as streams: what is executed when a stream wakes up, and with which permissions."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec

from identity_api.errors import Overloaded
from identity_api.graphql import engine
from identity_api.graphql.context import Context, Feed
from identity_api.http import EventStream, HTTPRequest
from identity_api.sessions.authenticate import Authenticated
from identity_api.streams.hub import ChangeHub, Follower
from identity_api.streams.stream import COMPLETE, Outcome, next_event, results

OWN: Final = "viewer"
"""The root field that is about the user alone; every other one is about the tenant."""
ENDED: Final = msgspec.json.encode(
    {"errors": [{"message": "The session has ended.", "extensions": {"code": "UNAUTHENTICATED"}}]}
)

MakeContext = Callable[[Authenticated, HTTPRequest], Awaitable[Context]]
Charge = Callable[[Context, engine.Measured], Awaitable[None]]
Looking = Callable[[], AbstractAsyncContextManager[Authenticated | None]]


class SubscriptionStreams:
    """Of one process. The web's `GraphQLStreams`."""

    def __init__(self, schema: engine.EngineSchema, make_context: MakeContext, charge: Charge, hub: ChangeHub) -> None:
        self._schema, self._make_context, self._charge, self._hub = schema, make_context, charge, hub

    def takes(self, request: HTTPRequest) -> bool:
        """Whether the request is a subscription that takes events for an answer."""
        return engine.asks_for_events(request, self._schema)

    async def open(
        self, request: HTTPRequest, found: Authenticated, looking: Looking, last_event_id: str | None
    ) -> EventStream:
        """Begin a stream.

        Raises:
            TooManyStreams; and what the wiring's `charge` raises.
        """
        context = await self._make_context(found, request)
        subscribed = await engine.subscribe(self._schema, request, context, self._charge)
        if isinstance(subscribed, bytes):
            return EventStream(_once(subscribed))
        follower = await self._hub.join(found.tenant_id, found.user.id, reads_all=subscribed.field != OWN)
        one = _Stream(self._make_context, request, looking, subscribed, Feed(follower.position, last_event_id))
        return EventStream(results(self._hub, follower, one.look), lambda: self._hub.leave(follower))


class _Stream:
    """One open stream: what it executes each time."""

    def __init__(
        self,
        make_context: MakeContext,
        request: HTTPRequest,
        looking: Looking,
        subscribed: engine.Subscribed,
        feed: Feed,
    ) -> None:
        self._make_context, self._looking = make_context, looking
        self._request = msgspec.structs.replace(request, body=b"")
        self._subscribed, self._feed = subscribed, feed

    async def look(self, follower: Follower) -> Outcome:
        position = follower.position
        async with self._looking() as found:
            if found is None:
                return Outcome(ENDED, is_over=True)
            context = await self._make_context(found, self._request)
            context.feed = self._feed
            async with follower.turn:
                body = await self._subscribed.execute(context)
        codes = engine.codes_of(body)
        if engine.is_passing(codes):
            raise Overloaded
        again_in = (found.changes_by_itself_at - found.at).total_seconds()
        if self._subscribed.field == OWN:
            is_over = bool(codes) and body.startswith(b'{"data":null')
            return Outcome(body, again_in=again_in, is_over=is_over, position=position)
        feed = self._feed
        is_news = feed.has_news or bool(codes)
        return Outcome(
            body if is_news else None,
            again_in=again_in,
            is_over=bool(codes),
            is_behind=feed.is_behind,
            position=feed.position,
        )


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield next_event(body)
    yield COMPLETE
