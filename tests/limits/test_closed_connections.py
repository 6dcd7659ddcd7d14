"""A connection to Redis that has closed, as uvloop tells it, is a server that does not answer: no request fails of it."""

from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ServerGone

from identity_api.limits import COOL_DOWN_SECONDS, Limiter, connect
from identity_api.queue import Queue
from identity_api.redis_pool import connection_pool

pytestmark = pytest.mark.asyncio


def close_unnoticed(redis: Redis) -> None:
    """What uvloop does from the moment in which the other end has gone until the reader is told of it."""

    def closed(_parts: Any) -> None:
        raise RuntimeError("unable to perform operation on <UnixTransport closed=True>; the handler is closed")

    pool: Any = redis.connection_pool
    [connection] = pool._available_connections
    connection._writer.writelines = closed


async def test_what_asks_redis_is_told_as_of_every_server_that_is_gone(redis_url: str) -> None:
    pool = connection_pool(redis_url, timeout_seconds=5, connect_seconds=5)
    async with Redis(connection_pool=pool) as redis:
        await redis.ping()
        close_unnoticed(redis)
        with pytest.raises(ServerGone):
            await redis.ping()
        assert await redis.ping()
    await pool.disconnect()


async def test_a_hit_is_counted_by_the_process_and_then_by_redis_again(redis_url: str) -> None:
    moment = [0.0]
    redis = connect(redis_url)
    limiter = Limiter(redis, monotonic=lambda: moment[0])
    name = f"test:{uuid4()}"
    assert (await limiter.hit(name, limit=3, window_seconds=3_600)).allowed
    close_unnoticed(redis)
    assert (await limiter.hit(name, limit=3, window_seconds=3_600)).allowed
    moment[0] += COOL_DOWN_SECONDS
    assert (await limiter.hit(name, limit=3, window_seconds=3_600)).allowed
    await redis.aclose()


async def test_a_job_that_could_not_be_added_is_said_so(redis_url: str) -> None:
    queue, job = Queue(redis_url), f"test.{uuid4().hex}"
    assert await queue.enqueue(job, job_id=job)
    pool: Any = queue
    close_unnoticed(pool._redis)
    assert not await queue.enqueue(job, job_id=f"{job}.2")
    async with Redis.from_url(redis_url) as admin:
        await admin.zrem("identity:queue", job)
    await queue.aclose()
