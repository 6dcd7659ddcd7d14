"""The account page, and the endpoints that end sessions."""

from typing import Any
from urllib.parse import urljoin
from uuid import UUID

import msgspec
from litestar import Response, get, post, route
from litestar.params import FromPath

from identity_api.db import ended_ways, mappings, tenants
from identity_api.errors import NotFound
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.cookies import logout_cookie, logout_cookie_name, session_cookie_name
from identity_api.sessions.login.return_to import check_client_state, find_target
from identity_api.sessions.logout import logout
from identity_api.web.deps import WebDeps
from identity_api.web.http import authentication, cookies, headers
from identity_api.web.http.origins import is_own
from identity_api.web.http.parameters import FORM, WebRequest, deps_of, form_of, is_of, json_of, query_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import json_response, redirect, to_litestar
from identity_api.web.pages.account import AccountView, demo_page, mapping_ids, view_account
from identity_api.web.pages.ended_ways import REASONS, SHOWN_FOR
from identity_api.web.pages.rendering import account_page
from identity_api.web.routes.credentials import credentials_of
from identity_api.web.routes.login import beginning_of


@route("/account", http_method=["GET", "HEAD"], name="account")
async def account(request: WebRequest) -> Response[Any]:
    """The account page."""
    deps, context = deps_of(request), context_of(request.scope)
    found = await authentication.optional(deps, request.scope, is_use="followed" not in query_of(request))
    if found is None:
        return redirect(await authentication.login_address(deps, request.scope))
    view = await _view(deps, found)
    demo_provider = await demo_page(deps.database, context.tenant)
    return to_litestar(account_page(context, view, await credentials_of(deps, found), demo_provider=demo_provider))


@get("/account/version", name="account-version")
async def account_version(request: WebRequest) -> Response[Any]:
    """The version of the account page's content, for its script. No version if nobody is signed in."""
    deps, context = deps_of(request), context_of(request.scope)
    context.is_logged = False
    found = await authentication.optional(deps, request.scope, is_use=False)
    # The page requests again with the cookie of an ended session, and gets the reason.
    context.set_cookies.clear()
    return json_response({"version": (await _view(deps, found)).version if found else None})


async def _view(deps: WebDeps, found: Authenticated) -> AccountView:
    user = found.user
    async with deps.database.reading() as connection:
        patterns = await mappings.patterns(connection, found.tenant_id, mapping_ids(user))
        sessions = await logout.sessions_of(
            connection, found.tenant_id, user.id, idle_seconds=deps.session_idle_seconds
        )
        ended = await ended_ways.newest(
            connection, found.tenant_id, user.id, since=deps.accounts.clock() - SHOWN_FOR, reasons=REASONS
        )
    return view_account(user, found.tenant, found.standing, patterns, sessions, ended, this_session_id=found.session_id)


@post("/account/sessions/{session_id:str}/end", name="end-session", status_code=303)
async def end_session(request: WebRequest, session_id: FromPath[str]) -> Response[Any]:
    """End one of one's own sessions."""
    deps, context = deps_of(request), context_of(request.scope)
    found = await authentication.require(deps, request.scope)
    try:
        wanted = UUID(session_id)
    except ValueError:
        raise NotFound("There is no such session.") from None
    await logout.end_own_session(deps.database, found, wanted)
    return redirect(context.local("/account"))


class SignOutWish(msgspec.Struct, frozen=True):
    """The body of `POST /auth/logout`, which may be missing: where the browser goes afterwards."""

    frontend: str | None = None
    return_to: str | None = None
    state: str | None = None


