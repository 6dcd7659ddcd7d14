"""`python -m benchmarks.replays`: the processor time of one replayed logout token (promise 18).

In the process, by the real ASGI application; and through the server it ships with, beside a bare application on the same
server, so that the difference is ours. Many short batches: the cheapest is what a busy neighbour has not touched.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.cases import BARE, PRODUCT
from benchmarks.servers import application
from benchmarks.services import Services, running_services
from identity_api.app import build_api
from identity_api.config import load_settings
from identity_api.db.database import Database
from identity_api.db.migrate import migrate
from identity_api.telemetry import configure_logging
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


def create_bare() -> Any:
    """For the server's command."""
    return bare


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
    for name, said in ((PRODUCT, "through Granian"), (BARE, "a bare application on Granian")):
        server = application(name, environment)

        async def flood(port: int = server.port) -> None:
            await asyncio.gather(*[drive(port, request, PER_BATCH // CONNECTIONS) for _ in range(CONNECTIONS)])

        try:
            await measure(said, flood, lambda pid=server.pid: processor_ms(pid), PER_BATCH)
        finally:
            server.stop()


async def main(services: Services, idp: RunningProvider) -> None:
    """Build one tenant, and measure."""
    await migrate(services.database_url)
    database = Database(services.database_url)
    await database.open()
    app = build_api(load_settings(services.environment))
    async with running(app):
        await measure_all(await make_site(app, database, services.vault, idp), services.environment)
    await database.close()


if __name__ == "__main__":
    with (
        Path(os.devnull).open("w") as nowhere,
        RunningProvider() as asked,
        running_services(PUBLIC_URL=PUBLIC_URL, OUTBOUND_ALLOW=f"127.0.0.1:{asked.port}") as found,
    ):
        configure_logging("json", stream=nowhere)
        asyncio.run(main(found, asked))
