"""Rate limits of the edge, by name. `identity_api.limits` counts, across processes, and also while Redis is down.

Addresses come from `context`: behind trusted proxies the client's, otherwise the peer's, so that a header cannot evade a
limit.
"""

import hashlib
import time
from collections.abc import Callable, Iterable
from typing import Final

from identity_api.limits import Limiter
from identity_api.web.http.errors import TooManyRequests

WINDOW_SECONDS: Final = 60.0
LOGIN_STARTS: Final = 600
LOGIN_FAILURES: Final = 30
PER_BINDING: Final = 60
BAD_BEARERS: Final = 60
SECURITY_EVENTS: Final = 10
BAD_LOGOUTS: Final = 60
UNKNOWN_SESSIONS: Final = 60
UNKNOWN_REMEMBERED: Final = 600


class SignInAddress:
    """One address, as tries with passwords from there are counted (`sessions.login.password_login.LoginAddress`)."""

    def __init__(self, limits: "EdgeLimits", address: str) -> None:
        self._limits, self._address = limits, address

    async def check(self) -> None:
        """Refuse an address that has just failed too often, before anything is computed. Raises TooManyRequests."""
        await self._limits.callback(self._address, ())
        await self._limits.login_start(self._address)

    async def failed(self) -> None:
        """A try was refused. Raises TooManyRequests."""
        await self._limits.login_failed(self._address)


class UnknownSessionNamed:
    """A browser at one address names sessions of one provider (`sessions.frontchannel.UnknownSessions`)."""

    def __init__(self, limits: "EdgeLimits", address: str, provider_id: str) -> None:
        self._limits, self._address, self._provider_id = limits, address, provider_id

    async def may_be_remembered(self) -> bool:
        """Count it against the address, then against the provider's place. Raises TooManyRequests."""
        await self._limits.unknown_session(self._address)
        return await self._limits.has_place_for_session(self._provider_id)


class EdgeLimits:
    """What the edge counts. One per process."""

    def __init__(self, limiter: Limiter, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limiter, self._monotonic = limiter, monotonic
        self._failing_until: dict[str, float] = {}

    async def login_start(self, address: str) -> None:
        """A login is begun or launched.

        Raises:
            TooManyRequests: 600 a minute from one address.
        """
        await self._count(f"login:{address}", LOGIN_STARTS)

    async def callback(self, address: str, binding_cookies: Iterable[str]) -> None:
        """A callback arrives. An address that has just failed too often is refused before anything is looked up.

        Raises:
            TooManyRequests: 60 a minute with one binding cookie, or the address is beyond its failures.
        """
        wait = self._failing_until.get(f"failure:{address}", 0.0) - self._monotonic()
        if wait > 0:
            raise TooManyRequests(wait)
        for value in binding_cookies:
            await self._count(f"binding:{hashlib.sha256(value.encode()).hexdigest()}", PER_BINDING)

    async def login_failed(self, address: str) -> None:
        """A login failed.

        Raises:
            TooManyRequests: 30 a minute from one address; its next callbacks are refused until one would be allowed.
        """
        await self._count_or_refuse(f"failure:{address}", LOGIN_FAILURES)

    async def bad_credential(self, address: str) -> None:
        """A bearer token, one-time code or client secret was not valid.

        Raises:
            TooManyRequests: 60 a minute from one address.
        """
        await self._count(f"bearer:{address}", BAD_BEARERS)

    async def bad_logout(self, provider_id: str) -> None:
        """A logout token was refused. Valid tokens are never counted, so a flood of invalid ones does not block them.

        Raises:
            TooManyRequests: 60 a minute for one provider.
        """
        await self._count_or_refuse(f"logout:{provider_id}", BAD_LOGOUTS)

    async def unknown_session(self, address: str) -> None:
        """A browser named a provider's session that is unknown here.

        Raises:
            TooManyRequests: 60 a minute from one address.
        """
        await self._count(f"sid:{address}", UNKNOWN_SESSIONS)

    async def has_place_for_session(self, provider_id: str) -> bool:
        """Whether another unknown session may be remembered: 600 a minute for one provider."""
        key = f"sid-memory:{provider_id}"
        return (await self._limiter.hit(key, limit=UNKNOWN_REMEMBERED, window_seconds=WINDOW_SECONDS)).allowed

    async def is_worth_recording(self, subject: str) -> bool:
        """Whether another security event about this subject is to be written: at most ten a minute."""
        key = f"event:{subject}"
        return (await self._limiter.hit(key, limit=SECURITY_EVENTS, window_seconds=WINDOW_SECONDS)).allowed

    async def _count_or_refuse(self, key: str, limit: int) -> None:
        """Like `_count`, but a refused key is not counted again before it would be allowed: a flood costs little."""
        wait = self._failing_until.get(key, 0.0) - self._monotonic()
        if wait > 0:
            raise TooManyRequests(wait)
        try:
            await self._count(key, limit)
        except TooManyRequests as error:
            self._refuse_for_a_while(key, float(error.headers["Retry-After"]))
            raise

    async def _count(self, key: str, limit: int) -> None:
        decision = await self._limiter.hit(key, limit=limit, window_seconds=WINDOW_SECONDS)
        if not decision.allowed:
            raise TooManyRequests(decision.retry_after_seconds)

    def _refuse_for_a_while(self, key: str, seconds: float) -> None:
        now = self._monotonic()
        if len(self._failing_until) > 10_000:
            self._failing_until = {held: until for held, until in self._failing_until.items() if until > now}
        self._failing_until[key] = now + seconds
