"""Rate limits across processes, and without Redis (never none; promise 55)."""

import asyncio
import signal
from functools import partial
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from identity_api import limits
from identity_api.embedded.valkey import Valkey
from identity_api.limits import Limiter, _LocalBuckets, connect
from identity_api.telemetry import METRICS


class Monotonic:
    """A clock that tests move."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest_asyncio.fixture
async def redis(redis_url):
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture(params=["redis", "process"])
def limiter(request, redis):
    return Limiter(redis if request.param == "redis" else None)


def key():
    return f"test:{uuid4()}"


def fallbacks():
    return METRICS.registry.get_sample_value("identity_rate_limit_fallbacks_total")


@pytest.mark.asyncio
async def test_hits_up_to_the_limit_are_allowed_and_the_next_is_not(limiter):
    name = key()
    decisions = [await limiter.hit(name, limit=5, window_seconds=3_600) for _ in range(6)]
    assert [decision.allowed for decision in decisions] == [True] * 5 + [False]
    assert decisions[0].retry_after_seconds == 0.0


@pytest.mark.asyncio
async def test_a_refusal_says_when_the_next_hit_fits(limiter):
    name = key()
    for _ in range(4):
        await limiter.hit(name, limit=4, window_seconds=400)
    refused = await limiter.hit(name, limit=4, window_seconds=400)
    assert refused.retry_after_seconds == pytest.approx(100, abs=5)


@pytest.mark.asyncio
async def test_keys_do_not_share_their_counts(limiter):
    name = key()
    assert (await limiter.hit(name, limit=1, window_seconds=60)).allowed
    assert not (await limiter.hit(name, limit=1, window_seconds=60)).allowed
    assert (await limiter.hit(key(), limit=1, window_seconds=60)).allowed


@pytest.mark.asyncio
async def test_a_hit_can_cost_more_than_one(limiter):
    name = key()
    assert (await limiter.hit(name, limit=10, window_seconds=600, cost=8)).allowed
    assert not (await limiter.hit(name, limit=10, window_seconds=600, cost=3)).allowed
    assert (await limiter.hit(name, limit=10, window_seconds=600, cost=2)).allowed


@pytest.mark.asyncio
async def test_a_cost_above_the_limit_is_never_allowed_and_counts_nothing(limiter):
    name = key()
    assert not (await limiter.hit(name, limit=3, window_seconds=60, cost=4)).allowed
    assert (await limiter.hit(name, limit=3, window_seconds=60, cost=3)).allowed


@pytest.mark.asyncio
@pytest.mark.parametrize("wrong", [{"limit": 0}, {"window_seconds": 0}, {"cost": 0}])
async def test_a_limit_that_limits_nothing_is_a_mistake_of_the_caller(limiter, wrong):
    with pytest.raises(ValueError, match="at least 1"):
        await limiter.hit(key(), **({"limit": 1, "window_seconds": 1} | wrong))


@pytest.mark.asyncio
async def test_two_processes_together_get_exactly_the_limit(redis, redis_url):
    other = connect(redis_url)
    first, second = Limiter(redis), Limiter(other)
    name = key()
    hits = [limiter.hit(name, limit=20, window_seconds=3_600) for limiter in (first, second) for _ in range(30)]
    assert sum(decision.allowed for decision in await asyncio.gather(*hits)) == 20
    await other.aclose()


@pytest.mark.asyncio
async def test_a_key_in_redis_shows_no_address_and_expires(redis):
    await Limiter(redis).hit(f"login:203.0.113.7:{uuid4()}", limit=2, window_seconds=100)
    names = [name.decode() for name in await redis.keys("*")]
    assert names
    assert not any("203.0.113.7" in name for name in names)
    assert all([0 < await redis.pttl(name) <= 3_600_000 for name in names])


@pytest.mark.asyncio
async def test_redis_that_lost_its_scripts_is_taught_again(redis):
    limiter, name = Limiter(redis), key()
    await limiter.hit(name, limit=2, window_seconds=60)
    await redis.script_flush()
    await limiter.hit(name, limit=2, window_seconds=60)
    assert not (await Limiter(redis).hit(name, limit=2, window_seconds=60)).allowed


@pytest.mark.asyncio
async def test_a_value_that_is_no_number_in_redis_does_not_stop_limiting(redis):
    limiter, name = Limiter(redis), key()
    before = set(await redis.keys("limit:*"))
    await limiter.hit(name, limit=1, window_seconds=60)
    (stored,) = set(await redis.keys("limit:*")) - before
    await redis.set(stored, "junk")
    assert (await limiter.hit(name, limit=1, window_seconds=60)).allowed
    assert not (await limiter.hit(name, limit=1, window_seconds=60)).allowed


@pytest.mark.asyncio
async def test_without_redis_limits_are_counted_in_the_process():
    limiter, name = Limiter(connect("unix:///nonexistent/valkey.sock")), key()
    decisions = [await limiter.hit(name, limit=3, window_seconds=3_600) for _ in range(4)]
    assert [decision.allowed for decision in decisions] == [True, True, True, False]


@pytest.mark.asyncio
async def test_a_silent_redis_costs_one_short_wait_and_is_then_left_alone(tmp_path, monkeypatch):
    """50 ms once, then a cool-down; the listener remembers how often it was asked."""
    monkeypatch.setattr(limits, "REDIS_DEADLINE_SECONDS", 0.05)
    asked = []

    async def never_answer(reader, writer):
        asked.append(asyncio.current_task())
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(never_answer, tmp_path / "s"):
        clock = Monotonic()
        client = connect(f"unix://{tmp_path}/s")
        limiter, before = Limiter(client, monotonic=clock), fallbacks()
        for _ in range(50):
            await limiter.hit(key(), limit=3, window_seconds=60)
        assert fallbacks() - before == 1
        clock.now += limits.COOL_DOWN_SECONDS
        await limiter.hit(key(), limit=3, window_seconds=60)
        assert fallbacks() - before == 2
        await client.aclose()
        await asyncio.gather(*asked)
        assert 1 <= len(asked) <= 2, "the second waits for the first to be connected"


@pytest.mark.asyncio
async def test_redis_is_used_again_after_it_came_back(monkeypatch):
    """Frozen, the server is silent; what it counted before is still there afterwards."""
    server, clock, name = Valkey(), Monotonic(), key()
    server.start()
    client = connect(server.url)
    limiter = Limiter(client, monotonic=clock)
    hit = partial(limiter.hit, name, limit=1, window_seconds=3_600)
    try:
        assert (await hit()).allowed
        monkeypatch.setattr(limits, "REDIS_DEADLINE_SECONDS", 0.02)
        server.process.send_signal(signal.SIGSTOP)
        assert (await hit()).allowed, "this process knew of no hit"
        assert not (await hit()).allowed, "now it knows of one"
        server.process.send_signal(signal.SIGCONT)
        clock.now += 3_600
        monkeypatch.setattr(limits, "REDIS_DEADLINE_SECONDS", 10.0)
        assert not (await hit()).allowed, "Redis remembers the first hit"
    finally:
        await client.aclose()
        server.process.send_signal(signal.SIGCONT)
        server.stop()


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5)), max_size=40), st.integers(5, 8))
def test_no_window_ever_holds_more_than_twice_the_limit(steps, limit):
    """The bound of the algorithm: a full bucket at once, and what comes back during the window."""
    buckets, now, taken = _LocalBuckets(), 0.0, []
    for pause, cost in steps:
        now += pause
        if buckets.hit("k", 10.0, 10.0 * cost / limit, now) <= 0:
            taken.append((now, cost))
    for start, _ in taken:
        assert sum(cost for at, cost in taken if start <= at < start + 10.0) <= 2 * limit


def test_a_bucket_is_full_again_after_a_window():
    buckets = _LocalBuckets()
    assert [buckets.hit("k", 10.0, 5.0, 0.0) <= 0 for _ in range(3)] == [True, True, False]
    assert [buckets.hit("k", 10.0, 5.0, 10.0) <= 0 for _ in range(3)] == [True, True, False]


def test_memory_is_bounded_and_the_most_limited_keys_are_remembered(monkeypatch):
    monkeypatch.setattr(limits, "_MAX_LOCAL_KEYS", 100)
    buckets = _LocalBuckets()
    for _ in range(2):
        buckets.hit("attacker", 10.0, 5.0, 0.0)
    for number in range(1_000):
        buckets.hit(f"flood-{number}", 10.0, 0.1, 0.0)
    assert len(buckets._arrivals) <= 100
    assert buckets.hit("attacker", 10.0, 5.0, 0.0) > 0
