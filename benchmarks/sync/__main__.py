"""`make bench-sync`: one worker on one core, provider and database on the other; every mode beside its floor.

Settings by environment: BENCH_PEOPLE (5000; of each of three sets), BENCH_SECONDS (10, at most for each mode), BENCH_MODES
(all; names separated by commas), BENCH_QUEUE (20000 due identities for the claim; 0 for none).
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import asyncpg
import msgspec

from benchmarks.services import Services, running_services
from benchmarks.sync import floor, provider, queue, worker
from benchmarks.sync.data import Crowd, build_tenant, finish
from benchmarks.sync.provider import Mode
from identity_api.db.migrate import migrate
from identity_api.db.providers import Provider
from tests.ports import free_port

PEOPLE = int(os.environ.get("BENCH_PEOPLE", "5000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
QUEUE = int(os.environ.get("BENCH_QUEUE", "20000"))
MODES = tuple(filter(None, os.environ.get("BENCH_MODES", "").split(",")))
WORKER_CORE, OTHER_CORE = 0, 1
SIGNED_AT_MOST = 40_000
SETS = 10
"""Providers of the set with several, and tenants of the set with several."""


PLACES: int = next(field.default for field in msgspec.structs.fields(Provider) if field.name == "max_concurrent")
"""`max_concurrent` of a provider that says nothing."""


class Scenario(msgspec.Struct, frozen=True):
    """One row of the table."""

    mode: Mode
    crowd: str = "one"
    concurrency: int | None = None
    """`IDENTITY_SYNC_CONCURRENCY` and `max_concurrent`; None for what they are by default."""
    has_floor: bool = True
    is_refused: bool = False


SLOW = (0.005, 0.8)
SCENARIOS = {
    "nothing changed": Scenario(Mode()),
    "tokens rotate": Scenario(Mode(rotates=True)),
    "10 % change groups": Scenario(Mode(moving=10)),
    "no ID Token": Scenario(Mode(has_id_tokens=False)),
    "10 providers": Scenario(Mode(rotates=True), "providers", has_floor=False),
    "10 tenants": Scenario(Mode(rotates=True), "tenants", has_floor=False),
    "5-800 ms and 1 % fail": Scenario(Mode(rotates=True, seconds=SLOW, failing=0.01)),
    "the same with 500 places": Scenario(Mode(rotates=True, seconds=SLOW, failing=0.01), concurrency=500),
    "40 a second allowed": Scenario(Mode(rotates=True, rate=40), has_floor=False, is_refused=True),
    "always 503": Scenario(Mode(failing=1.0), has_floor=False, is_refused=True),
}


class Bench:
    """The parts of one run."""

    def __init__(self, services: Services, port: int) -> None:
        self.services, self.base = services, f"http://127.0.0.1:{port}"
        self.crowds: dict[str, list[Crowd]] = {}

    async def prepare(self) -> None:
        """Three sets of people: at one provider, at ten providers of a tenant, and at one of each of ten tenants."""
        await migrate(self.services.database_url)
        connection, vault = await asyncpg.connect(self.services.database_url), self.services.vault
        await connection.execute("create table bench_person (id uuid primary key, number integer not null)")
        each = PEOPLE // SETS
        places = [(1 + place, PEOPLE + place * each, PEOPLE + (place + 1) * each) for place in range(2 * SETS)]
        first, second = places[:SETS], places[SETS:]
        self.crowds["one"] = await build_tenant(connection, vault, self.base, [(0, 0, PEOPLE)])
        self.crowds["providers"] = await build_tenant(connection, vault, self.base, first)
        self.crowds["tenants"] = [
            crowd for place in second for crowd in await build_tenant(connection, vault, self.base, [place])
        ]
        await finish(connection)
        await connection.close()

    def begin(self, mode: Mode, crowds: list[Crowd]) -> None:
        """Have the provider answer so."""
        people = [(one.issuer, one.first, min(one.last, one.first + SIGNED_AT_MOST)) for one in crowds]
        self.ask("/begin", msgspec.json.encode(provider.Begin(mode, people)))

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        """A request to the provider itself."""
        answer: bytes = urllib.request.urlopen(self.base + path, data=body, timeout=300).read()
        return answer

    def run(self, module: str, job: Any, kind: type[Any], **settings: str) -> Any:
        """A measuring process."""
        command = [sys.executable, "-m", f"benchmarks.sync.{module}"]
        environment = {**self.services.environment, **settings}
        done = subprocess.run(
            command, input=msgspec.json.encode(job), stdout=subprocess.PIPE, check=True, env=environment, timeout=600
        )
        return msgspec.json.decode(done.stdout, type=kind)

    async def allow(self, concurrency: int | None) -> None:
        """So many syncs of each provider at a time."""
        connection = await asyncpg.connect(self.services.database_url)
        await connection.execute("update provider set max_concurrent = $1", concurrency or PLACES)
        await connection.close()

    def measure(self, scenario: Scenario) -> tuple[worker.Result, provider.Counts, floor.Result | None]:
        """One mode."""
        crowds = self.crowds[scenario.crowd]
        asyncio.run(self.allow(scenario.concurrency))
        found = None
        if scenario.has_floor:
            self.begin(msgspec.structs.replace(scenario.mode, rotates=False), crowds)
            places = scenario.concurrency or PLACES
            people = min(SIGNED_AT_MOST, crowds[0].last)
            job = floor.Job(f"{self.base}/p0", people, places, min(4.0, SECONDS), WORKER_CORE)
            found = self.run("floor", job, floor.Result)
        self.begin(scenario.mode, crowds)
        settings = {} if scenario.concurrency is None else {"IDENTITY_SYNC_CONCURRENCY": str(scenario.concurrency)}
        job = worker.Job(crowds, SECONDS * (3 if scenario.is_refused else 1), WORKER_CORE, scenario.is_refused)
        result = self.run("worker", job, worker.Result, **settings)
        return result, msgspec.json.decode(self.ask("/counts"), type=provider.Counts), found


def row(name: str, result: worker.Result, counts: provider.Counts, found: floor.Result | None) -> str:
    """A row of the table."""
    rate, core_rate = result.synced / result.seconds, result.synced / result.cpu_seconds
    of_floor = "- | -"
    if found is not None:
        floor_rate = found.synced / found.cpu_seconds
        of_floor = f"{found.synced / found.seconds:,.0f} / {floor_rate:,.0f} | {core_rate / floor_rate:.2f}"
    each = max(1, result.synced)
    return (
        f"| {name} | {rate:,.0f} / {core_rate:,.0f} | {of_floor} | {result.statements / each:.2f} /"
        f" {result.round_trips / each:.2f} | {result.mib_before:.0f} -> {result.mib_after:.0f} |"
        f" {counts.refreshes / result.seconds:,.0f} | {counts.refused} | {counts.lost} |"
    )


def split_row(name: str, result: worker.Result) -> str:
    """Microseconds of processor time an identity, by part."""
    each = 1e6 * result.cpu_seconds / max(1, result.synced)
    parts = ", ".join([f"{part} {share * each:.0f}" for part, share in result.split.items()])
    outcomes = ", ".join([f"{count} {name}" for name, count in sorted(result.outcomes.items())])
    return f"{name}: {each:.0f} = {parts} ({outcomes})"


@contextlib.contextmanager
def running_provider() -> Iterator[int]:
    """A provider on a free port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.sync.provider", str(port)])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/counts", timeout=1)
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def main() -> None:
    os.sched_setaffinity(0, {OTHER_CORE})
    with (
        running_provider() as port,
        running_services(LOG_LEVEL="error", OUTBOUND_ALLOW=f"127.0.0.1:{port}") as services,
    ):
        bench = Bench(services, port)
        print(f"Writing {3 * PEOPLE:,} people ...", file=sys.stderr, flush=True)
        asyncio.run(bench.prepare())
        print(f"{PEOPLE:,} due, {PLACES} places unless it says otherwise; load {os.getloadavg()[0]:.1f}\n")
        print("| mode | a second, of CPU | floor | of floor | statements, round trips | MiB | asked/s | 429 | lost |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
        splits = []
        for name, scenario in SCENARIOS.items():
            if MODES and name not in MODES:
                continue
            result, counts, found = bench.measure(scenario)
            print(row(name, result, counts, found), flush=True)
            splits.append(split_row(name, result))
        print("\nMicroseconds of CPU an identity:\n\n" + "\n".join(splits))
        if QUEUE:
            print("\n" + asyncio.run(queue.measure(services.database_url, QUEUE)))


if __name__ == "__main__":
    main()
