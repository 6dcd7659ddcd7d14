"""Rate limits that hold across processes: one Lua script in Redis, and a limiter in the process when Redis fails.

Each key is a leaky bucket kept as one number, the theoretical arrival time of the generic cell rate algorithm (ITU-T
I.371): `limit` hits may come at once, after which they come back evenly over the window. Reading, deciding and writing
are one script on Redis's own clock, so two processes cannot both take the last place.

A limit is never absent. When Redis does not answer within 50 ms the process counts for itself and leaves Redis alone for
two seconds, so an outage costs one request one short wait. Keys are hashed: they may hold addresses.
"""

import asyncio
import hashlib
import heapq
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from identity_api.redis_pool import CONNECT_SECONDS, Requests, connection_pool
from identity_api.telemetry import METRICS, get_logger

REDIS_DEADLINE_SECONDS: Final = 0.05
"""How long a hit waits. A connection that is being made meanwhile, with its TLS handshake, has longer."""
COOL_DOWN_SECONDS: Final = 2.0
_MAX_LOCAL_KEYS: Final = 100_000
DEFERRED_PART: Final = 40
"""Of a limit, one such part may be used before Redis is told."""
_MAX_ACCOUNTS: Final = 20_000

# Times are whole microseconds: 2^53 of them last until the year 2255, so Lua's doubles stay exact.
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local window = tonumber(ARGV[1])
local increment = tonumber(ARGV[2])
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
-- A clock that was set back must not keep anyone out for longer than a window.
if arrival < now then arrival = now elseif arrival > now + window then arrival = now + window end
local after = arrival + increment
if after > now + window then return after - now - window end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return 0
"""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a hit is allowed; if not, after how many seconds the same hit would be (0.0 when allowed)."""

    allowed: bool
    retry_after_seconds: float


_ALLOWED: Final = Decision(True, 0.0)


def connect(redis_url: str) -> Redis:
    """A client for a limiter, which itself waits no longer than `REDIS_DEADLINE_SECONDS`. It connects on first use.

    Close it with `aclose()`.
    """
    return Redis.from_pool(
        connection_pool(redis_url, timeout_seconds=CONNECT_SECONDS, connect_seconds=CONNECT_SECONDS, max_connections=64)
    )


