"""The API under the server it ships with, behind a proxy that ends TLS, as a browser on any of its hosts meets it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from identity_api.ids import uuid7
from tests.ports import free_port

START_SECONDS = 30.0


class Proxy(httpx.AsyncBaseTransport):
    """What stands before the API: any https host leads to its port, and the scheme is told in a header."""

    def __init__(self, port: int) -> None:
        self._port = port
        # No connection outlives its request, so that browsers need not be closed.
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))
        # One address per browser, so that limits of one are not another's.
        number = uuid7().int
        self._address = f"203.{number >> 8 & 255}.{number >> 16 & 255}.{number & 255}"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = [*request.headers.raw, (b"x-forwarded-proto", b"https"), (b"x-forwarded-for", self._address.encode())]
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        passed_on = httpx.Request(request.method, url, headers=headers, stream=request.stream)
        return await self._inner.handle_async_request(passed_on)

    async def aclose(self) -> None:
        await self._inner.aclose()


@contextmanager
def running_server(environ: Mapping[str, str], output: Path, *, certificate: str | None = None) -> Iterator[int]:
    """Start it with these settings, and stop it at the end; its port. What it writes goes to `output`.

    With `certificate`, a file with a certificate and its key, it speaks TLS.
    """
    port = free_port()
    arguments = ["--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--factory"]
    if certificate is not None:
        arguments += ["--ssl-certificate", certificate, "--ssl-keyfile", certificate]
    with (
        output.open("wb") as written,
        subprocess.Popen(
            [sys.executable, "-m", "granian", *arguments, "identity_api.app:create_app"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **environ},
            stdout=written,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait_until_ready(f"{'http' if certificate is None else 'https'}://127.0.0.1:{port}", output)
            yield port
        finally:
            process.terminate()


def _wait_until_ready(origin: str, output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(f"{origin}/health/ready", trust_env=False, verify=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, output.read_text()[-4_000:]
        time.sleep(0.1)
