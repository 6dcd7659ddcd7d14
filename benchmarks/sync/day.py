"""`python -m benchmarks.sync.day`: does `identity_sync` grow with the syncs of a day?

One worker syncs people again and again while PostgreSQL's autovacuum runs beside it. Everything is sixty times faster than
outside: a pause of 5 seconds stands for the 5 minutes between two syncs, a nap of autovacuum of 1 second for its minute. So
as many row versions are made between two visits of autovacuum as in a real day.

Settings by environment: BENCH_PEOPLE (2000), BENCH_CYCLES (288 syncs of everybody, which are a day).
"""

import asyncio
import os
import subprocess
import sys
import time
import urllib.request

import asyncpg
import msgspec

from benchmarks.services import Services, running_services
from benchmarks.sync import provider
from benchmarks.sync.__main__ import running_provider
from benchmarks.sync.data import build_tenant, finish, make_due
from benchmarks.sync.provider import Mode
from identity_api.db.migrate import migrate

PEOPLE = int(os.environ.get("BENCH_PEOPLE", "2000"))
CYCLES = int(os.environ.get("BENCH_CYCLES", "288"))
PAUSE_SECONDS, NAP_SECONDS = 5, 1
LOOKS = 8
TABLES = ("identity_sync", "identity", "refresh_token", "app_user")

_SIZES = """
select c.relname as name, pg_table_size(c.oid) as bytes, pg_indexes_size(c.oid) as index_bytes,
    s.n_tup_upd as updates, s.n_tup_hot_upd as hot, s.n_dead_tup as dead
from pg_class c join pg_stat_user_tables s on s.relid = c.oid where c.relname = any($1)
"""


class Size(msgspec.Struct, frozen=True):
    """What a table takes, and how it was written to."""

    bytes: int
    index_bytes: int
    updates: int
    hot: int
    dead: int


async def sizes(connection: asyncpg.Connection) -> dict[str, Size]:
    """Of each table."""
    rows = await connection.fetch(_SIZES, list(TABLES))
    return {row["name"]: Size(*[row[name] for name in Size.__struct_fields__]) for row in rows}


async def prepare(services: Services, base: str) -> asyncpg.Connection:
    """Everybody has signed in and is due now."""
    await migrate(services.database_url)
    connection = await asyncpg.connect(services.database_url)
    await connection.execute("create table bench_person (id uuid primary key, number integer not null)")
    crowds = await build_tenant(connection, services.vault, base, [(0, 0, PEOPLE)])
    await finish(connection)
    await connection.execute(f"alter system set autovacuum_naptime = '{NAP_SECONDS}s'")
    await connection.execute("select pg_reload_conf()")
    await connection.execute("update provider set sync_interval_seconds = $1", PAUSE_SECONDS)
    await make_due(connection, crowds)
    await connection.execute("vacuum full identity_sync")
    return connection


async def measure(services: Services, base: str, begin: provider.Begin) -> None:
    """Prints a line for each part of the day."""
    connection = await prepare(services, base)
    await _asked(f"{base}/begin", msgspec.json.encode(begin))
    before = await sizes(connection)
    print(f"{PEOPLE:,} people, {CYCLES} syncs of each; load {os.getloadavg()[0]:.1f}\n")
    print("| syncs of each | identity_sync, times its size | its indexes | HOT | dead rows |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    worker = _start_worker(services)
    try:
        asked = 0
        for part in range(1, LOOKS + 1):
            asked = await _until_asked(base, PEOPLE * CYCLES * part // LOOKS, worker)
            now = await sizes(connection)
            old, new = before["identity_sync"], now["identity_sync"]
            updates = max(1, new.updates - old.updates)
            print(
                f"| {asked / PEOPLE:.0f} | {new.bytes / old.bytes:.2f} | {new.index_bytes / old.index_bytes:.2f} |"
                f" {(new.hot - old.hot) / updates:.0%} of {updates / asked:.1f} updates a sync | {new.dead:,} |",
                flush=True,
            )
    finally:
        worker.terminate()
        worker.wait(60)
    now = await sizes(connection)
    for name in TABLES[1:]:
        old, new = before[name], now[name]
        print(f"{name}: {new.bytes / old.bytes:.2f} times its size, indexes {new.index_bytes / old.index_bytes:.2f}")
    await connection.close()


async def _asked(url: str, body: bytes | None = None) -> bytes:
    def ask() -> bytes:
        with urllib.request.urlopen(url, data=body, timeout=300) as answer:
            found: bytes = answer.read()
        return found

    return await asyncio.to_thread(ask)


def _start_worker(services: Services) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "identity_api", "worker"], env=services.environment)


async def _until_asked(base: str, refreshes: int, worker: subprocess.Popen[bytes]) -> int:
    while worker.poll() is None:
        counts = msgspec.json.decode(await _asked(f"{base}/counts"), type=provider.Counts)
        if counts.refreshes >= refreshes:
            return counts.refreshes
        await asyncio.sleep(0.5)
    raise RuntimeError("The worker has ended.")


def main() -> None:
    with (
        running_provider() as port,
        running_services(LOG_LEVEL="error", OUTBOUND_ALLOW=f"127.0.0.1:{port}") as services,
    ):
        began = time.perf_counter()
        base = f"http://127.0.0.1:{port}"
        asyncio.run(measure(services, base, provider.Begin(Mode(rotates=True, moving=10), [(0, 0, PEOPLE)])))
        print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
