"""The worker's process."""

import asyncio
import contextlib
import gc
import signal
import time
from collections.abc import AsyncIterator, Iterator

import uvloop

from identity_api.cli.outcome import INTERRUPTED, OK
from identity_api.cli.ports import numeric_address, require_free
from identity_api.cli.server import check_installation
from identity_api.clock import system_clock
from identity_api.config import Settings
from identity_api.db.database import Database
from identity_api.db.migrate import check_schema
from identity_api.errors import ConfigurationError, Unavailable
from identity_api.jobs.worker import run_worker
from identity_api.maintenance.audit_files import Retention
from identity_api.sync.deps import SyncDeps, SyncLimits
from identity_api.telemetry import METRICS, configure_logging, configure_tracing, get_logger
from identity_api.telemetry.listener import listening
from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from identity_api.upstream.keys import provider_documents
from identity_api.vault import Vault

_log = get_logger(__name__)

REOPEN_SECONDS = 1.0
DEAD_SECONDS = 300.0
"""A worker that has not looked for due identities for so long is reported as dead on `/health/live`."""


def work(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT, finish what is under way, and return the exit code.

    Raises:
        ConfigurationError: a URL is missing, the schema is not this version's, or the ring lacks a key that is in use.
    """
    if settings.database_url is None or settings.redis_url is None:
        raise ConfigurationError(
            [
                "IDENTITY_DATABASE_URL and IDENTITY_REDIS_URL are needed. With the embedded services, `identity-api serve` "
                "and `identity-api dev` start a worker themselves."
            ]
        )
    if settings.worker_metrics_port:
        where = settings.worker_metrics_host, settings.worker_metrics_port
        require_free(*where, "the worker's metrics", "Set IDENTITY_WORKER_METRICS_PORT, one for each worker.")
    configure_logging(settings.log_format, settings.log_level)
    flush = configure_tracing(settings.otlp_endpoint) if settings.otlp_endpoint is not None else None
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_work(settings, settings.database_url.reveal(), settings.redis_url.reveal()))
    finally:
        if flush is not None:
            flush()


async def _work(settings: Settings, database_url: str, redis_url: str) -> int:
    stop, received = asyncio.Event(), list[signal.Signals]()

    def note(number: signal.Signals) -> None:
        received.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, note, number)
    await check_installation(settings, database_url)
    async with worker_deps(settings, database_url) as deps, _webhook_upstream(settings) as webhooks_through:
        await _open(deps.database, stop)
        # Objects of the start live as long as the process, so the garbage collector need not examine them again.
        gc.collect()
        gc.freeze()
        if not stop.is_set():
            with _metrics_listener(settings, deps):
                await run_worker(
                    deps,
                    stop,
                    webhooks_through=webhooks_through,
                    redis_url=redis_url,
                    providers_shown=settings.metrics_providers,
                    retention=_retention(settings),
                )
    return INTERRUPTED if signal.SIGINT in received else OK


def _retention(settings: Settings) -> Retention | None:
    if settings.audit_archive_folder is None:
        return None
    return Retention(settings.audit_retention_months, settings.audit_archive_folder)


@contextlib.contextmanager
def _metrics_listener(settings: Settings, deps: SyncDeps) -> Iterator[None]:
    if settings.worker_metrics_port == 0:
        yield
        return
    host = numeric_address(settings.worker_metrics_host)

    def is_alive() -> bool:
        # A restart during syncs would lose tokens that it could not store yet.
        return METRICS.seconds_without_sweep < DEAD_SECONDS or bool(deps.under_way)

    with listening(host, settings.worker_metrics_port, METRICS, is_alive=is_alive):
        yield


@contextlib.asynccontextmanager
async def worker_deps(settings: Settings, database_url: str) -> AsyncIterator[SyncDeps]:
    """The parts of a worker. Not `app.build_process`: a worker does not serve HTTP."""
    limits = SyncLimits(
        concurrency=settings.sync_concurrency,
        max_inactive_days=settings.max_inactive_days,
        leeway_seconds=settings.leeway_seconds,
    )
    # No call waits for another's connection: the limits of calls to a provider are applied before.
    upstream = Upstream(
        allow=AllowList.parse(settings.outbound_allow), connections=limits.in_hand, per_origin=limits.in_hand
    )
    documents = provider_documents(upstream, monotonic=time.monotonic)
    database = Database(
        database_url,
        pool_size=settings.database_pool_size,
        limits=settings.tenant_limits,
        pooling=settings.database_pooling,
    )
    try:
        yield SyncDeps(
            database=database,
            vault=Vault(settings.secret_keys),
            upstream=upstream,
            documents=documents,
            clock=system_clock,
            limits=limits,
        )
    finally:
        await documents.aclose()
        await upstream.aclose()
        await database.close()


@contextlib.asynccontextmanager
async def _webhook_upstream(settings: Settings) -> AsyncIterator[Upstream]:
    """A pool of its own, so that receivers that do not answer use no connection of the sync."""
    upstream = Upstream(allow=AllowList.parse(settings.outbound_allow))
    try:
        yield upstream
    finally:
        await upstream.aclose()


async def _open(database: Database, stop: asyncio.Event) -> None:
    """Open the pool; waits for a database that does not answer yet.

    Raises:
        ConfigurationError: its schema is not this version's, or with its URL no database could be reached.
    """
    told = ""
    while not stop.is_set():
        try:
            await database.open()
            async with database.reading() as connection:
                await check_schema(connection)
            return
        except Unavailable as error:
            if error.message != told:
                told = error.message
                _log.warning("worker.database_unavailable", reason=told)
            await database.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REOPEN_SECONDS):
                await stop.wait()
