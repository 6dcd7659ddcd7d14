"""`Upstream` as an httpx client, for code that calls a vendor's API: requests with JSON, pages, links.

The sync calls `Upstream.exchange` directly: httpx's client object costs more than the whole exchange.
"""

import ssl
from collections.abc import Mapping
from uuid import UUID

import httpx

from identity_api.oidc.messages import Request
from identity_api.upstream.errors import Unanswered, Unreachable, Unusable, UpstreamError
from identity_api.upstream.exchange import DEFAULT_CAP_BYTES, Upstream


class UpstreamTransport(httpx.AsyncBaseTransport):
    """An httpx transport with the address check, deadline and caps of `Upstream`.

    A request's read timeout is the wall clock of its whole exchange, and never more than `deadline`; httpx's other timeouts
    do not apply. Closing it leaves the Upstream open.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        deadline: float,
        cap: int = DEFAULT_CAP_BYTES,
        tenant: str | UUID | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._upstream, self._deadline, self._cap, self._tenant, self._tls = upstream, deadline, cap, tenant, tls

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx.TransportError of the nearest kind; its `__cause__` is the UpstreamError, with `sent`."""
        ours = Request(
            method=request.method, url=str(request.url), headers=dict(request.headers), body=await request.aread()
        )
        asked = request.extensions.get("timeout", {}).get("read")
        deadline = self._deadline if asked is None else min(asked, self._deadline)
        try:
            answer = await self._upstream.exchange(
                ours, deadline=deadline, cap=self._cap, tenant=self._tenant, tls=self._tls
            )
        except UpstreamError as error:
            raise _httpx_error(error)(error.message, request=request) from error
        return httpx.Response(answer.status, headers=_headers(answer.headers), content=answer.body, request=request)


def httpx_client(
    upstream: Upstream,
    *,
    deadline: float,
    cap: int = DEFAULT_CAP_BYTES,
    tenant: str | UUID | None = None,
    tls: ssl.SSLContext | None = None,
) -> httpx.AsyncClient:
    """A client over `upstream`. Without cookies: no `Set-Cookie` reaches it, and it sends no `Cookie`."""
    transport = UpstreamTransport(upstream, deadline=deadline, cap=cap, tenant=tenant, tls=tls)
    return httpx.AsyncClient(transport=transport, timeout=deadline, trust_env=False, follow_redirects=False)


def code_of(error: httpx.TransportError) -> str:
    """What `UpstreamError` calls it, in lower case; `not_sent` for a request that httpx itself refused to send."""
    return error.__cause__.code.lower() if isinstance(error.__cause__, UpstreamError) else "not_sent"


def _headers(received: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """As they came: httpx would write text in ASCII, and reads `Location` even where it follows none."""
    return [
        (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
        for name, value in received.items()
        if name != "location" or _leads_somewhere(value)
    ]


def _leads_somewhere(location: str) -> bool:
    try:
        url = httpx.URL(location)
    except httpx.InvalidURL:
        return False
    return bool(url.host) or not url.scheme


def _httpx_error(error: UpstreamError) -> type[httpx.TransportError]:
    if isinstance(error, Unusable):
        return httpx.RemoteProtocolError
    if isinstance(error, Unanswered):
        return httpx.ReadTimeout if error.code == "ANSWER_TIMED_OUT" else httpx.ReadError
    if isinstance(error, Unreachable) and error.code == "CONNECT_TIMED_OUT":
        return httpx.ConnectTimeout
    return httpx.ConnectError
