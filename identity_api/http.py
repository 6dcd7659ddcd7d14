"""One HTTP request and one response as values (RFC 9110), for the edges, which do not know each other.

Whoever talks to the server makes the request and sends the response; what lies between knows no framework.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

import msgspec

READ_SECONDS: Final = 20.0
"""How long a client may leave an event unread, once the buffers between are full."""


class HTTPRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose connection has been looked at. Absent headers are None; `body` may be cut off above its limit."""

    method: str
    request_id: str
    origin: str = ""
    """Of our own pages, as the browser sees it."""
    path_prefix: str | None = ""
    """`/t/{tenant}`, or nothing on a tenant's own host; None on the public host, where no tenant was entered."""
    content_type: str | None = None
    content_encoding: str | None = None
    accept: str | None = None
    body: bytes = b""

    def __repr__(self) -> str:
        return f"HTTPRequest(method={self.method!r}, request_id={self.request_id!r})"


class HTTPResponse(msgspec.Struct, frozen=True):
    """Status, headers (names in any case, each once) and body. Cookies and common headers are added at the edge."""

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""

    async def send(self, send: Any) -> None:
        """To an ASGI `send`."""
        lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        lines.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": lines})
        await send({"type": "http.response.body", "body": self.body})


class EventStream:
    """An answer that goes on: server-sent events (WHATWG HTML, section 9.2)."""

    def __init__(self, events: AsyncGenerator[bytes, None], closed: Callable[[], None] = lambda: None) -> None:
        """Nothing is sent yet.

        Args:
            events: what is sent as it comes; its end is the answer's.
            closed: called once, when the answer has ended or its client is gone.
        """
        self._events, self._closed = events, closed

    async def send(self, send: Any, receive: Any) -> None:
        """To an ASGI `send`, until the events end or `receive` says that the client is gone."""
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
        tasks: list[asyncio.Task[None]] = []
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            tasks = [asyncio.create_task(self._pump(send)), asyncio.create_task(_until_gone(receive))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._events.aclose()
            self._closed()
        if tasks[0].done() and not tasks[0].cancelled():
            tasks[0].result()  # what it raised is ours to say

    async def _pump(self, send: Any) -> None:
        async for event in self._events:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            except TimeoutError:
                return  # the answer is cut off, so that nobody keeps a place without reading
        await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
