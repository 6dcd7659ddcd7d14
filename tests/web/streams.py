"""A stream as a client has it: events as they come, over the application itself."""

import asyncio
from types import TracebackType
from typing import Any

import msgspec

from tests.web.site import Site, fresh_address


class Event(msgspec.Struct, frozen=True):
    """One event of a stream."""

    event: str
    data: Any
    id: str | None


class Stream:
    """Inside `async with`; leaving it hangs up."""

    def __init__(self, site: Site, token: str, query: str, *, reads: bool = True, **headers: str) -> None:
        self._site, self._reads = site, reads
        self.status = 0
        self.headers: dict[str, str] = {}
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._begun = asyncio.Event()
        body = msgspec.json.encode({"query": query})
        lines = {
            "host": site.host,
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "accept": "text/event-stream",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        self._scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "scheme": "https", "path": "/graphql",
            "raw_path": b"/graphql", "query_string": b"", "root_path": "", "client": (fresh_address(), 1),
            "server": (site.host, 443), "asgi": {"version": "3.0"},
            "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
        }  # fmt: skip
        self._body: bytes | None = body
        self._text = b""

    async def __aenter__(self) -> "Stream":
        self._serving = asyncio.create_task(self._site.app(self._scope, self._receive, self._send))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gone.set()
        await asyncio.wait_for(self._serving, 30)

    async def begun(self) -> None:
        """From here on nothing is missed."""
        await asyncio.wait_for(self._begun.wait(), 30)

    async def next(self) -> Event | None:
        """The next event; None at the end."""
        return await asyncio.wait_for(self._events.get(), 30)

    async def result(self) -> Any:
        """The next event's result."""
        event = await self.next()
        assert event is not None
        assert event.event == "next"
        return event.data

    @property
    def waiting(self) -> int:
        """Events that have come and were not asked for."""
        return self._events.qsize()

    async def is_cut_off(self) -> bool:
        """Whether it ends from the other side, without a last word."""
        await asyncio.wait_for(asyncio.shield(self._serving), 30)
        return self._events.empty()

    async def answered(self) -> tuple[int, bytes]:
        """Of a request that is no stream: status and body."""
        await asyncio.wait_for(self._serving, 30)
        return self.status, self._text

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, event: dict[str, Any]) -> None:
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.headers = {name.decode(): value.decode() for name, value in event["headers"]}
            self._begun.set()
            return
        if not self._reads:
            await self._gone.wait()
        self._text += event["body"]
        while self.status == 200 and b"\n\n" in self._text:
            frame, _, self._text = self._text.partition(b"\n\n")
            lines = dict(line.partition(b": ")[::2] for line in frame.split(b"\n"))
            if b"event" in lines:
                data = msgspec.json.decode(lines[b"data"]) if lines[b"data"] else None
                id = lines[b"id"].decode() if b"id" in lines else None
                self._events.put_nowait(Event(lines[b"event"].decode(), data, id))
        if not event.get("more_body", False):
            self._events.put_nowait(None)
