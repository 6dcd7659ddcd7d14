"""Requests that never become whole: one client with a thousand of them keeps nobody else out."""

import contextlib
import socket
import time
from collections.abc import Iterator

from tests.cli.conftest import Command
from tests.cli.test_serve import ready, running
from tests.ports import free_port

HALF_HEAD = b"POST /v1/auth/token HTTP/1.1\r\nHost: id.example.com\r\n"
HALF_BODY = HALF_HEAD + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
WHOLE = HALF_HEAD + b"Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n\r\n"
ATTACKER, OTHER = "127.0.0.1", "127.0.0.2"


def connect(port: int, address: str, said: bytes) -> socket.socket:
    """A connection from this address, on which this much has been sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(address, 0))
    connection.sendall(said)
    return connection


def answer(connection: socket.socket) -> bytes:
    """The status line, or nothing if the server closes without a word."""
    with connection:
        return connection.recv(4_096).partition(b"\r\n")[0]


@contextlib.contextmanager
def held(port: int, number: int, said: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect(port, ATTACKER, said)) for _ in range(number)]


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return bool(connection.recv(4_096)) and is_open(connection)
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_a_client_with_a_thousand_half_open_requests_keeps_nobody_else_out(command: Command) -> None:
    """Half a head is given up after ten seconds. Of the bodies that one address sends, no more than 64 are waited for."""
    port = free_port()
    command.env["IDENTITY_PORT"] = str(port)
    with running(command, "serve") as process:
        ready(port, process)
        with held(port, 1_100, HALF_HEAD) as connections:
            assert answer(connect(port, OTHER, WHOLE)) == b"HTTP/1.1 400 Bad Request"
            deadline = time.monotonic() + 60  # the ten seconds, on a busy machine
            while any(is_open(one) for one in connections):
                assert time.monotonic() < deadline
                time.sleep(0.5)
        with held(port, 1_100, HALF_BODY) as connections:
            assert answer(connect(port, OTHER, LIVE)) == b"HTTP/1.1 200 OK"
            deadline = time.monotonic() + 10  # less than a body is waited for
            while len([one for one in connections if is_open(one)]) > 64:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            assert answer(connect(port, ATTACKER, HALF_BODY)) == b"HTTP/1.1 429 Too Many Requests"
            assert answer(connect(port, OTHER, WHOLE)) == b"HTTP/1.1 400 Bad Request"
            for one in connections:
                one.close()
            deadline = time.monotonic() + 10
            while answer(connect(port, ATTACKER, WHOLE)) != b"HTTP/1.1 400 Bad Request":
                assert time.monotonic() < deadline
                time.sleep(0.2)
