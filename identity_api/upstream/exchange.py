"""Send one HTTP request to a provider and return the response, within bounds that hold whatever the provider does.

The address is checked just before the connection is made (`addresses`), literals included; there are no redirects, cookies
or environment proxies; one wall-clock deadline covers everything, the wait for a connection included; the body is limited
after decompression; a POST is never repeated automatically. aiohttp does the HTTP (RFC 9112); callers never see it.

aiohttp repeats a GET once on a reused connection that was dropped, so GET is never used for a request with an effect.

Callers judge the status and the body. If the caller is cancelled, CancelledError passes through and nothing says whether
the request was sent: a caller that needs to know records the attempt before.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from uuid import UUID

import aiohttp

from identity_api.oidc.messages import Answer, Request
from identity_api.telemetry import span
from identity_api.upstream.addresses import AllowList, Scope
from identity_api.upstream.answers import read_answer, translated
from identity_api.upstream.connections import Limits, on_connection, open_session
from identity_api.upstream.errors import TargetRefused, Unreachable, Withdrawn
from identity_api.upstream.resolver import Resolve, SystemResolver
from identity_api.upstream.targets import Target, parse_target
from identity_api.upstream.tls import require_verifying, verifying_context

DEFAULT_CAP_BYTES = 262_144
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_METHOD = re.compile(r"[A-Z]{1,16}")
# Set by this module: they frame the message, name the host, or would keep state between requests.
_OWN_HEADERS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "cookie", "expect", "upgrade"}
)


class Upstream:
    """Outbound HTTP of one process and event loop. Made once by the wiring and passed to the users; close it with
    `aclose`.
    """

    def __init__(
        self,
        *,
        allow: AllowList,
        resolve: Resolve | None = None,
        connections: int = 100,
        per_origin: int = 20,
        idle_seconds: float = 4,
    ) -> None:
        """Opens nothing yet.

        Args:
            allow: the operator's list beyond public addresses.
            resolve: numeric addresses of a name; by default the system's resolver with threads of its own.
            connections: at most so many at once, in each scope (see `addresses.Scope`).
            per_origin: at most so many of them to one origin.
            idle_seconds: how long an unused connection is kept. Common servers close after 5 s; a POST on a connection
                that is just being closed looks like one that was read and never answered.
        """
        self._allow = allow
        self._system_resolver = SystemResolver()  # starts no thread before the first lookup
        self._resolve: Resolve = resolve or self._system_resolver
        self._limits = Limits(connections, per_origin, idle_seconds)
        self._sessions: dict[Scope, aiohttp.ClientSession] = {}
        self._closed = False

    async def exchange(
        self,
        request: Request,
        *,
        deadline: float,
        cap: int = DEFAULT_CAP_BYTES,
        tenant: str | UUID | None = None,
        tls: ssl.SSLContext | None = None,
        answer_seconds: float | None = None,
        may_send: Callable[[], bool] | None = None,
    ) -> Answer:
        """Send a request and read the whole answer. Any complete HTTP answer is returned, also a redirect or a 500.

        Args:
            request: sent as it is; `Host`, framing, `Accept-Encoding` and cookie headers in it are ignored.
            deadline: seconds of wall-clock time for everything; with `answer_seconds`, until the connection is made.
            cap: bytes the decoded body may have.
            tenant: on whose behalf: opens the allowances bound to it.
            tls: other trusted authorities or a client certificate; it must verify. See `tls.verifying_context`.
            answer_seconds: for the whole answer, from when the connection is made, so that waiting for a connection is
                not counted.
            may_send: called when the connection is made, as the last step before anything is written.

        Raises:
            TargetRefused, Unreachable, Withdrawn: nothing was sent.
            Unanswered, Unusable: the request may have been sent and executed.
            ValueError: `tls` does not verify.
        """
        if tls is not None:
            require_verifying(tls)
        target = parse_target(request.url)
        session = self._session(target, tenant)
        sending = _Sending(target.origin, answer_seconds, may_send)
        on_connection.set(sending.connected)
        try:
            with span("upstream.exchange", origin=target.origin, method=request.method) as note:
                async with asyncio.timeout(deadline) as sending.timer:
                    response = await session.request(
                        request.method,
                        target.url,
                        data=request.body or None,
                        headers=_request_headers(request, target),
                        allow_redirects=False,
                        ssl=(tls or verifying_context()) if target.scheme == "https" else True,
                    )
                    note("status", response.status)
                    return await read_answer(response, cap, target.origin)
        except (aiohttp.ClientError, OSError) as error:
            # `from None`: aiohttp's texts hold the URL with its query.
            raise translated(error, sending.is_sent, target.origin) from None

    async def aclose(self) -> None:
        """Close every connection. Running exchanges fail; later ones are `Unreachable`."""
        self._closed = True
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()
        self._system_resolver.close()

    def _session(self, target: Target, tenant: str | UUID | None) -> aiohttp.ClientSession:
        scope = self._allow.scope(target.scheme, target.host, target.port, tenant)
        if scope is None:
            raise TargetRefused("This target is not allowed.", reason="scheme", origin=target.origin)
        if self._closed:
            raise Unreachable("Outbound requests have been shut down", origin=target.origin)
        # As many sessions as the allow-list has scopes: its length bounds them, not the callers' requests.
        session = self._sessions.get(scope)
        if session is None:
            session = self._sessions[scope] = open_session(scope, self._allow, self._resolve, self._limits)
        return session


class _Sending:
    """The state of one exchange's connection."""

    def __init__(self, origin: str, answer_seconds: float | None, may_send: Callable[[], bool] | None) -> None:
        self._origin, self._answer_seconds, self._may_send = origin, answer_seconds, may_send
        self.timer: asyncio.Timeout
        self.is_sent = False

    def connected(self) -> None:
        if self._may_send is not None and not self._may_send():
            raise Withdrawn("The request was withdrawn before it was sent.", origin=self._origin)
        self.is_sent = True
        if self._answer_seconds is not None:
            self.timer.reschedule(asyncio.get_running_loop().time() + self._answer_seconds)


def _request_headers(request: Request, target: Target) -> dict[str, str]:
    """The headers to send. Refuses characters that could end a line, since a value may come from a provider."""
    written = all(_HEADER_NAME.fullmatch(k) and _HEADER_VALUE.fullmatch(v) for k, v in request.headers.items())
    if not written or not _METHOD.fullmatch(request.method):
        raise TargetRefused(
            "The request cannot be written.", reason="request", code="REQUEST_INVALID", origin=target.origin
        )
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _OWN_HEADERS}
    return {"user-agent": "identity-api", **headers, "accept-encoding": "identity"}
