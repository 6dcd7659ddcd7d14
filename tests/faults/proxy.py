"""A TCP proxy that stands between two parts of an installation and does to their connections what networks do.

It runs in a thread of its own. For PostgreSQL it reads the client's messages (PostgreSQL 18, "Message Formats") and can cut
a connection at a chosen statement: before the server has it, or after the server has carried it out and before the client
is told.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Self, TypeVar

Result = TypeVar("Result")
Target = str | int
"""The path of a unix socket, or a port of this machine."""

_CHUNK = 65_536


class Cut(Enum):
    """How a connection is cut at a statement: it never arrives, or is carried out and its answer never arrives; or the
    connection stands still before it, and nobody is told.
    """

    BEFORE = "before"
    AFTER = "after"
    STILL = "still"


class Proxy:
    """Listens on `port` from `start` to `stop`, or inside a `with` block. Methods may be called from any thread."""

    def __init__(self, target: Target, *, is_postgres: bool = False) -> None:
        self.target = target
        self.is_postgres = is_postgres
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._socket.getsockname()[1]
        self.accepted = 0
        """Connections taken so far."""
        self.sent_bytes = 0
        """What clients have sent through it."""
        self.cuts = 0
        """Connections that were cut at a statement."""
        self.seconds_per_byte = 0.0
        """How slowly answers go through; 0 for at once."""
        self._refuses = False
        self._statement = ""
        self._plan: Iterator[Cut] = iter(())
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        self._loop.close()

    def pause(self) -> None:
        """Nothing passes any more, and nobody is told: connections stay open, and new ones are taken."""
        self._do(self._open.clear)

    def go_on(self) -> None:
        """Everything passes again, what waited first."""
        self._do(self._open.set)

    def cut(self) -> None:
        """Reset every connection there is. New ones are served."""
        self._do(self._cut_all)

    def refuse(self) -> None:
        """Reset every connection there is, and every new one."""
        self._refuses = True
        self.cut()

    def accept(self) -> None:
        """Serve new connections again."""
        self._refuses = False

    def cut_at(self, statement: str, plan: Iterator[Cut]) -> None:
        """Cut the PostgreSQL connection at each statement that has this text in it, as `plan` says, until it is used up."""
        self._statement, self._plan = statement, plan

    def _do(self, function: Callable[[], Result]) -> Result:
        async def inside() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(10)

    def _cut_all(self) -> None:
        for link in list(self._links):
            link.reset()

    def next_cut(self, statement: str) -> Cut | None:
        """What to do at this statement."""
        if not self._statement or self._statement not in statement:
            return None
        found = next(self._plan, None)
        self.cuts += found is not None
        return found

    async def passing(self) -> None:
        """Wait while nothing passes."""
        await self._open.wait()

    async def stopping(self) -> None:
        """Wait until the proxy is stopped."""
        await self._stopping.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, sock=self._socket)
        self._ready.set()
        await self._stopping.wait()
        server.close()
        self._open.set()
        self._cut_all()
        # Whatever was carried ends with its connections; a cancelled task would be reported by asyncio as an error.
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if tasks:
            await asyncio.wait(tasks, timeout=10)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        link = _Link(self, reader, writer)
        self._links.add(link)
        try:
            if not self._refuses:
                await link.carry()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._links.discard(link)
            link.reset()


class _Link:
    """One connection and the one behind it."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = (reader, writer)
        self._server: asyncio.StreamWriter | None = None
        self._is_mute = False

    async def carry(self) -> None:
        """Both ways, until one side ends."""
        target = self._proxy.target
        if isinstance(target, int):
            reader, self._server = await asyncio.open_connection("127.0.0.1", target)
        else:
            reader, self._server = await asyncio.open_unix_connection(target)
        ways = [
            asyncio.create_task(self._upwards(self._client[0], self._server)),
            asyncio.create_task(self._downwards(reader, self._client[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def reset(self) -> None:
        """Close both sides so that the client gets a reset, not an end."""
        for writer in (self._client[1], self._server):
            if writer is not None:
                with contextlib.suppress(OSError, AttributeError):
                    sock = writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()

    async def _upwards(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        statements = _Statements()
        while data := await source.read(_CHUNK):
            await self._proxy.passing()
            self._proxy.sent_bytes += len(data)
            for statement in statements.executed_in(data) if self._proxy.is_postgres else ():
                cut = self._proxy.next_cut(statement)
                if cut is Cut.BEFORE:
                    return
                if cut is Cut.STILL:
                    await self._proxy.stopping()
                self._is_mute = self._is_mute or cut is Cut.AFTER
            target.write(data)
            await target.drain()

    async def _downwards(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK):
            await self._proxy.passing()
            if self._is_mute:
                # "Z", ReadyForQuery, ends the server's answer: the statement is carried out and committed.
                if data.endswith((b"Z\0\0\0\5I", b"Z\0\0\0\5T", b"Z\0\0\0\5E")):
                    return
                continue
            if self._proxy.seconds_per_byte:
                for at in range(len(data)):
                    target.write(data[at : at + 1])
                    await target.drain()
                    await asyncio.sleep(self._proxy.seconds_per_byte)
                continue
            target.write(data)
            await target.drain()


class _Statements:
    """The statements that a PostgreSQL client has carried out, from the bytes that it sends."""

    def __init__(self) -> None:
        self._pending = b""
        self._is_started = False
        self._prepared: dict[bytes, str] = {}

    def executed_in(self, data: bytes) -> list[str]:
        """The texts of statements whose execution these bytes ask for."""
        self._pending += data
        found = []
        while (message := self._next()) is not None:
            kind, body = message
            if kind == b"Q":
                found.append(body.rstrip(b"\0").decode("utf-8", "replace"))
            elif kind == b"P":
                name, text = body.split(b"\0")[:2]
                self._prepared[name] = text.decode("utf-8", "replace")
            elif kind == b"B":
                found.append(self._prepared.get(body.split(b"\0")[1], ""))
        return found

    def _next(self) -> tuple[bytes, bytes] | None:
        """One whole message; the first of a connection has no type byte."""
        head = 0 if not self._is_started else 1
        if len(self._pending) < head + 4:
            return None
        length = struct.unpack_from("!I", self._pending, head)[0]
        if len(self._pending) < head + length:
            return None
        kind, body = self._pending[:head], self._pending[head + 4 : head + length]
        self._pending = self._pending[head + length :]
        self._is_started = True
        return kind, body
