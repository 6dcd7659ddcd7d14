"""Health, metrics and static files: answered without a tenant and without a session."""

import asyncio
from typing import Any, Final

from litestar import Response, route

from identity_api.db.health import writing
from identity_api.errors import NotFound, Overloaded, Unavailable
from identity_api.http import HTTPResponse
from identity_api.telemetry import render_metrics
from identity_api.web.http.draining import is_draining
from identity_api.web.http.parameters import WebRequest, deps_of, query_of
from identity_api.web.http.request_context import context_of
from identity_api.web.http.response import json_response, to_litestar
from identity_api.web.pages.rendering import ACCOUNT_SCRIPT, ACCOUNT_SCRIPT_VERSION, STYLE, STYLE_VERSION

READY_SECONDS: Final = 1.0


@route("/health/live", http_method=["GET", "HEAD"], name="live")
async def live() -> Response[Any]:
    """The process answers. It does not check what it depends on, or an outage there would restart every replica."""
    return json_response({"status": "ok"})


@route("/health/ready", http_method=["GET", "HEAD"], name="ready")
async def ready(request: WebRequest) -> Response[Any]:
    """Whether requests can be served: the database can be written to, says so within a second, and nobody ends this process."""
    deps = deps_of(request)
    database: str
    try:
        async with asyncio.timeout(READY_SECONDS), deps.database.reading() as connection:
            database = await writing(connection)
    except Overloaded:
        database = "busy"
    except (Unavailable, TimeoutError):
        database = "busy" if deps.database.is_exhausted else "unavailable"
    if database == "read_only":
        # No request that writes comes to an unready replica, so nothing else would find the new primary.
        await deps.database.reconnect()
    is_ready = database == "ok" and not is_draining()
    status = "ready" if is_ready else "stopping" if is_draining() else "unready"
    details: dict[str, Any] = {"status": status, "database": database}
    if context_of(request.scope).peer_is_local:
        details |= await deps.readiness()
        details["notices"] = sorted(deps.notices)
    answer = json_response(details, 200 if is_ready else 503)
    if not is_ready:
        answer.headers["retry-after"] = "1"
    return answer


@route("/metrics", http_method=["GET", "HEAD"], name="metrics")
async def metrics(request: WebRequest) -> Response[Any]:
    """Metrics for Prometheus, for a scraper on the same network that does not come through a proxy."""
    if not context_of(request.scope).peer_is_local:
        raise NotFound("There is nothing at this address.")
    body, media_type = render_metrics()
    return to_litestar(HTTPResponse(200, {"content-type": media_type}, body))


@route("/static/style.css", http_method=["GET", "HEAD"], name="style")
async def style(request: WebRequest) -> Response[Any]:
    """The one style file."""
    return _static(request, STYLE, STYLE_VERSION, "text/css")


@route("/static/account.js", http_method=["GET", "HEAD"], name="account-script")
async def account_script(request: WebRequest) -> Response[Any]:
    """The account page's script."""
    return _static(request, ACCOUNT_SCRIPT, ACCOUNT_SCRIPT_VERSION, "text/javascript")


def _static(request: WebRequest, content: bytes, version: str, media_type: str) -> Response[Any]:
    """A file whose address has its version, so that it can be cached for ever."""
    versioned = query_of(request).get("v") == version
    caching = "public, max-age=31536000, immutable" if versioned else "no-cache"
    headers = {"content-type": f"{media_type}; charset=utf-8", "cache-control": caching}
    return to_litestar(HTTPResponse(200, headers, content))
