"""The outermost ASGI application: the steps that every request goes through, whichever route answers it.

In this order: a request id; the bounds of the head; scheme, host and address as the browser sees them; the entry (tenant);
preflights; a bounded body; then the GraphQL endpoint or the framework's routes. Every exception becomes a response here, and
every response gets the common headers, is logged once by its route template and counted.
"""

import re
import time
from typing import Any, Final

from identity_api.db import first_run
from identity_api.db.audit_origin import Origin, changes_come_from
from identity_api.errors import Unavailable
from identity_api.fairness.served import serving, work_for
from identity_api.fairness.time_slices import let_others_first
from identity_api.http import EventStream, HTTPResponse
from identity_api.sessions.errors import LoginFailed
from identity_api.telemetry import METRICS, get_logger, log_context, log_directly, redact, span
from identity_api.web.deps import WebDeps
from identity_api.web.http import cookies, headers, security_headers
from identity_api.web.http.body import MAX_BODY_BYTES, MAX_GRAPHQL_BODY_BYTES, BoundedBody
from identity_api.web.http.change_reason import reason_of
from identity_api.web.http.draining import is_draining
from identity_api.web.http.errors import TooManyRequests, problem_of
from identity_api.web.http.forwarded import see
from identity_api.web.http.graphql_endpoint import answer_graphql, is_graphql
from identity_api.web.http.logout_replay_guard import is_backchannel_logout, refuse_replay
from identity_api.web.http.oauth_errors import IS_OAUTH, oauth_answer
from identity_api.web.http.origins import allow_reading, allow_reading_of_failure, answer_preflight
from identity_api.web.http.request_context import RequestContext, put_context
from identity_api.web.http.request_head import check_head
from identity_api.web.pages.rendering import error_page
from identity_api.web.routes.oauth import answer_introspection

# Called by machines that know only an address: any well-formed host is accepted.
_HOSTLESS: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
_FOR_PROGRAMS: Final = re.compile(r"(?:/t/[^/]+)?/(?:v1/(?!auth/(?:oidc/callback|authorize)$)|graphql)")
"""Where a browser is told no page: persons arrive at two addresses of `/v1` only."""
TABLES: Final = "/console/mappings/import"
"""Where a table of mappings is posted, which becomes one request of GraphQL."""
INTROSPECTION: Final = "/v1/introspect"
CHECK: Final = "/v1/check"
"""What looks like a preflight here is one that a proxy asks about, and no answer without a credential may look like a yes."""
UNTRUSTED_PROXY: Final = "forwarded headers come from a private address that is not in IDENTITY_TRUSTED_PROXIES"
_log = get_logger(__name__)


