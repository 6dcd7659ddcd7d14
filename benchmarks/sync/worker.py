"""One worker's sweep, measured: a job as JSON on standard input, what came of it on standard output.

Run as a process of its own on a core of its own; what prepares the database is not counted.
"""

import asyncio
import gc
import os
import resource
import sys
import time
from collections import Counter
from typing import Any

import asyncpg
import msgspec
import uvloop

from benchmarks.sync.data import Crowd, make_due
from benchmarks.sync.split import Split
from identity_api.cli.worker import worker_deps
from identity_api.config import load_settings
from identity_api.sync.run import sweep
from identity_api.telemetry import configure_logging

WARM_EVERY = 25


class Job(msgspec.Struct):
    """Whose people to sync, and for how long at most."""

    crowds: list[Crowd]
    seconds: float
    core: int
    is_refused: bool = False
    """The provider refuses some or all: no warm-up, and a sweep each second, as the worker's ticker has it."""


class Result(msgspec.Struct):
    """What a sweep came to."""

    synced: int
    seconds: float
    cpu_seconds: float
    statements: int
    round_trips: int
    """Statements, and what begins and ends transactions."""
    mib_before: float
    mib_after: float
    outcomes: dict[str, int]
    split: dict[str, float]


class Counting:
    """Counts what goes to the database."""

    def __init__(self) -> None:
        self.statements = self.others = 0
        driver: Any = asyncpg.Connection
        run, execute = driver._execute, driver.execute

        async def counted(connection: Any, *arguments: Any, **options: Any) -> Any:
            self.statements += 1
            return await run(connection, *arguments, **options)

        async def counted_simple(connection: Any, query: str, *arguments: Any, **options: Any) -> Any:
            self.others += not arguments
            return await execute(connection, query, *arguments, **options)

        driver._execute, driver.execute = counted, counted_simple


def _mib() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


async def measure(job: Job) -> Result:
    """Sync a few people to warm up, then everybody, or as many as there is time for."""
    settings = load_settings(os.environ)
    configure_logging("json", "error")
    assert settings.database_url is not None
    url, counting, split = settings.database_url.reveal(), Counting(), Split()
    preparing = await asyncpg.connect(url)
    async with worker_deps(settings, url) as deps:
        await deps.database.open()
        await preparing.execute("delete from provider_breaker")
        if not job.is_refused:
            await make_due(preparing, job.crowds, every=WARM_EVERY)
            await sweep(deps)
        await make_due(preparing, job.crowds)
        gc.collect()
        gc.freeze()  # as the worker's process does
        mib_before, counting.statements, counting.others = _mib(), 0, 0
        stop = asyncio.Event()
        ending = asyncio.get_running_loop().call_later(job.seconds, stop.set)
        began, cpu = time.perf_counter(), time.process_time()
        split.start()
        outcomes = Counter((await sweep(deps, stop=stop)).outcomes)
        while job.is_refused and not stop.is_set():
            await asyncio.sleep(1)
            outcomes.update((await sweep(deps, stop=stop)).outcomes)
        shares = split.stop()
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        ending.cancel()
    await preparing.close()
    return Result(
        synced=outcomes.total(),
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        statements=counting.statements,
        round_trips=counting.statements + counting.others,
        mib_before=mib_before,
        mib_after=_mib(),
        outcomes=dict(outcomes),
        split=shares,
    )


if __name__ == "__main__":
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    os.sched_setaffinity(0, {job.core})
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(measure(job))))
