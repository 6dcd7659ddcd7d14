"""Programs of the distribution, run in front of what a test listens with."""

import contextlib
import http.server
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
START_SECONDS = 20.0


@contextlib.contextmanager
def running(command: Sequence[str], port: int, folder: Path, **environment: str) -> Iterator[None]:
    """The program, from the moment in which it accepts connections until the block ends."""
    output = folder / "program.log"
    with output.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None, output.read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def wait_for_certificate(port: int) -> None:
    """Wait until a server that makes its own certificates has one: it accepts connections before."""
    anything = ssl.create_default_context()
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            anything.wrap_socket(connection, server_hostname="localhost").close()
            return
        assert time.monotonic() < deadline, "There is no certificate."
        time.sleep(0.05)


class Upstream:
    """Answers 200 to everything, and keeps the requests as ASGI scopes."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []


@contextlib.contextmanager
def upstream() -> Iterator[tuple[int, Upstream]]:
    """A server on loopback; (port, what arrived)."""
    kept = Upstream()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
            if not self.path.startswith("/health/"):
                kept.scopes.append(
                    {"scheme": "http", "client": self.client_address, "headers": headers, "path": self.path}
                )
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port, kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
