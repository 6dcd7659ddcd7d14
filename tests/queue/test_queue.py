"""Waking workers through a real Redis (I5; promise 49)."""

import asyncio
import contextlib
import inspect
import io
import pickle
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from identity_api import queue as module
from identity_api.embedded.valkey import Valkey
from identity_api.errors import Unavailable
from identity_api.queue import QUEUE_NAME, Queue, run_worker
from identity_api.telemetry import METRICS, configure_logging


@contextlib.asynccontextmanager
async def running_worker(url, functions, **options):
    """A worker for the time of the block; it must end by itself when told to."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_worker(url, functions, stop=stop, **options))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


@pytest_asyncio.fixture
async def queue(valkey):
    queue = Queue(valkey.url)
    yield queue
    await queue.aclose()


@pytest_asyncio.fixture
async def redis(valkey):
    client = Redis.from_url(valkey.url)
    yield client
    await client.aclose()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Tests of delivery must not fail because the machine is busy."""
    monkeypatch.setattr(module, "_ENQUEUE_DEADLINE_SECONDS", 10.0)


async def soon(condition):
    """Wait until a condition outside this task holds, up to a limit that only a failure reaches."""
    async with asyncio.timeout(60):
        while not (await condition() if inspect.iscoroutinefunction(condition) else condition()):  # noqa: ASYNC110  # Redis tells nobody
            await asyncio.sleep(0.01)


class Seen:
    """A job body that remembers what it was called with."""

    def __init__(self):
        self.calls = []

    async def __call__(self, **ids):
        self.calls.append(ids)


def counted(name, **labels):
    return METRICS.registry.get_sample_value(name, labels or None) or 0


@pytest.mark.asyncio
async def test_a_job_reaches_its_body_with_ids_as_text(valkey, queue):
    body, row = Seen(), uuid4()
    async with running_worker(valkey.url, {"sync.one": body}):
        assert await queue.enqueue("sync.one", identity_id=row, attempt=3, ids=[row])
        await soon(lambda: body.calls)
    assert body.calls == [{"identity_id": str(row), "attempt": 3, "ids": [str(row)]}]


@pytest.mark.asyncio
async def test_nothing_stays_in_redis_after_a_job(valkey, queue, redis):
    body = Seen()
    async with running_worker(valkey.url, {"a": body}):
        await queue.enqueue("a", job_id="once", row_id="canary-row")
        await soon(lambda: body.calls)

        async def all_gone():
            return await redis.keys("arq:job*") + await redis.keys("arq:result*") + await redis.keys("arq:retry*") == []

        await soon(all_gone)


@pytest.mark.asyncio
async def test_a_second_job_of_the_same_id_is_not_added_until_the_first_has_ended(valkey, queue):
    body = Seen()
    assert await queue.enqueue("a", job_id="sweep", n=1) is True
    assert await queue.enqueue("a", job_id="sweep", n=2) is False
    async with running_worker(valkey.url, {"a": body}):
        await soon(lambda: body.calls)

        async def added_again():
            return await queue.enqueue("a", job_id="sweep", n=3)

        await soon(added_again)
        await soon(lambda: len(body.calls) == 2)
    assert body.calls == [{"n": 1}, {"n": 3}]


@pytest.mark.asyncio
async def test_jobs_in_redis_are_json_and_hold_ids_only(queue, redis):
    await queue.enqueue("a", job_id="one", row_id="r")
    stored = await redis.get("arq:job:one")
    assert stored.startswith(b'{"t":null,"f":"a","a":[],"k":{"row_id":"r"}')


