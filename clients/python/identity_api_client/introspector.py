"""Asks what a token stands for (RFC 7662), and keeps the answer no longer than a revocation may go unseen."""

import hashlib
import time
from collections.abc import Callable

import httpx

from identity_api_client.caller import Caller
from identity_api_client.errors import Unauthenticated

MAX_KEEP_SECONDS = 10.0
MAX_KEPT = 10_000
TIMEOUT_SECONDS = 5.0


class Introspector:
    """For one service client. Of any number of requests with one token within `keep_seconds`, the service sees one.

    Args:
        url: of the service or of a tenant's host.
        client_id: the service client's name.
        client_secret: its secret.
        keep_seconds: how long an answer counts: at most ten, 0 for never.
        http: a client of your own, such as one with a pool or a proxy; you close it.
        clock: Unix seconds.
    """

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        keep_seconds: float = 2.0,
        http: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not 0 <= keep_seconds <= MAX_KEEP_SECONDS:
            raise ValueError(f"An answer is kept for 0 to {MAX_KEEP_SECONDS:g} seconds.")
        self._url = f"{url.rstrip('/')}/v1/introspect"
        self._form = {"client_id": client_id, "client_secret": client_secret}
        self._keep_seconds, self._clock = keep_seconds, clock
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        self._owns_http = http is None
        self._kept: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, authorization: str | None) -> Caller:
        """Who sends this `Authorization` header.

        Raises:
            Unauthenticated: no bearer token, or none that is active.
            httpx.HTTPError: the service does not answer, or refuses the service client.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated(presented=authorization is not None)
        token = token.strip()
        key = _key(token)
        kept = self._kept.get(key)
        if kept is not None and self._clock() < kept[0]:
            return kept[1]
        self._kept.pop(key, None)
        return await self._ask(key, token)

    def forget(self, token: str) -> None:
        """Ask about this token anew: it was signed out, or its holder's permissions were changed."""
        self._kept.pop(_key(token), None)

    async def aclose(self) -> None:
        """Close the HTTP client, unless it is your own."""
        if self._owns_http:
            await self._http.aclose()

    async def _ask(self, key: bytes, token: str) -> Caller:
        asked_at = self._clock()
        response = await self._http.post(self._url, data={**self._form, "token": token})
        response.raise_for_status()
        answer = response.json()
        if answer.get("active") is not True:
            raise Unauthenticated(presented=True)
        caller = Caller.of(answer)
        # From when it was asked: a slow answer is not kept the longer for it.
        until = min(asked_at + self._keep_seconds, caller.expires_at)
        if until > self._clock():
            while len(self._kept) >= MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (until, caller)
        return caller


def _key(token: str) -> bytes:
    """Tokens themselves are kept nowhere."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