class Limiter:
    """Counts hits per key. `redis` is a client from `connect`, or None to count in this process only."""

    def __init__(self, redis: Redis | None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._script = redis.register_script(_SCRIPT) if redis is not None else None
        self._local = _LocalBuckets()
        self._requests = Requests()
        self._monotonic = monotonic
        self._redis_wanted_at = float("-inf")

    async def hit(self, key: str, *, limit: int, window_seconds: float, cost: int = 1) -> Decision:
        """Count `cost` hits on `key`, if they are allowed. A refused hit counts nothing. Never raises for Redis.

        Args:
            key: what is limited, with its kind: "login:203.0.113.7". Stored as a hash.
            limit: hits allowed in a window, at least 1.
            window_seconds: the window, more than 0.
            cost: hits this one counts for; a cost above the limit is never allowed.
        """
        if limit < 1 or window_seconds <= 0 or cost < 1:
            raise ValueError("limit and cost must be at least 1 and the window longer than 0")
        if cost > limit:
            return Decision(False, window_seconds)
        wait = await self._hit_redis(key, limit, window_seconds, cost)
        if wait is None:
            wait = self._local.hit(key, window_seconds, window_seconds * cost / limit, self._monotonic())
        if wait > 0:
            METRICS.count_rate_limited(key.partition(":")[0])
        return Decision(wait <= 0, max(0.0, wait))

    async def _hit_redis(self, key: str, limit: int, window_seconds: float, cost: int) -> float | None:
        """Seconds to wait (0: allowed), or None when Redis did not answer or is being left alone."""
        if self._script is None or self._monotonic() < self._redis_wanted_at:
            return None
        window = round(window_seconds * 1_000_000)
        # The window is part of the name: a limit that was reconfigured starts afresh.
        digest = hashlib.blake2b(f"{key}\0{limit}\0{window}".encode("utf-8", "surrogatepass"), digest_size=16)
        try:
            async with asyncio.timeout(REDIS_DEADLINE_SECONDS):
                asking = self._script([f"limit:{digest.hexdigest()}"], [window, window * cost // limit])
                answer = await self._requests.run(asking)
                return int(answer) / 1_000_000
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self._redis_wanted_at = self._monotonic() + COOL_DOWN_SECONDS
            METRICS.count_limit_fallback()
            _log.warning("limits.redis_failed", error_type=type(error).__name__)
            return None

    async def settled(self) -> None:
        """Wait for what has been asked and nobody waits for."""
        await self._requests.settled()


class _Account:
    """What one key has used in this process and Redis has not been told."""

    __slots__ = ("is_settled", "owed", "since", "telling")

    def __init__(self, now: float) -> None:
        self.owed = 0
        self.since = now
        """When nothing was owed."""
        self.telling = 0
        """Under way to Redis."""
        self.is_settled = True
        """The last time that Redis was told, it allowed what was asked."""


class DeferredHits:
    """Counts small hits in the process first, and tells the limiter once a fortieth of the limit is owed.

    For limits that every request counts on: asking Redis each time costs as much as a small request. Each process lets a
    key have at most a fortieth of the limit more than the limit, and nobody is counted for more than they used. What is
    owed when a process ends is forgotten.
    """

    def __init__(self, limiter: Limiter, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limiter, self._monotonic = limiter, monotonic
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    async def hit(self, key: str, *, limit: int, window_seconds: float, cost: int = 1) -> Decision:
        """As `Limiter.hit`. A key that was refused is asked about each time, until it is allowed again."""
        now = self._monotonic()
        account = self._account(key, now)
        if now - account.since >= window_seconds:
            account.owed, account.since = 0, now  # the bucket would be full again by now
        if account.is_settled and account.owed + account.telling + cost <= limit // DEFERRED_PART:
            account.owed += cost
            return _ALLOWED
        owed, account.owed = account.owed, 0
        account.telling += owed
        allowed = False
        try:
            asked = min(owed + cost, limit)
            decision = await self._limiter.hit(key, limit=limit, window_seconds=window_seconds, cost=asked)
            allowed = decision.allowed
        finally:
            account.telling -= owed
            account.is_settled = allowed
            if allowed:
                account.since = now
            else:
                account.owed += owed
        return decision

    def _account(self, key: str, now: float) -> _Account:
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= _MAX_ACCOUNTS:
                self._accounts.popitem(last=False)
            account = self._accounts[key] = _Account(now)
        else:
            self._accounts.move_to_end(key)
        return account


class _LocalBuckets:
    """The same algorithm on this process's monotonic clock, bounded in memory."""

    def __init__(self) -> None:
        self._arrivals: dict[str, float] = {}

    def hit(self, key: str, window: float, increment: float, now: float) -> float:
        arrival = max(self._arrivals.get(key, now), now)
        after = arrival + increment
        # Sums of floats drift by less than this; without it the last of `limit` hits could be refused.
        if (wait := after - now - window) > 1e-6:
            return wait
        if key not in self._arrivals and len(self._arrivals) >= _MAX_LOCAL_KEYS:
            self._make_room(now)
        self._arrivals[key] = after
        return 0.0

    def _make_room(self, now: float) -> None:
        """Forget full buckets, and if there are few, those nearest to full: they have the least to remember."""
        self._arrivals = {key: arrival for key, arrival in self._arrivals.items() if arrival > now}
        surplus = len(self._arrivals) - _MAX_LOCAL_KEYS * 9 // 10
        for key in heapq.nsmallest(max(0, surplus), self._arrivals, key=self._arrivals.__getitem__):
            del self._arrivals[key]
