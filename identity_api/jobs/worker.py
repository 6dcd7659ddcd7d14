"""The worker: tickers that find their work in the database, and beside them a queue that only says "look now".

With Redis down, flushed or never there, everything still happens, within a second instead of at once (I5).
"""

import asyncio

from identity_api import queue
from identity_api.db import sync as rows
from identity_api.jobs.clean_up import clean_up
from identity_api.jobs.functions import job_functions
from identity_api.jobs.tickers import Ticker
from identity_api.lifecycle.audit_chain import seal_all
from identity_api.mappings.apply import apply_changes
from identity_api.sync.parts import SyncParts
from identity_api.sync.run import sweep
from identity_api.telemetry import METRICS, get_logger
from identity_api.tenants.consequences import finish_switching_off

SWEEP_SECONDS = 1.0
MAPPING_SECONDS = 0.5
SEAL_SECONDS = 1.0
MEASURE_SECONDS = 15.0
SWITCH_OFF_SECONDS = 10.0
CLEAN_UP_SECONDS = 60.0
FINISH_SECONDS = 34.0
"""After `stop`; the whole is promised within 35 s. A token that was sent is answered and landed by then (30 s); what comes
after the landing may be cut off, and is done again by the next sync."""

_log = get_logger(__name__)


async def run_worker(parts: SyncParts, stop: asyncio.Event, *, redis_url: str | None = None) -> None:
    """Work until `stop` is set; then claim nothing more, finish and land what is under way, and return within 35 s.

    Args:
        parts: of this process; the database pool is open.
        stop: set by the wiring on SIGTERM or SIGINT.
        redis_url: where wake-ups come from; None for none.
    """
    sweeper = Ticker("sync_sweep", SWEEP_SECONDS, lambda: sweep(parts, stop=stop))
    tickers = [
        sweeper,
        Ticker("apply_mapping_changes", MAPPING_SECONDS, lambda: apply_changes(parts.database)),
        Ticker("seal_audit", SEAL_SECONDS, lambda: seal_all(parts.database, parts.vault)),
        Ticker("measure", MEASURE_SECONDS, lambda: measure(parts)),
        Ticker("switch_off", SWITCH_OFF_SECONDS, lambda: finish_switching_off(parts.database)),
        Ticker("clean_up", CLEAN_UP_SECONDS, lambda: clean_up(parts.database)),
    ]
    tasks = [asyncio.create_task(ticker.run(stop), name=ticker.name) for ticker in tickers]
    if redis_url is not None:
        functions = job_functions(parts, wake_sweep=sweeper.wake)
        tasks.append(asyncio.create_task(queue.run_worker(redis_url, functions, stop=stop), name="queue"))
    _log.info("worker.started", owner=str(parts.owner))
    try:
        await stop.wait()
        _, late = await asyncio.wait(tasks, timeout=FINISH_SECONDS)
        if late:
            _log.error("worker.cut_off", jobs=sorted([task.get_name() for task in late]))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    _log.info("worker.stopped")


async def measure(parts: SyncParts) -> None:
    """What only the database knows, for the metrics of this process."""
    async with parts.database.reading() as connection:
        METRICS.set_oldest_due(await rows.oldest_due_seconds(connection))
        METRICS.set_identities(await rows.count_by_state(connection))
