"""`python -m benchmarks.streams`: what open subscriptions cost one API process, in memory and in processor time.

The server it ships with, one process, and so many streams of one tenant's viewers as BENCH_STREAMS says (1000), two for each
user. Printed are the memory of a stream; the processor time of a second in which nothing happens; and that of each stream that
looks again: when its own user has changed, after a change for everybody of which it selects nothing, and after a mapping that
gives everybody a permission, when each gets a result. PostgreSQL's part of the last has the writing of all those grants in it.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
import uvloop

from benchmarks import machine
from benchmarks.cases import PRODUCT
from benchmarks.data import VIEWERS, Tenant, build
from benchmarks.servers import Server, application
from benchmarks.services import Services, running_services
from identity_api.claims import MatchKind
from identity_api.db import outbox
from identity_api.db.database import Database
from identity_api.db.migrate import migrate
from identity_api.group_mappings import edit
from identity_api.group_mappings.rules import Rule
from identity_api.ids import token_hash
from identity_api.permissions.delegation import Actor
from tests import factories as make

STREAMS = int(os.environ.get("BENCH_STREAMS", "1000"))
USERS = 2_000
QUIET_SECONDS = 15.0
WAKES = 50
LIVE = "subscription { viewer { permissions { name } user { displayLabel email groups { name } } } }"


class Streams:
    """Open connections. `results` have come on all of them together."""

    def __init__(self, port: int) -> None:
        self._port, self.results = port, 0
        self._reading: list[asyncio.Task[None]] = []

    async def open(self, token: str) -> None:
        """One more, from its first result on."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        body = msgspec.json.encode({"query": LIVE})
        lines = ("POST /graphql HTTP/1.1", "host: 127.0.0.1:8000", f"authorization: Bearer {token}")
        lines += ("accept: text/event-stream", "content-type: application/json", f"content-length: {len(body)}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        before = self.results
        self._reading.append(asyncio.create_task(self._read(reader, writer)))
        await asyncio.wait_for(self.until(before + 1), 60)

    async def until(self, results: int) -> None:
        """Until so many have come."""
        while self.results < results:
            assert not [one for one in self._reading if one.done()], "a stream was ended"
            await asyncio.sleep(0.005)

    def close(self) -> None:
        """Hang up."""
        for one in self._reading:
            one.cancel()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.results += line.startswith(b"event: next")
        finally:
            writer.close()


class Costs:
    """Processor time of the API and of PostgreSQL."""

    def __init__(self, server: Server, postgres: int) -> None:
        self._server, self._postgres = server, postgres

    def now(self) -> tuple[dict[int, int], dict[int, int]]:
        """So far."""
        return machine.worked(self._server.processes()), machine.worked(machine.tree(self._postgres))

    async def of(self, work: Callable[[], Awaitable[object]]) -> tuple[float, float, float]:
        """Milliseconds of the API and of PostgreSQL until half a second after the work; and the work's own seconds."""
        (api, database), begun = self.now(), time.monotonic()
        await work()
        took = time.monotonic() - begun
        await asyncio.sleep(0.5)
        api_after, database_after = self.now()
        between = machine.seconds_between
        return between(api, api_after) * 1_000, between(database, database_after) * 1_000, took


async def measure(database: Database, tenant: Tenant, server: Server, postgres: int) -> None:
    """Open them, and measure."""
    woken = tenant.viewer_tokens[1 : WAKES + 1]
    async with database.reading() as connection:
        rows = await connection.fetch(
            "select user_id from session where tenant_id = $1 and token_hash = any($2)",
            tenant.id,
            [token_hash(token) for token in woken],
        )
    streams, costs = Streams(server.port), Costs(server, postgres)
    await streams.open(tenant.viewer_tokens[0])
    before = server.megabytes()
    wakes = 0
    for number in range(1, STREAMS):
        token = tenant.viewer_tokens[number % VIEWERS]
        wakes += token in woken
        await streams.open(token)
    print(f"a stream's memory           {(server.megabytes() - before) * 1_024 / (STREAMS - 1):8.1f} KB", flush=True)

    async def tell(users: list[UUID] | None) -> None:
        async with database.transaction() as connection:
            await outbox.record(connection, tenant.id, "user.permissions_changed", users)

    async def wait() -> None:
        await asyncio.sleep(QUIET_SECONDS)

    api, stored, took = await costs.of(wait)
    seconds = took + 0.5
    print(f"a second without a change   {api / seconds:8.1f} ms API {stored / seconds:8.1f} ms PostgreSQL", flush=True)
    quiet = api / seconds, stored / seconds

    def told(name: str, found: tuple[float, float, float], wakes: int) -> None:
        own = [used - idle * (found[2] + 0.5) for used, idle in zip(found[:2], quiet, strict=True)]
        each = [max(0.0, used) / wakes for used in own]
        print(
            f"{name:<27} {each[0]:8.3f} ms API {each[1]:8.3f} ms PostgreSQL, each of {wakes} wakes; {found[2]:.1f} s",
            flush=True,
        )

    async def one_by_one() -> None:
        for row in rows:
            await tell([row["user_id"]])
            await asyncio.sleep(0.45)  # so that each is read by itself

    told("a change of one user", await costs.of(one_by_one), wakes)

    async def nothing_new() -> None:
        await tell(None)
        await asyncio.sleep(4)

    told("for everybody, unseen", await costs.of(nothing_new), STREAMS)
    operator = Actor(tenant.id, None, "operator:bench", frozenset())

    async def new() -> None:
        results = streams.results
        await edit.make(database, operator, Rule(None, "group-*", MatchKind.GLOB, (permission,)))
        await asyncio.wait_for(streams.until(results + STREAMS), 120)

    async with database.transaction() as connection:
        permission = await make.make_permission(connection, tenant.id, "spare:read")
    told("for everybody, seen", await costs.of(new), STREAMS)
    print(f"load average {machine.load_average():.1f}, memory of the API {server.megabytes():.0f} MB", flush=True)
    streams.close()


async def main(services: Services) -> None:
    """Build the tenant, start the server, and measure."""
    await migrate(services.database_url)
    database = Database(services.database_url, pool_size=4)
    await database.open()
    async with database.reading() as connection:
        tenant = await build(connection, USERS)
    server = application(PRODUCT, services.environment)
    try:
        await measure(database, tenant, server, services.postgres)
    finally:
        server.stop()
        await database.close()


if __name__ == "__main__":
    # A tenant has half of the streams.
    with running_services(PUBLIC_URL="http://127.0.0.1:8000", MAX_STREAMS=str(2 * STREAMS)) as found:
        uvloop.run(main(found))
