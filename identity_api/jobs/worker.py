"""The worker: tickers that find their work in the database, and a queue that only wakes them up earlier.

If Redis is down, flushed or absent, all work is still done, within a second instead of at once (I5).
"""

import asyncio
from collections import Counter

from identity_api import queue
from identity_api.db import inspection, outbox, sync_health
from identity_api.db import webhooks as webhook_rows
from identity_api.db.database import Database
from identity_api.db.sync_health import ProviderSync
from identity_api.group_mappings.apply import apply_changes
from identity_api.jobs.clean_up import clean_up
from identity_api.jobs.detached import Detached
from identity_api.jobs.functions import archive_by, job_functions
from identity_api.jobs.statistics import keep_up
from identity_api.jobs.tickers import Ticker
from identity_api.jobs.webhooks import WebhookDispatcher
from identity_api.maintenance.audit_chain import seal_all
from identity_api.maintenance.audit_files import Retention
from identity_api.providers.consequences import finish_switching_off
from identity_api.sync.deps import SyncDeps
from identity_api.sync.run import sweep
from identity_api.telemetry import METRICS, ProviderFigures, get_logger
from identity_api.upstream.exchange import Upstream
from identity_api.webhooks.send import Sending

SWEEP_SECONDS = 1.0
MAPPING_SECONDS = 0.5
SEAL_SECONDS = 1.0
NUMBER_SECONDS = 0.25
WEBHOOK_SECONDS = 0.25
MEASURE_SECONDS = 15.0
SWITCH_OFF_SECONDS = 10.0
CLEAN_UP_SECONDS = 60.0
STATISTICS_SECONDS = 5.0
ARCHIVE_SECONDS = 3_600.0
FINISH_SECONDS = 34.0
"""Seconds after `stop`; the whole end is promised within 35 s. The answer to a token that was sent arrives and is
stored by then (30 s); later steps may be cancelled, and the next sync repeats them."""

_log = get_logger(__name__)


async def run_worker(
    deps: SyncDeps,
    stop: asyncio.Event,
    *,
    webhooks_through: Upstream | None = None,
    redis_url: str | None = None,
    providers_shown: int = 100,
    retention: Retention | None = None,
) -> None:
    """Work until `stop` is set; then claim nothing more, finish and store the syncs under way, and return within 35 s.

    Args:
        deps: of this process; the database pool is open.
        stop: set by the wiring on SIGTERM or SIGINT.
        webhooks_through: sends webhooks; by default the same as for syncs, whose connections are then shared.
        redis_url: the source of wake-ups; None for none.
        providers_shown: how many providers have metrics of their own.
        retention: how long the audit's events stay; None for ever.
    """
    METRICS.show_worker_series()
    enqueuing = queue.Queue(redis_url) if redis_url is not None else None
    sending = Sending(deps.database, deps.vault, webhooks_through or deps.upstream, deps.clock)
    webhooks = WebhookDispatcher(sending, None if enqueuing is None else enqueuing.enqueue)
    sweeper = Ticker("sync_sweep", SWEEP_SECONDS, lambda: sweep(deps, stop=stop))
    tickers = [sweeper, *_tickers(deps, webhooks, providers_shown, retention)]
    detached = Detached()
    tasks = [asyncio.create_task(ticker.run(stop), name=ticker.name) for ticker in tickers]
    if redis_url is not None:
        functions = job_functions(deps, webhooks, wake_sweep=sweeper.wake, detached=detached, retention=retention)
        tasks.append(asyncio.create_task(queue.run_worker(redis_url, functions, stop=stop), name="queue"))
    _log.info("worker.started", owner=str(deps.owner))
    try:
        await stop.wait()
        tasks.append(asyncio.create_task(detached.finish(), name="detached"))
        _, late = await asyncio.wait(tasks, timeout=FINISH_SECONDS)
        if late:
            _log.error("worker.cut_off", jobs=sorted([task.get_name() for task in late]))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await webhooks.close()
        if enqueuing is not None:
            await enqueuing.aclose()
    _log.info("worker.stopped")


def _tickers(
    deps: SyncDeps, webhooks: WebhookDispatcher, providers_shown: int, retention: Retention | None
) -> list[Ticker]:
    database = deps.database
    archive = Ticker("archive_audit", ARCHIVE_SECONDS, lambda: archive_by(deps, retention))
    return [
        *([] if retention is None else [archive]),
        Ticker("apply_mapping_changes", MAPPING_SECONDS, lambda: apply_changes(database)),
        Ticker("number_changes", NUMBER_SECONDS, lambda: outbox.number_all(database)),
        Ticker("webhooks", WEBHOOK_SECONDS, webhooks.look),
        Ticker("seal_audit", SEAL_SECONDS, lambda: seal_all(database, deps.vault)),
        Ticker("measure", MEASURE_SECONDS, lambda: measure(database, providers_shown)),
        Ticker("switch_off", SWITCH_OFF_SECONDS, lambda: finish_switching_off(database)),
        Ticker("clean_up", CLEAN_UP_SECONDS, lambda: clean_up(database)),
        Ticker("statistics", STATISTICS_SECONDS, lambda: keep_up(database)),
    ]


async def measure(database: Database, providers_shown: int) -> None:
    """Read the metrics of this process that come from the database."""
    async with database.reading() as connection:
        METRICS.set_oldest_due(await sync_health.oldest_due_seconds(connection))
        METRICS.set_oldest_unsealed(await inspection.oldest_unsealed_seconds(connection))
        found = await sync_health.providers(connection)
        failing = await webhook_rows.failing(connection)
    states = Counter[str]()
    for one in found:
        states.update(one.states)
    METRICS.set_webhooks(
        failing=failing.failing, given_up=failing.given_up, oldest_failing_seconds=failing.oldest_failing_seconds
    )
    METRICS.set_identities(dict(states))
    METRICS.set_providers([_figures(one) for one in found], providers_shown)


def _figures(one: ProviderSync) -> ProviderFigures:
    return ProviderFigures(
        tenant=one.tenant,
        provider=one.provider,
        synced=one.synced,
        due=one.due,
        stale=one.states.get("STALE", 0),
        oldest_due_seconds=one.oldest_due_seconds,
        refused=one.next_probe_at is not None,
        paused=one.paused_at is not None,
    )