class Exploit:
    """What an attacker who can write to Redis would leave there."""

    fired: list = []

    def __reduce__(self):
        return (Exploit.fired.append, (1,))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "payload",
    [
        pickle.dumps({"t": None, "f": "a", "a": (Exploit(),), "k": {}, "et": 1}),
        b"not json",
        b'{"f":"a","a":[1],"k":{},"t":null,"et":1}',
        b'{"f":"a","a":[],"k":{"x":{"nested":1}},"t":null,"et":1}',
        b'{"f":"a","a":[],"k":{"x":1},"t":null}',
    ],
    ids=["pickle", "junk", "positional", "nested", "incomplete"],
)
async def test_a_payload_that_is_not_ours_is_dropped_and_the_worker_goes_on(valkey, queue, redis, payload):
    body = Seen()
    await redis.set("arq:job:evil", payload)
    await redis.zadd(QUEUE_NAME, {"evil": 1})
    async with running_worker(valkey.url, {"a": body}):
        await queue.enqueue("a", n=1)
        await soon(lambda: body.calls)

        async def dropped():
            return await redis.zscore(QUEUE_NAME, "evil") is None

        await soon(dropped)
    assert body.calls == [{"n": 1}]
    assert Exploit.fired == []


@pytest.mark.asyncio
async def test_an_unknown_job_is_dropped_and_the_worker_goes_on(valkey, queue):
    body = Seen()
    async with running_worker(valkey.url, {"a": body}):
        await queue.enqueue("renamed", n=1)
        await queue.enqueue("a", n=2)
        await soon(lambda: body.calls)
    assert body.calls == [{"n": 2}]


@pytest.mark.asyncio
async def test_a_body_that_raises_is_counted_and_not_tried_again(valkey, queue):
    calls = []

    async def fails(**ids):
        calls.append(ids)
        raise KeyError("canary")

    before = counted("identity_jobs_total", job="fails", outcome="FAILED")
    async with running_worker(valkey.url, {"fails": fails, "ok": (ok := Seen())}):
        await queue.enqueue("fails", row_id="r")
        await soon(lambda: calls)
        await queue.enqueue("ok")
        await soon(lambda: ok.calls)
    assert len(calls) == 1
    assert counted("identity_jobs_total", job="fails", outcome="FAILED") == before + 1


@pytest.mark.asyncio
async def test_a_job_with_arguments_its_body_does_not_take_fails_alone(valkey, queue):
    async def strict(*, row_id):
        raise AssertionError(row_id)

    async with running_worker(valkey.url, {"strict": strict, "ok": (ok := Seen())}):
        await queue.enqueue("strict", other="x")
        await queue.enqueue("ok")
        await soon(lambda: ok.calls)


@pytest.mark.asyncio
async def test_logs_hold_neither_arguments_nor_exception_texts(valkey, queue):
    stream = io.StringIO()
    configure_logging("json", "debug", stream=stream)

    async def fails(**ids):
        raise ValueError("canary-text")

    try:
        async with running_worker(valkey.url, {"fails": fails, "ok": (ok := Seen())}):
            await queue.enqueue("fails", row_id="canary-argument")
            await queue.enqueue("ok", row_id="canary-argument")
            await soon(lambda: ok.calls and "job.failed" in stream.getvalue())
    finally:
        configure_logging("json", "info")
    assert '"type":"builtins.ValueError"' in stream.getvalue()
    assert "canary" not in stream.getvalue()


@pytest.mark.asyncio
async def test_a_database_that_is_away_is_no_error_of_a_job(valkey, queue):
    stream = io.StringIO()
    configure_logging("json", "debug", stream=stream)

    async def waits(**_ids):
        raise Unavailable("The database does not answer.", code="DATABASE_UNAVAILABLE")

    before = counted("identity_jobs_total", job="waits", outcome="FAILED")
    try:
        async with running_worker(valkey.url, {"waits": waits}):
            await queue.enqueue("waits")
            await soon(lambda: "job.unavailable" in stream.getvalue())
    finally:
        configure_logging("json", "info")
    assert "DATABASE_UNAVAILABLE" in stream.getvalue()
    assert '"level":"error"' not in stream.getvalue()
    assert counted("identity_jobs_total", job="waits", outcome="FAILED") == before + 1


@pytest.mark.asyncio
async def test_a_body_that_takes_too_long_is_cancelled_and_counted(valkey, queue):
    ended = asyncio.Event()

    async def slow(**_ids):
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    before = counted("identity_jobs_total", job="slow", outcome="TIMEOUT")
    async with running_worker(valkey.url, {"slow": slow}, job_timeout_seconds=0.05):
        await queue.enqueue("slow")
        await asyncio.wait_for(ended.wait(), 60)
        await soon(lambda: counted("identity_jobs_total", job="slow", outcome="TIMEOUT") == before + 1)