@post("/auth/logout", name="logout", status_code=303)
async def sign_out(request: WebRequest) -> Response[Any]:
    """End this session, and redirect to the provider's sign-out.

    A program gets an absolute address as JSON. If the provider's sign-out is next, it is an address of this service that
    redirects there once: the provider's address has the ID Token in it, which a frontend's page must not read.
    """
    deps, context = deps_of(request), context_of(request.scope)
    found = await authentication.optional(deps, request.scope)
    cookie_name = session_cookie_name(context.origin, context.path_prefix)
    if context.tenant is None and found is not None:
        context.path_prefix = f"/t/{found.tenant_slug}"
    after = await _after(deps, context, found, await _wish(request), headers.first(request.scope, b"origin"))
    location = after.location if after is not None else context.local("/login?signed_out=1")
    if found is not None:
        ended = await logout.logout(
            deps.login, found, return_origin=context.origin, path_prefix=context.path_prefix, after=after
        )
        location = ended.location
        context.set_cookies.append(cookies.clear_cookie(cookie_name))
        if ended.return_state is not None and not context.wants_page:
            handle = await logout.keep_for_browser(deps.login, found.tenant_id, ended)
            location = context.local(f"{logout.LEAVE_PATH}/{handle}")
        else:
            _keep_state(context, ended)
    return (
        redirect(location) if context.wants_page else json_response({"logout_url": urljoin(context.origin, location)})
    )


async def _wish(request: WebRequest) -> SignOutWish:
    if is_of(request, "application/json") and await request.body():
        return await json_of(request, SignOutWish)
    form = await form_of(request) if is_of(request, FORM) else {}
    return SignOutWish(form.get("frontend"), form.get("return_to"), form.get("state"))


async def _after(
    deps: WebDeps, context: RequestContext, found: Authenticated | None, wish: SignOutWish, origin: str | None
) -> logout.AfterSignOut | None:
    """Where the browser ends: at the requested registered address, otherwise at the first one of the page's frontend.

    Also if the session has already ended: the frontend need not know.

    Raises:
        BadInput: `RETURN_TO_REFUSED`, `FRONTEND_UNKNOWN`, `CLIENT_STATE_INVALID`; the session does not end then.
    """
    tenant_id = found.tenant_id if found is not None else context.tenant.id if context.tenant is not None else None
    if tenant_id is None:
        return None
    check_client_state(wish.state)
    if origin is not None and is_own(context, origin):
        origin = None  # the account page's origin may also be declared for a frontend, but the page is not a frontend's
    asked = {"frontend": wish.frontend, "return_to": wish.return_to}
    beginning = beginning_of(context, None, {name: value for name, value in asked.items() if value}, page_origin=origin)
    async with deps.database.reading() as connection:
        target = find_target(beginning, await tenants.frontends(connection, tenant_id))
    if target.frontend is None and wish.return_to is None:
        return None
    is_asked = wish.frontend is not None or wish.return_to is not None
    return logout.AfterSignOut(target.url, wish.state, is_asked)


@get("/auth/logout/leave/{handle:str}", name="logout-leave")
async def leave(request: WebRequest, handle: FromPath[str]) -> Response[Any]:
    """Redirect to the provider's sign-out, in the browser whose session has ended; once, within a minute."""
    deps, context = deps_of(request), context_of(request.scope)
    ended = await logout.leave(deps.login, context.tenant.id, handle[:200]) if context.tenant is not None else None
    if ended is None:
        return redirect(context.local("/login?signed_out=1"))
    _keep_state(context, ended)
    return redirect(ended.location)


def _keep_state(context: RequestContext, ended: logout.SignedOut) -> None:
    """Store the state in a cookie: only the same browser may come back to the provider's logout page."""
    if ended.return_state is not None:
        kept = logout_cookie(context.origin, ended.return_state, max_age_seconds=logout.RETURN_SECONDS)
        context.set_cookies.append(cookies.set_cookie(kept))


@get("/auth/logout/return", name="logout-return")
async def signed_out(request: WebRequest) -> Response[Any]:
    """Back from the provider's sign-out: redirect to its configured logout page, or to this service's.

    Nothing ends and nobody is signed in here, so every request is redirected. Only the browser that left with this state
    goes to the configured page.
    """
    deps, context = deps_of(request), context_of(request.scope)
    location: str | None = None
    name = logout_cookie_name(context.origin)
    kept = cookies.cookies_of(request.scope).get(name)
    if context.tenant is not None and kept is not None:
        pairs = list(request.query_params.multi_items())
        location = await logout.logout_page(deps.database, context.tenant.id, pairs, kept)
        context.set_cookies.append(cookies.clear_cookie(name))
    return redirect(location or context.local("/login?signed_out=1"))
