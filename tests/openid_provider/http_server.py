"""Serves an ASGI application over HTTP from a thread, on a random loopback port.

On aiohttp, because no ASGI server lets an application cut the connection, and a lost answer is exactly what the
synchronisation must survive.
"""

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import web
from multidict import CIMultiDict

from tests.openid_provider.tls_front import TLSFront
from tests.openid_provider.wrapper import ConnectionDropped

Result = TypeVar("Result")


class ThreadedServer:
    """`port` is bound at once, so that an issuer can be built from it; `start` serves, `stop` ends the thread."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._socket.getsockname()[1]
        self.loop = asyncio.new_event_loop()
        self.tls: ssl.SSLContext | None = None
        self.front: ssl.SSLContext | None = None
        """TLS as a `TLSFront` does it, at `port`, instead of `tls`."""
        self.served_port = self.port
        self._fronts: list[TLSFront] = []
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None

    def start(self, app: Any) -> None:
        self._thread = threading.Thread(target=self._run, args=(app,), name=f"provider-{self.port}", daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the test provider did not start")

    def add_front(self, context: ssl.SSLContext) -> int:
        """Another TLS front of the running server; its port."""
        self._fronts.append(TLSFront(context, self.served_port))
        return self._fronts[-1].port

    def stop(self) -> None:
        for front in self._fronts:
            front.stop()
        if self._thread is None:
            self._socket.close()
        else:
            self.loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
        self.loop.close()

    def call(self, function: Callable[[], Result]) -> Result:
        """Run `function` in the server's loop, where the provider's state belongs, and return its result."""
        if self._thread is None:
            return function()

        async def inside() -> Result:
            return function()

        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(10)

    def _run(self, app: Any) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve(app))

    async def _serve(self, app: Any) -> None:
        runner = web.ServerRunner(web.Server(_handler(app), access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        served = self._socket
        if self.front is not None:
            served = socket.create_server(("127.0.0.1", 0), backlog=512)
            self.served_port = served.getsockname()[1]
            self._fronts.append(TLSFront(self.front, self.served_port, self._socket))
        await web.SockSite(runner, served, ssl_context=self.tls).start()
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()


def _handler(app: Any) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        answer = _Answer(request)
        body = await request.read()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            await app(_scope(request), receive, answer.send)
        except ConnectionDropped:
            if request.transport is not None:
                request.transport.abort()
        return answer.response

    return handle


def _scope(request: web.BaseRequest) -> dict[str, Any]:
    path, _, query = request.raw_path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.url.path,
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
        "state": {},
        # Not of ASGI: what the peer proved in TLS, or None.
        "peer_certificate": request.transport.get_extra_info("peercert") if request.transport else None,
    }


class _Answer:
    """ASGI's messages as an aiohttp response: whole if it comes whole, else streamed."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self._status = 500
        self._headers: CIMultiDict[str] = CIMultiDict()
        self.response: web.StreamResponse = web.Response(status=500)

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers.extend(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]
            )
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self.response.prepared:
            await self.response.write(body)
        elif more:
            self.response = web.StreamResponse(status=self._status, headers=self._headers)
            await self.response.prepare(self._request)
            await self.response.write(body)
        else:
            self.response = web.Response(status=self._status, headers=self._headers, body=body)
