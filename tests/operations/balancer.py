"""A balancer of TCP connections, as a load balancer of the fourth layer is: it looks into nothing and repeats nothing.

A new connection goes to the next process that says it is ready. What a proxy of HTTP would repeat, a client of this one loses.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence
from typing import Self

_CHUNK = 65_536
_CHECK = b"GET /health/ready HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
_CHECK_SECONDS = 0.1


class Balancer:
    """Listens on `port` inside a `with` block, in a thread of its own."""

    def __init__(self, ports: Sequence[int] = ()) -> None:
        self.ports = list(ports)
        """Where the processes listen."""
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._turn = 0
        self._ended: set[int] = set()
        """Ports whose process was not ready when it was asked last."""
        self._carrying: set[asyncio.Task[None] | None] = set()
        """Held here: asyncio itself forgets what serves a connection that is closed."""
        self._thread = threading.Thread(target=self._run, name=f"balancer-{self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._carry, sock=self._socket)
        self._checking = asyncio.create_task(self._check())
        self._ready.set()
        await self._stopping.wait()
        server.close()
        while tasks := [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._carrying.add(task)
        try:
            await self._pass_on(reader, writer)
        finally:
            self._carrying.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                behind, to_behind = await self._connect()
            except OSError:
                return
            with contextlib.closing(to_behind):
                upwards = asyncio.create_task(_pump(reader, to_behind))
                await _pump(behind, writer)
                upwards.cancel()
                await asyncio.gather(upwards, return_exceptions=True)

    async def _check(self) -> None:
        while True:
            for port in list(self.ports):
                if await _is_ready(port):
                    self._ended.discard(port)
                else:
                    self._ended.add(port)
            await asyncio.sleep(_CHECK_SECONDS)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        refused: OSError = ConnectionRefusedError()
        ports = [port for port in self.ports if port not in self._ended] or self.ports
        for _ in ports:
            self._turn += 1
            try:
                return await asyncio.open_connection("127.0.0.1", ports[self._turn % len(ports)])
            except OSError as error:
                refused = error
        raise refused


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(writer):
                writer.write(_CHECK)
                return b" 200 " in await reader.readline()
    except OSError:  # TimeoutError is one
        return False


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass everything on, and then the end."""
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
        target.write_eof()
