"""A server on loopback that misbehaves on request: the path of a request names the behaviour.

It counts what it was asked, connections included, so that "nothing was sent" can be seen from its side.
"""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
BODY = b'{"ok": true}'
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
PAUSE_SECONDS = 0.02  # between two bytes of an answer that never ends
CRUMBS = BODY + b" " * 60
CRUMB_PAUSE_SECONDS = 0.001


def answer(body: bytes = BODY, *extra: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *extra]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def gzipped(body: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(body) + packer.flush()


@dataclass
class Hostile:
    """Start it with `listen`, as often as it shall have ports; end it with `aclose`."""

    connections: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict)  # path to JSON body
    raw: dict[str, bytes] = field(default_factory=dict)  # path to all that is written
    gate: asyncio.Event | None = None  # documents wait for it
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # a document has been asked for
    hung: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def listen(self, tls: ssl.SSLContext | None = None, *, mute: bool = False) -> int:
        """Listen on a free port of 127.0.0.1. `mute`: accept, read and never say anything."""
        server = await asyncio.start_server(self._mute if mute else self._serve, "127.0.0.1", 0, ssl=tls)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def aclose(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _mute(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._guarded(self._swallow, reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._guarded(self._requests, reader, writer)

    async def _guarded(
        self, run: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], *streams: *Streams
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            # The client leaves whenever it has had enough; that is what most of these behaviours are for.
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError, ssl.SSLError):
                await run(*streams)
        finally:
            self.left.set()
            self._tasks.discard(task)
            streams[1].transport.abort()

    async def _swallow(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nth = 0
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            self.bodies.append(await reader.readexactly(int(length[1]) if length else 0))
            nth += 1
            path = head.split(b" ")[1].decode().partition("?")[0]
            self.seen[path] += 1
            self.heads.append(head)
            if not await self._behave(path, nth, reader, writer):
                # Deliver what was written, then end: abort() alone would throw it away.
                writer.close()
                await writer.wait_closed()
                return
            await writer.drain()

    async def _behave(self, path: str, nth: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection stays open."""
        if path in self.documents:
            self.asked.set()
            if self.gate is not None:
                await self.gate.wait()
            writer.write(answer(self.documents[path]))
            return True
        if path.startswith("/second-") and nth == 1:
            writer.write(answer())
            return True
        behaviour = getattr(self, path.strip("/").replace("-", "_"), None)
        if behaviour is None:
            writer.write(self.raw.get(path) or SIMPLE.get(path, answer(b"{}", status="404 Not Found")))
            return path not in ENDING
        return bool(await behaviour(reader, writer))

    async def hang(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
        self.left.clear()
        self.hung.set()
        await self._swallow(reader, _writer)
        return False

    async def reset(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False

    second_reset = reset

    async def slow_head(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        return await self._forever(writer, b"X-A: b\r\n", PAUSE_SECONDS)

    async def slow_body(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer(b"", length=100_000))
        return await self._forever(writer, b"x", PAUSE_SECONDS)

    async def crumbs(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """An honest answer, byte by byte."""
        writer.write(answer(b"", length=len(CRUMBS)))
        for place in range(len(CRUMBS)):
            writer.write(CRUMBS[place : place + 1])
            await writer.drain()
            await asyncio.sleep(CRUMB_PAUSE_SECONDS)
        return True

    async def endless_crumbs(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer(b"", length=100_000))
        return await self._forever(writer, b"x", CRUMB_PAUSE_SECONDS)

    async def endless_head(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        return await self._forever(writer, b"X-A: " + b"v" * 500 + b"\r\n")

    async def endless_body(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        return await self._forever(writer, b"10000\r\n" + bytes(65536) + b"\r\n")

    async def interim(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        return await self._forever(writer, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", PAUSE_SECONDS)

    async def _forever(self, writer: asyncio.StreamWriter, piece: bytes, pause: float = 0) -> bool:
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)


SIMPLE = {
    "/ok": answer(),
    "/cookie": answer(BODY, "Set-Cookie: sid=1; Path=/", "Set-Cookie: other=2"),
    "/redirect": answer(b"", "Location: /landed", status="307 Temporary Redirect"),
    "/error": answer(b'{"error": "server_error"}', "Retry-After: 7", status="500 Internal Server Error"),
    "/gzip": answer(gzipped(BODY), "Content-Encoding: gzip"),
    "/half-gzip": answer(gzipped(BODY)[:-4], "Content-Encoding: gzip"),
    "/not-gzip": answer(BODY, "Content-Encoding: gzip"),
    "/two-gzip": answer(gzipped(BODY) + gzipped(BODY), "Content-Encoding: gzip"),
    "/brotli": answer(BODY, "Content-Encoding: br"),
    "/at-cap": answer(bytes(1000)),
    "/over-cap": answer(bytes(1001)),
    "/empty": answer(b"", status="204 No Content"),
    "/repeated-header": answer(BODY, "X-A: 1", "X-A: 2"),
    "/drop": b"",
    "/second-drop": b"",
    "/half-head": b"HTTP/1.1 200 OK\r\nContent-",
    "/half-body": answer(BODY[:-3], length=len(BODY)),
    "/garbage": b"SSH-2.0-OpenSSH_9\r\n\r\n",
    "/two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
}
ENDING = frozenset({"/drop", "/second-drop", "/half-head", "/half-body", "/garbage", "/two-lengths"})
