"""`python -m benchmarks.processes`: one, two and four API processes, and workers, over one database.

Nothing is pinned: the processes share the machine's cores with PostgreSQL, Valkey, the load and the provider, as on one machine
that does everything. API processes are granian servers of one worker, and each is asked by a load of its own. Workers are
`identity-api worker`; every identity is due at once and its token rotates, so that work done twice would be seen by the
provider as a token that was presented again.

Settings by environment: BENCH_PROCESSES ("1,2,4"), BENCH_USERS (20000), BENCH_SECONDS (5), BENCH_PEOPLE (5000).
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import asyncpg
import msgspec

from benchmarks import cases, machine
from benchmarks.cases import PRODUCT, Keys
from benchmarks.data import Tenant, build
from benchmarks.load import Job, Result
from benchmarks.servers import Server, application
from benchmarks.services import Services, running_services
from benchmarks.sync import __main__ as syncing
from benchmarks.sync import provider
from benchmarks.sync.provider import Mode
from identity_api.db.database import Database
from identity_api.db.migrate import migrate

NUMBERS = [int(number) for number in os.environ.get("BENCH_PROCESSES", "1,2,4").split(",")]
USERS = int(os.environ.get("BENCH_USERS", "20000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
CASES = ("viewer", "page of 50")
CONNECTIONS = 16
"""Of each API process."""
START_SECONDS = 12.0
"""From the start of the workers to the moment at which everybody is due."""
AT_MOST_SECONDS = 300


def load_all(servers: list[Server], requests: list[bytes], seconds: float) -> list[Result]:
    """Each server asked by a process of its own, all at once."""
    loads = []
    for place, server in enumerate(servers):
        turned = requests[place :: len(servers)]
        load = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert load.stdin is not None
        load.stdin.write(msgspec.json.encode(Job(server.port, CONNECTIONS, seconds, turned)))
        load.stdin.close()
        loads.append(load)
    found = []
    for load in loads:
        assert load.stdout is not None
        found.append(msgspec.json.decode(load.stdout.read(), type=Result))
        load.wait()
    return found


async def _tenant(url: str) -> Tenant:
    await migrate(url)
    database = Database(url, pool_size=2)
    await database.open()
    async with database.reading() as connection:
        tenant = await build(connection, USERS)
    await database.close()
    return tenant


async def _connections(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        number: int = await connection.fetchval(
            "select count(*) from pg_stat_activity where application_name = 'identity-api'"
        )
    finally:
        await connection.close()
    return number


def measure_api(services: Services) -> Iterator[str]:
    """A row for each number of processes and case."""
    tenant = asyncio.run(_tenant(services.database_url))
    asked = cases.cases(Keys(tenant, services.vault, {}))
    yield "| API processes | what | requests/s | ms p50 / p99 | connections |"
    yield "| --- | --- | --- | --- | --- |"
    for number in NUMBERS:
        servers = [application(PRODUCT, services.environment) for _ in range(number)]
        try:
            for case in CASES:
                requests = asked[case][PRODUCT]
                load_all(servers, requests, 1.0)
                found = load_all(servers, requests, SECONDS)
                assert not sum([one.failures for one in found])
                rate = sum([one.answers / one.seconds for one in found])
                p50, p99 = max([one.median_ms for one in found]), max([one.p99_ms for one in found])
                used = asyncio.run(_connections(services.database_url))
                yield f"| {number} | {case} | {rate:,.0f} | {p50:.1f} / {p99:.1f} | {used} |"
        finally:
            for server in servers:
                server.stop()


@contextlib.contextmanager
def workers(number: int, environment: dict[str, str]) -> Iterator[list[int]]:
    """So many of them, by their process ids, until the block ends."""
    running = [
        subprocess.Popen([sys.executable, "-m", "identity_api", "worker"], env=environment, stderr=subprocess.DEVNULL)
        for _ in range(number)
    ]
    try:
        yield [one.pid for one in running]
    finally:
        for one in running:
            one.terminate()
        for one in running:
            one.wait(60)


async def _sync_all(bench: syncing.Bench, number: int) -> str:
    connection = await asyncpg.connect(bench.services.database_url)
    bench.begin(Mode(rotates=True), bench.crowds["one"])
    await connection.execute("update identity_sync set due_at = null")
    providers = [crowd.provider_id for crowd in bench.crowds["one"]]
    with workers(number, bench.services.environment) as pids:
        due = await connection.fetchval("select now() + make_interval(secs => $1)", START_SECONDS)
        people = "from identity_sync where provider_id = any($1::uuid[])"
        await connection.execute(
            f"update identity_sync set due_at = $2 where id in (select id {people})", providers, due, timeout=60
        )
        total = await connection.fetchval(f"select count(*) {people}", providers)
        await asyncio.sleep(START_SECONDS - 1)
        before = machine.worked([one for pid in pids for one in machine.tree(pid)])
        synced, ends_at = 0, time.perf_counter() + AT_MOST_SECONDS
        while synced < total and time.perf_counter() < ends_at:
            await asyncio.sleep(0.5)
            synced = await connection.fetchval(f"select count(*) {people} and verified_at >= $2", providers, due)
        used = machine.seconds_between(before, machine.worked([one for pid in pids for one in machine.tree(pid)]))
    seconds = await connection.fetchval(
        f"select extract(epoch from max(verified_at) - $2)::float8 {people} and verified_at >= $2", providers, due
    )
    await connection.close()
    counts = msgspec.json.decode(bench.ask("/counts"), type=provider.Counts)
    rates = f"{synced / seconds:,.0f} | {synced / used:,.0f}"
    return f"| {number} | {rates} | {synced:,} of {total:,} | {counts.refreshes:,} | {counts.lost} |"


def measure_workers(services: Services, port: int) -> Iterator[str]:
    """A row for each number of processes."""
    bench = syncing.Bench(services, port)
    asyncio.run(bench.prepare())
    yield "| workers | identities/s | a second of their CPU | synced | asked | tokens presented again |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for number in NUMBERS:
        yield asyncio.run(_sync_all(bench, number))


def main() -> None:
    """Both tables."""
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}\n", flush=True)
    with running_services(LOG_LEVEL="error") as services:
        for line in measure_api(services):
            print(line, flush=True)
    print()
    with (
        syncing.running_provider() as port,
        running_services(LOG_LEVEL="error", OUTBOUND_ALLOW=f"127.0.0.1:{port}") as services,
    ):
        for line in measure_workers(services, port):
            print(line, flush=True)


if __name__ == "__main__":
    main()
