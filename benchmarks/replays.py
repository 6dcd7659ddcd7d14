"""`python -m benchmarks.replays`: the processor time of one replayed logout token (promise 18).

In the process, by the real ASGI application; and through the server it ships with, beside a bare application on the same
server, so that the difference is ours. Many short batches: the cheapest is what a busy neighbour has not touched.
"""

import asyncio
import base64
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from identity_api.app import build_api
from identity_api.config import load_settings
from identity_api.db.database import Database
from identity_api.db.migrate import migrate
from identity_api.embedded.services import start_services
from identity_api.telemetry import configure_logging
from identity_api.vault import Vault
from tests.openid_provider import RunningProvider
from tests.web.logouts import backchannel_path, token_for
from tests.web.site import PUBLIC_URL, Site, make_site, running

BATCHES, PER_BATCH, CONNECTIONS = 30, 480, 8
FORM = "application/x-www-form-urlencoded"


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """What any application on this server costs: it reads a body and answers."""
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                return
    await receive()
    await send({"type": "http.response.start", "status": 429, "headers": [(b"content-length", b"180")]})
    await send({"type": "http.response.body", "body": b"x" * 180})


async def in_process(app: Any, path: str, host: str, body: bytes) -> None:
    """One request, without a server."""
    headers = [(b"host", host.encode()), (b"content-type", FORM.encode()), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "client": ("203.0.113.7", 5),
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_event: dict[str, Any]) -> None:
        return

    await app(scope, receive, send)


def processor_ms(pid: int) -> float:
    """Of a process, its threads and its children, so far (Linux)."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0]) / 1e6
        total += sum([processor_ms(int(child)) for child in (task / "children").read_text().split()])
    return total


async def drive(port: int, request: bytes, count: int) -> None:
    """One connection, one request after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
    writer.close()


@contextmanager
def served(target: str, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Granian with one worker; its process id and port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    arguments = ["--interface", "asgi", "--loop", "uvloop", "--no-ws", "--log-level", "error", "--port", str(port)]
    factory = ["--factory"] if target.endswith("create_app") else []
    with subprocess.Popen(
        [sys.executable, "-m", "granian", *arguments, *factory, target],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait(port)
            yield process.pid, port
        finally:
            process.terminate()


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("a server did not start")


async def measure(name: str, batch: Callable[[], Awaitable[None]], spent: Callable[[], float], size: int) -> None:
    """Print the cheapest and the median batch, for one request."""
    await batch()
    costs = []
    for _ in range(BATCHES):
        before = spent()
        await batch()
        costs.append((spent() - before) / size)
    print(f"{name:<36} {min(costs):.3f} ms  median {statistics.median(costs):.3f} ms")


async def measure_all(site: Site, environment: dict[str, str]) -> None:
    """Use a token, and then replay it."""
    path, host = backchannel_path(site.provider), site.host
    body = urlencode({"logout_token": token_for(site, sid="x" * 32)}).encode()

    async def replays() -> None:
        for _ in range(PER_BATCH):
            await in_process(site.app, path, host, body)

    await measure("in the process", replays, lambda: time.thread_time() * 1_000, PER_BATCH)
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {FORM}\r\ncontent-length: {len(body)}\r\n\r\n"
    request = head.encode() + body
    for name, target in (
        ("through Granian", "identity_api.app:create_app"),
        ("a bare application on Granian", "benchmarks.replays:bare"),
    ):
        with served(target, environment) as (pid, port):

            async def flood(port: int = port) -> None:
                await asyncio.gather(*[drive(port, request, PER_BATCH // CONNECTIONS) for _ in range(CONNECTIONS)])

            await measure(name, flood, lambda pid=pid: processor_ms(pid), PER_BATCH)


async def main(database_url: str, redis_url: str) -> None:
    """Build one tenant on real services, and measure."""
    await migrate(database_url)
    with RunningProvider() as idp:
        environment = {
            "HOME": "/nonexistent",
            "IDENTITY_DATABASE_URL": database_url,
            "IDENTITY_REDIS_URL": redis_url,
            "IDENTITY_PUBLIC_URL": PUBLIC_URL,
            "IDENTITY_OUTBOUND_ALLOW": f"127.0.0.1:{idp.port}",
            "IDENTITY_SECRET_KEYS": "bench:" + base64.b64encode(os.urandom(32)).decode(),
        }
        settings = load_settings(environment)
        database = Database(database_url)
        await database.open()
        app = build_api(settings)
        async with running(app):
            await measure_all(await make_site(app, database, Vault(settings.secret_keys), idp), environment)
        await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="identity-api-replays-") as folder:
        Path(folder).chmod(0o711)
        with start_services(Path(folder), fast=True) as services:
            assert services.database_url is not None
            assert services.redis_url is not None
            with Path(os.devnull).open("w") as nowhere:
                configure_logging("json", stream=nowhere)
                asyncio.run(main(services.database_url, services.redis_url))