class HTTPApplication:
    """Wraps the framework's application."""

    def __init__(self, routes: Any, deps: WebDeps) -> None:
        self._routes, self._deps = routes, deps
        self._public_is_https = deps.login.public_url.startswith("https://")
        self._has_tenants = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._routes(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        else:
            await self._serve(dict(scope), receive, send)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        context = RequestContext(method=scope["method"], path=scope["path"])
        put_context(scope, context)
        answering = _Answering(context, send)
        with serving(), log_context(request_id=context.request_id):
            with span("http.request", request_id=context.request_id, method=context.method[:16]) as note:
                try:
                    await self._dispatch(scope, context, receive, answering)
                except Exception as error:
                    if answering.has_begun:
                        raise
                    if not context.is_entered or isinstance(error, Unavailable | TimeoutError):
                        allow_reading_of_failure(self._deps.origins, context, scope)
                    if isinstance(error, TooManyRequests):
                        await let_others_first()
                    await render_error(context, error).send(answering)
                finally:
                    note("route", context.route)
                    note("status", answering.status)
                    _report(context, answering.status)
            await _run_afterwards(context)

    async def _dispatch(self, scope: Any, context: RequestContext, receive: Any, answering: "_Answering") -> None:
        context.wants_page = "text/html" in (headers.first(scope, b"accept") or "") and not _FOR_PROGRAMS.match(
            context.path
        )
        check_head(scope)
        self._see(scope, context)
        await self._enter(scope, context)
        context.is_entered = True
        # Before anything can refuse: a frontend's page is to read every refusal.
        await allow_reading(self._deps.origins, context, scope, context.tenant.id if context.tenant else None)
        is_asked_about = scope["path"] == CHECK
        allowed = None if is_asked_about else await answer_preflight(self._deps.origins, context, scope)
        if allowed is not None:
            context.route = "preflight"
            await HTTPResponse(204, allowed).send(answering)
            return
        agent = headers.first(scope, b"user-agent")
        with changes_come_from(Origin(context.request_id, context.address, reason_of(scope), agent)):
            await self._answer(scope, context, receive, answering)

    async def _answer(self, scope: Any, context: RequestContext, receive: Any, answering: "_Answering") -> None:
        if scope["path"] == "/graphql" and self._deps.graphql is not None and is_graphql(context, scope):
            context.route, context.wants_page = "/graphql", False
            body = self._body(scope, context, receive, MAX_GRAPHQL_BODY_BYTES)
            answer = await answer_graphql(self._deps, self._deps.graphql, scope, body)
            if isinstance(answer, EventStream):
                context.route = "/graphql (events)"
                await answer.send(answering, receive)
            else:
                await answer.send(answering)
        elif scope["path"] == INTROSPECTION and context.method == "POST":
            context.route = INTROSPECTION
            form = await self._body(scope, context, receive, MAX_BODY_BYTES).read()
            await (await answer_introspection(self._deps, scope, form)).send(answering)
        else:
            is_table = scope["path"].startswith(TABLES)
            body = self._body(scope, context, receive, MAX_GRAPHQL_BODY_BYTES if is_table else MAX_BODY_BYTES)
            if is_backchannel_logout(scope):
                await refuse_replay(self._deps, context, scope, body)
            await self._routes(scope, body, answering)
            context.route = scope.get("path_template") or "none"

    def _body(self, scope: Any, context: RequestContext, receive: Any, limit: int) -> BoundedBody:
        return BoundedBody(scope, receive, limit, counted=lambda: self._deps.arriving.from_address(context.address))

    def _see(self, scope: Any, context: RequestContext) -> None:
        seen = see(scope, self._deps.trusted_proxies, always_https=self._public_is_https)
        context.scheme, context.authority, context.host = seen.scheme, seen.authority, seen.host
        context.address, context.peer_is_local = seen.address, seen.peer_is_local
        if seen.is_untold and UNTRUSTED_PROXY not in self._deps.notices:
            self._deps.notices.add(UNTRUSTED_PROXY)
            _log.warning("http.untrusted_proxy", hint="list the proxy in IDENTITY_TRUSTED_PROXIES")

    async def _enter(self, scope: Any, context: RequestContext) -> None:
        if context.path in _HOSTLESS or context.path.startswith("/static/"):
            return
        entry = await self._deps.tenancy.enter(context.host, context.path)
        context.tenant, context.path_prefix = entry.tenant, entry.prefix
        work_for(entry.tenant.id if entry.tenant else None)
        scope["path"] = entry.path
        if entry.tenant is None and context.wants_page and not self._has_tenants:
            async with self._deps.database.reading() as connection:
                context.is_before_first_run = await first_run.is_ahead(connection)
            self._has_tenants = not context.is_before_first_run


def render_error(context: RequestContext, error: BaseException) -> HTTPResponse:
    """The answer to a request that raised: a page for a browser, else problem JSON."""
    failed = error if isinstance(error, LoginFailed) else None
    if failed is not None:
        cookies.apply(context.set_cookies, (), failed.clear_cookies)
    problem = problem_of(error)
    if context.wants_page and failed is not None and failed.frontend_address is not None:
        return HTTPResponse(303, {"location": failed.frontend_address})
    if context.wants_page:
        return error_page(context, problem, failed)
    if IS_OAUTH.fullmatch(context.path):
        return oauth_answer(problem, context.request_id)
    return problem.as_json(context.request_id)


class _Answering:
    """An ASGI `send` that adds what every answer has, remembers its status, and keeps a HEAD's answer without body."""

    def __init__(self, context: RequestContext, send: Any) -> None:
        self._context, self._send = context, send
        self.has_begun = False
        self.status = 500

    async def __call__(self, event: Any) -> None:
        if event["type"] == "http.response.start":
            self.has_begun, self.status = True, event["status"]
            lines = [(name, value) for name, value in event["headers"] if value]
            if is_draining():
                lines.append((b"connection", b"close"))
            event = {**event, "headers": security_headers.complete(self._context, lines)}
        elif event["type"] == "http.response.body" and self._context.method == "HEAD":
            event = {**event, "body": b""}
        await self._send(event)


def _report(context: RequestContext, status: int) -> None:
    seconds = time.monotonic() - context.started
    METRICS.observe_request(context.route, context.method, status, seconds)
    if not context.is_logged:
        return
    # The template, not the path: paths hold handles, and queries hold codes.
    log_directly(
        __name__,
        "http.request",
        request_id=context.request_id,
        method=redact("method", context.method[:16]),
        route=context.route,
        status=status,
        milliseconds=round(seconds * 1000, 1),
        address=context.address,
        tenant=context.tenant.slug if context.tenant else None,
    )


async def _run_afterwards(context: RequestContext) -> None:
    for act in context.afterwards:
        try:
            await act()
        except Exception:
            _log.exception("http.afterwards_failed")
