"""A small HTTP listener for a process that serves nothing else: `/metrics`, and `/health/live`.

It answers from threads of its own, so that a scrape is answered while the event loop is busy.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from identity_api.telemetry.metrics import Metrics

REQUEST_SECONDS = 5
"""How long a client may take to send its request."""

_TEXT = ("Content-Type", "text/plain; charset=utf-8")
Start = Callable[[str, list[tuple[str, str]]], Any]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Without WSGIServer's look-up of the host's name, which uses DNS."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a scrape every few seconds needs no line."""


@contextlib.contextmanager
def listening(host: str, port: int, metrics: Metrics, *, is_alive: Callable[[], bool]) -> Iterator[int]:
    """Listen while the block runs; yields the port (a free one for port 0).

    Args:
        is_alive: whether the process works. While it does not, `/health/live` answers 503.

    Raises:
        OSError: the address cannot be listened on.
    """

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path, is_read = environ["PATH_INFO"], environ["REQUEST_METHOD"] in ("GET", "HEAD")
        if path == "/metrics" and is_read:
            body, media_type = metrics.render()
            start("200 OK", [("Content-Type", media_type)])
        elif path == "/health/live" and is_read:
            alive = is_alive()
            start("200 OK" if alive else "503 Service Unavailable", [_TEXT])
            body = b"ok\n" if alive else b"This worker has not looked for due identities for too long.\n"
        else:
            start("404 Not Found", [_TEXT])
            body = b"There is nothing at this address. /metrics and /health/live are here.\n"
        return [body] if environ["REQUEST_METHOD"] != "HEAD" else []

    kind = _Server6 if ":" in host else _Server
    server = make_server(host, port, answer, server_class=kind, handler_class=_Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
