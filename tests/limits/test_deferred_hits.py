"""Hits that are counted in the process first: how far beyond the limit that lets anybody, and what Redis is told."""

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

from identity_api.limits import DEFERRED_PART, DeferredHits, Limiter, connect

LIMIT = 4_000
PART = LIMIT // DEFERRED_PART


class Monotonic:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Watched(Limiter):
    """A limiter that notes what it was asked."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.asked: list[int] = []

    async def hit(self, key, *, limit, window_seconds, cost=1):
        self.asked.append(cost)
        return await super().hit(key, limit=limit, window_seconds=window_seconds, cost=cost)


@pytest_asyncio.fixture
async def redis(redis_url):
    client = connect(redis_url)
    yield client
    await client.aclose()


async def use(hits: DeferredHits, key: str, cost: int, times: int) -> int:
    """So many hits one after the other, and how much of them was allowed."""
    allowed = 0
    for _ in range(times):
        decision = await hits.hit(key, limit=LIMIT, window_seconds=3_600, cost=cost)
        allowed += cost if decision.allowed else 0
    return allowed


@pytest.mark.asyncio
async def test_small_hits_are_told_together_and_all_of_them(redis):
    """Redis is asked once for each fortieth of the limit, and comes to know every hit."""
    limiter, key = Watched(redis), str(uuid4())
    hits = DeferredHits(limiter)
    assert await use(hits, key, 10, 209) == 2_090
    assert limiter.asked == 19 * [PART + 10]


@pytest.mark.asyncio
async def test_who_asks_for_little_in_a_window_is_not_told_of(redis):
    limiter, key, clock = Watched(redis), str(uuid4()), Monotonic()
    hits = DeferredHits(limiter, monotonic=clock)
    for _ in range(3):
        assert await use(hits, key, PART, 1) == PART
        clock.now += 3_600
    assert limiter.asked == []
    await use(hits, key, PART, 1)
    await use(hits, key, 1, 1)
    assert limiter.asked == [PART + 1]


@pytest.mark.asyncio
@pytest.mark.parametrize("at_once", [1, 16])
async def test_two_processes_together_allow_a_fortieth_each_more_than_the_limit(redis, at_once):
    key = str(uuid4())
    processes = [DeferredHits(Limiter(redis)) for _ in range(2)]
    allowed = await asyncio.gather(*[use(one, key, 7, LIMIT // 7 // at_once) for one in processes * at_once])
    assert LIMIT - 7 <= sum(allowed) <= LIMIT + 2 * PART


@pytest.mark.asyncio
async def test_who_was_refused_is_refused_until_the_limit_allows_it_again(redis):
    key, clock = str(uuid4()), Monotonic()
    hits = DeferredHits(Limiter(None, monotonic=clock), monotonic=clock)
    await use(hits, key, 100, LIMIT // 100 + 2)
    refused = await hits.hit(key, limit=LIMIT, window_seconds=3_600, cost=5)
    assert not refused.allowed
    assert refused.retry_after_seconds > 0
    assert await use(hits, key, 1, 20) == 0
    clock.now += refused.retry_after_seconds + 1
    assert await use(hits, key, 5, 1) == 5


@pytest.mark.asyncio
async def test_a_hit_as_large_as_the_limit_is_allowed_though_something_is_owed(redis):
    key, clock = str(uuid4()), Monotonic()
    hits = DeferredHits(Limiter(None, monotonic=clock), monotonic=clock)
    await use(hits, key, 1, 3)
    clock.now += 1_800
    assert await use(hits, key, LIMIT, 1) == LIMIT


@pytest.mark.asyncio
async def test_one_key_owes_nothing_for_another(redis):
    limiter, hits_of = Watched(redis), str(uuid4())
    hits = DeferredHits(limiter)
    await use(hits, hits_of + "a", LIMIT, 1)
    assert await use(hits, hits_of + "b", 1, 1) == 1
    assert await use(hits, hits_of + "a", PART + 1, 1) == 0
