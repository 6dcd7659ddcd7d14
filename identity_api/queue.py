"""Wakes workers up through Redis. The only module that knows arq (arq is maintained and not developed).

PostgreSQL holds what is due (I5); a job is a hint to look now, with ids and nothing else in it. So an enqueue that fails
is counted and forgotten, and a job that arrives twice, late or never changes nothing but the moment.

What arq does by default and must not do here: unpickle what it finds in Redis (whoever writes there would run code in
the worker), log arguments and results, end the worker when Redis drops a connection, cancel running jobs on a signal,
keep results (which would block the next job of the same id), and hold a dead worker's jobs for 310 s.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from arq.connections import ArqRedis
from arq.worker import Function, Worker, func
from redis.exceptions import RedisError

from identity_api.clock import jitter
from identity_api.errors import Unavailable
from identity_api.redis_pool import CONNECT_SECONDS, Requests, connection_pool
from identity_api.telemetry import METRICS, get_logger, log_context

QUEUE_NAME: Final = "identity:queue"
JOB_TIMEOUT_SECONDS: Final = 50.0
_ENQUEUE_DEADLINE_SECONDS: Final = 0.25
"""How long an enqueue is waited for. A connection that is being made meanwhile, with its TLS handshake, has longer."""
_COOL_DOWN_SECONDS: Final = 2.0
# A hint older than this is worth nothing: the sweep has been there. It also bounds how long an id stays taken.
_EXPIRES: Final = timedelta(seconds=60)
_POLL_SECONDS: Final = 0.05
_FINISH_SECONDS: Final = 35.0
_CANCEL_AGAIN_SECONDS = 0.5
_MAX_PAUSE_SECONDS: Final = 5.0
_MAX_JOB_BYTES: Final = 1024 * 1024

JobBody = Callable[..., Awaitable[object]]
JobArgument = str | int | UUID | list[str] | list[UUID] | None

_log = get_logger(__name__)


class Queue:
    """The enqueuing side. Connects on first use and never raises because Redis fails."""

    def __init__(self, redis_url: str) -> None:
        self._redis = _connect(redis_url, CONNECT_SECONDS)
        self._requests = Requests()
        self._wanted_at = float("-inf")

    async def enqueue(self, job_name: str, *, job_id: str | None = None, **ids: JobArgument) -> bool:
        """Ask a worker to run a job soon. Call it after the transaction that made the work has been committed.

        Args:
            job_name: a name that the workers know.
            job_id: while a job of this id waits or runs, another one is not added.
            ids: row ids for the body; no names, no tokens.

        Returns:
            Whether a job was added; False also when one of the same id is there, or Redis did not answer in time. It may
            still be added then.
        """
        arguments: dict[str, Any] = ids
        loop = asyncio.get_running_loop()
        if loop.time() < self._wanted_at:
            METRICS.count_enqueue_failure()
            return False
        try:
            async with asyncio.timeout(_ENQUEUE_DEADLINE_SECONDS):
                adding = self._redis.enqueue_job(job_name, _job_id=job_id, _expires=_EXPIRES, **arguments)
                job = await self._requests.run(adding)
        except (RedisError, OSError, TimeoutError) as error:
            self._wanted_at = loop.time() + _COOL_DOWN_SECONDS
            METRICS.count_enqueue_failure()
            _log.warning("queue.enqueue_failed", job=job_name, error_type=type(error).__name__)
            return False
        return job is not None

    async def settled(self) -> None:
        """Wait for what has been sent and nobody waits for."""
        await self._requests.settled()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.settled()
        await self._redis.aclose(close_connection_pool=True)


async def run_worker(
    redis_url: str,
    functions: Mapping[str, JobBody],
    *,
    stop: asyncio.Event,
    max_jobs: int = 20,
    job_timeout_seconds: float = JOB_TIMEOUT_SECONDS,
) -> None:
    """Run jobs until `stop` is set, then let running ones finish (up to 35 s). Redis failures never end it.

    Args:
        redis_url: where the queue is.
        functions: job name to body; a body takes the ids by keyword. What it raises is logged and not passed on.
        stop: set by the wiring on shutdown.
        max_jobs: bodies that run at the same time.
        job_timeout_seconds: a body is cancelled after this; at most 50, because arq keeps the jobs of a worker that
            was killed untouchable for the longest timeout and some seconds.
    """
    if not 0 < job_timeout_seconds <= JOB_TIMEOUT_SECONDS:
        raise ValueError(f"job_timeout_seconds must be above 0 and at most {JOB_TIMEOUT_SECONDS}")
    wrapped = [_as_arq_function(name, body, job_timeout_seconds) for name, body in functions.items()]
    failures = 0
    while not stop.is_set():
        started = asyncio.get_running_loop().time()
        try:
            await _run_once(redis_url, wrapped, stop, max_jobs)
        except (RedisError, OSError, TimeoutError, ValueError, RuntimeError) as error:
            # arq lets any trouble with Redis end its loop, and that of one job too.
            METRICS.count_queue_restart()
            _log.warning("queue.worker_restarts", error_type=type(error).__name__)
        if asyncio.get_running_loop().time() - started > 60:
            failures = 0
        failures += 1
        await _pause(stop, min(_MAX_PAUSE_SECONDS, 0.1 * 2 ** min(failures, 10)))


async def _run_once(redis_url: str, functions: list[Function], stop: asyncio.Event, max_jobs: int) -> None:
    """One life of an arq worker: until `stop`, or until Redis fails, which raises."""
    redis = _connect(redis_url, 5.0)
    worker = Worker(
        functions,
        queue_name=QUEUE_NAME,
        redis_pool=redis,
        handle_signals=False,
        max_jobs=max_jobs,
        keep_result=0,
        poll_delay=_POLL_SECONDS,
        max_tries=3,  # a cancelled job is tried again elsewhere; ordinary failures never are
        health_check_interval=15,
        job_serializer=_encode,
        job_deserializer=_decode,
        log_results=False,
    )
    polling = asyncio.create_task(worker.async_run())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        worker.allow_pick_jobs = False
        if worker.tasks:
            await asyncio.wait(set(worker.tasks.values()), timeout=_FINISH_SECONDS)
        if polling.done():
            polling.result()
    finally:
        # Worker.close() is not used: it talks to Redis again, which is what has just failed.
        tasks = [polling, stopping, *worker.tasks.values(), *([worker.main_task] if worker.main_task else [])]
        await _cancel(tasks)
        await redis.aclose(close_connection_pool=True)


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel until all have ended: seen while a connection is being made, redis-py can swallow a cancellation."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


def _as_arq_function(name: str, body: JobBody, timeout_seconds: float) -> Function:
    async def run(ctx: dict[Any, Any], *_none: Any, **ids: Any) -> None:
        with log_context(job=name, job_id=str(ctx.get("job_id", ""))):
            METRICS.count_job(name, await _run_body(name, body, ids, timeout_seconds))

    # arq's own timeout is only a net below ours: it would log the job by itself.
    return func(run, name=name, keep_result=0, timeout=timeout_seconds + 5)


async def _run_body(name: str, body: JobBody, ids: Mapping[str, Any], timeout_seconds: float) -> str:
    """Run a body; the outcome for the metrics. Exceptions end here, logged by type and place, without arguments."""
    deadline = asyncio.timeout(timeout_seconds)
    try:
        async with deadline:
            await body(**ids)
    except TimeoutError:
        if deadline.expired():
            _log.error("job.timeout", job=name)
            return "TIMEOUT"
        _log.exception("job.failed", job=name)
        return "FAILED"
    except Unavailable as error:
        # As for a ticker, which will do the work once what it needs is back.
        _log.warning("job.unavailable", job=name, error_code=error.code)
        return "FAILED"
    except Exception:
        _log.exception("job.failed", job=name)
        return "FAILED"
    return "OK"


def _connect(redis_url: str, timeout_seconds: float) -> ArqRedis:
    # Not arq's RedisSettings: it leaves passwords percent-encoded, checks no TLS host name, sets no read timeout, and
    # its repr shows the password.
    pool = connection_pool(
        redis_url, timeout_seconds=timeout_seconds, connect_seconds=min(CONNECT_SECONDS, timeout_seconds)
    )
    return ArqRedis(pool, job_serializer=_encode, job_deserializer=_decode, default_queue_name=QUEUE_NAME)


def _encode(job: dict[str, Any]) -> bytes:
    return msgspec.json.encode(job, enc_hook=lambda value: type(value).__name__)


class _Job(msgspec.Struct):
    """The members that arq puts into a job: function, positional and named arguments, try, enqueue time."""

    f: str
    a: tuple[()]
    k: dict[str, str | int | list[str] | None]
    t: int | None
    et: int


def _decode(data: bytes) -> dict[str, Any]:
    """Read a job. Anything but the JSON that we write is refused; arq then drops the job."""
    if len(data) > _MAX_JOB_BYTES:
        raise ValueError("job too large")
    return msgspec.structs.asdict(msgspec.json.decode(data, type=_Job))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, with jitter so that workers do not come back in step, unless told to stop."""
    try:
        async with asyncio.timeout(seconds * jitter(0.5, 1.0)):
            await stop.wait()
    except TimeoutError:
        return
