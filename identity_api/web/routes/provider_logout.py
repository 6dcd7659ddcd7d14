"""The logout endpoints for providers: called by its server (back channel), or in a frame of its sign-out page (front channel).

Both addresses name the provider by its row's id and exist only at its tenant's host or prefix. The specification requires
400 for every faulty request, and `Cache-Control: no-store`, which all responses of this service have.
"""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from identity_api.db import providers
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, NotFound
from identity_api.http import HTTPResponse
from identity_api.oidc.errors import InvalidParameters
from identity_api.oidc.frontchannel_logout import parse_frontchannel_logout
from identity_api.oidc.logout_token import parse_backchannel_logout
from identity_api.sessions.cookies import session_cookie_name
from identity_api.sessions.logout.backchannel import use_logout_token
from identity_api.sessions.logout.frontchannel import end_by_browser
from identity_api.sessions.logout.provider_logout import LogoutRefused, LogoutReplayed
from identity_api.telemetry import METRICS
from identity_api.web.deps import WebDeps
from identity_api.web.http import cookies
from identity_api.web.http.errors import HTTPRefusal, TooManyRequests
from identity_api.web.http.limits import UnknownSessionNamed
from identity_api.web.http.logout_replay_guard import note_refusal
from identity_api.web.http.parameters import WebRequest, deps_of, form_pairs, pairs_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import to_litestar
from identity_api.web.http.security_headers import framed_by


@post("/auth/providers/{provider_id:str}/backchannel-logout", name="backchannel-logout", status_code=200)
async def backchannel_logout(request: WebRequest, provider_id: FromPath[str]) -> Response[Any]:
    """A logout token from the provider's server."""
    deps, context = deps_of(request), context_of(request.scope)
    context.wants_page = False
    provider, tenant_slug = await _provider(deps, context, provider_id)
    try:
        token = await _token(request)
        try:
            outcome = await use_logout_token(deps.login, provider, tenant_slug, token)
        except LogoutReplayed:
            deps.replays.note(provider.tenant_id, provider.id, token)
            raise
    except LogoutRefused as error:
        METRICS.count_logout("back", "refused")
        await note_refusal(deps, provider.tenant_id, provider.id, error)
        raise
    deps.replays.note(provider.tenant_id, provider.id, token)
    METRICS.count_logout("back", outcome)
    return to_litestar(HTTPResponse(200))


async def _token(request: WebRequest) -> str:
    try:
        return parse_backchannel_logout(await form_pairs(request))
    except InvalidParameters as error:
        raise LogoutRefused(f"{error.code}:{error.claim}") from error
    except BadInput as error:
        raise LogoutRefused(error.code) from error
    except HTTPRefusal as error:
        if error.status != 415:
            raise
        raise LogoutRefused(error.code) from error


@get("/auth/providers/{provider_id:str}/frontchannel-logout", name="frontchannel-logout")
async def frontchannel_logout(request: WebRequest, provider_id: FromPath[str]) -> Response[Any]:
    """The frame in the provider's sign-out page. An empty page, whether or not anything ended."""
    deps, context = deps_of(request), context_of(request.scope)
    provider, tenant_slug = await _provider(deps, context, provider_id)
    cookie_name = session_cookie_name(context.origin, context.path_prefix)
    held = cookies.cookies_of(request.scope).get(cookie_name)
    logout = parse_frontchannel_logout(pairs_of(request.scope["query_string"]))
    unknown = UnknownSessionNamed(deps.limits, context.address, str(provider.id))
    try:
        came = await end_by_browser(deps.login, provider, tenant_slug, logout, held, unknown)
    except (LogoutRefused, TooManyRequests):
        METRICS.count_logout("front", "refused")
        raise
    METRICS.count_logout("front", came.outcome)
    if came.ends_own_cookie:
        context.set_cookies.append(cookies.clear_cookie(cookie_name))
    headers = {"content-type": "text/html; charset=utf-8", **framed_by(came.framed_by)}
    return to_litestar(HTTPResponse(200, headers, b"<!doctype html><title>Signed out</title>\n"))


async def _provider(deps: WebDeps, context: RequestContext, provider_id: str) -> tuple[Provider, str]:
    """The enabled OpenID Provider of this id at this tenant's host or prefix, and the tenant's slug."""
    try:
        wanted = UUID(provider_id)
    except ValueError:
        raise _unknown() from None
    if context.tenant is None:
        raise _unknown()
    async with deps.database.reading() as connection:
        found = await providers.get(connection, context.tenant.id, wanted)
    if found is None or not found.enabled or found.protocol != "oidc":
        raise _unknown()
    return found, context.tenant.slug


def _unknown() -> NotFound:
    return NotFound("There is no such provider.", code="PROVIDER_NOT_FOUND")