@pytest.mark.asyncio
async def test_a_job_timeout_above_fifty_seconds_is_a_mistake_of_the_caller(valkey):
    with pytest.raises(ValueError, match="at most 50"):
        await run_worker(valkey.url, {"a": Seen()}, stop=asyncio.Event(), job_timeout_seconds=51)


@pytest.mark.asyncio
async def test_stopping_lets_a_running_body_finish_and_starts_no_other(valkey, queue):
    started, finish, finished, other = asyncio.Event(), asyncio.Event(), asyncio.Event(), Seen()

    async def body(**_ids):
        started.set()
        await finish.wait()
        finished.set()

    stop = asyncio.Event()
    worker = asyncio.create_task(run_worker(valkey.url, {"body": body, "other": other}, stop=stop))
    await queue.enqueue("body")
    await asyncio.wait_for(started.wait(), 60)
    stop.set()
    await asyncio.sleep(0)
    assert not worker.done()
    finish.set()
    await asyncio.wait_for(worker, 60)
    assert finished.is_set()
    assert await queue.enqueue("other")
    assert other.calls == []


@pytest.mark.asyncio
async def test_enqueuing_without_redis_is_counted_quick_and_does_not_raise():
    queue = Queue("unix:///nonexistent/valkey.sock")
    before = counted("identity_enqueue_failures_total")
    assert [await queue.enqueue("a", n=n) for n in range(20)] == [False] * 20
    assert counted("identity_enqueue_failures_total") == before + 20
    await queue.aclose()


@pytest.mark.asyncio
async def test_a_worker_outlives_redis(valkey, tmp_path):
    """Redis goes away with its jobs and another one comes: the worker was not ended, and takes jobs again."""
    body, restarts, place = Seen(), counted("identity_queue_restarts_total"), tmp_path / "s"
    place.symlink_to(valkey.url.removeprefix("unix://"))
    queue, successor = Queue(f"unix://{place}"), Valkey()
    async with running_worker(f"unix://{place}", {"a": body}) as worker:
        await queue.enqueue("a", n=1)
        await soon(lambda: body.calls)
        valkey.stop()
        await soon(lambda: counted("identity_queue_restarts_total") >= restarts + 2)
        assert not worker.done()
        successor.start()
        try:
            place.unlink()
            place.symlink_to(successor.url.removeprefix("unix://"))
            assert await queue.enqueue("a", n=2)
            await soon(lambda: {"n": 2} in body.calls)
        finally:
            successor.stop()
            await queue.aclose()


@pytest.mark.asyncio
async def test_a_worker_without_redis_stops_when_told():
    async with running_worker("unix:///nonexistent/valkey.sock", {"a": Seen()}) as worker:
        await asyncio.sleep(0)
        assert not worker.done()


@pytest.mark.asyncio
async def test_no_connection_shows_its_password():
    queue = Queue("redis://user:canary-password@127.0.0.1:1/0")
    assert "canary-password" not in repr(queue)
    await queue.aclose()


@pytest.mark.asyncio
async def test_percent_encoded_passwords_are_decoded_and_tls_checks_the_host_name():
    queue = Queue("rediss://user:p%40ss@redis.example:6380/0")
    options = queue._redis.connection_pool.connection_kwargs
    assert (options["password"], options["ssl_check_hostname"]) == ("p@ss", True)
    await queue.aclose()


@pytest.mark.asyncio
async def test_a_worker_told_to_stop_while_it_starts_stops(redis_url: str) -> None:
    """At whatever step of connecting: a cancellation that the client swallows must not cost half a minute."""
    for steps in range(80):
        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(redis_url, {"body": Seen()}, stop=stop))
        for _ in range(steps):
            await asyncio.sleep(0)
        stop.set()
        await asyncio.wait_for(worker, 60)
