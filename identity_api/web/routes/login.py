"""The start of logins: the login page, the shortcuts to a provider, and launch."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, route
from litestar.params import FromPath

from identity_api.db import providers, tenants
from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput, NotFound
from identity_api.relying_party.authorization_request import can_be_asked
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.end_reasons import SENTENCES
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import AuthorizationRedirect, BrowserRequest, LoginRequest
from identity_api.sessions.login.frontend_errors import error_address
from identity_api.sessions.login.launch import launch
from identity_api.sessions.login.password_login import check_beginning, is_offered
from identity_api.sessions.login.prepare import prepare
from identity_api.sessions.login.return_to import check_client_state, find_target
from identity_api.sessions.step_up import login_hint
from identity_api.web.deps import WebDeps
from identity_api.web.http import authentication, cookies
from identity_api.web.http.login_failures import login_failed
from identity_api.web.http.parameters import WebRequest, deps_of, query_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import redirect, to_litestar
from identity_api.web.pages.rendering import Button, LocalForm, button_of, login_page
from identity_api.web.routes.callback import CALLBACK_MARKS, end_login

CARRIED = ("return_to", "frontend", "delivery", "code_challenge", "state", "reauth")
"""What a frontend asks for travels from the login page to the provider's button, and through the form."""
_NOTICES = {
    "signed_out": "You have signed out.",
    "password_set": "Your password has been set. Sign in with it.",
}
"""Parameters of ours, and what the page then says first."""


@route("/", http_method=["GET", "HEAD"], name="root")
async def root(request: WebRequest) -> Response[Any]:
    """A callback, if it looks like one (some seed systems registered the bare origin); else the account or the login."""
    context = context_of(request.scope)
    query = dict.fromkeys(name for name, _ in request.query_params.multi_items())
    # Also without `state`: an error that a provider sends so would begin the next login, which ends with the same error.
    if context.method == "GET" and not CALLBACK_MARKS.isdisjoint(query):
        return await end_login(request)
    if context.tenant is None:
        raise _no_tenant(context)
    signed_in = await authentication.optional(deps_of(request), request.scope)
    if signed_in is not None:
        return redirect(context.local("/account"))
    return redirect(await authentication.login_address(deps_of(request), request.scope))


@route("/login", http_method=["GET", "HEAD"], name="login")
async def login(request: WebRequest) -> Response[Any]:
    """Redirect to the only or the default provider; otherwise, or if a choice is requested, show a page of buttons."""
    deps, context, query = deps_of(request), context_of(request.scope), query_of(request)
    tenant = tenant_of(context)
    enabled = await enabled_providers(deps, tenant, proving=query.get("reauth") == "1")
    form = await local_form(deps, context, tenant, query)
    notices = [sentence for name, sentence in _NOTICES.items() if name in query]
    notices += [sentence for end, sentence in SENTENCES.items() if query.get("ended") == end]
    wants_choice = "choose" in query or notices or context.method == "HEAD"
    chosen = None if wants_choice else _chosen(tenant, enabled, query.get("provider"), has_form=form is not None)
    if chosen is not None:
        return await begin(request, deps, context, tenant, chosen.slug, query)
    buttons = [_button(context, provider, query) for provider in enabled]
    notice = notices[0] if notices else None
    leave = await _way_out(deps, context, tenant, query)
    return to_litestar(login_page(context, buttons, notice=notice, local=form, leave=leave))


async def refused_page(
    deps: WebDeps, context: RequestContext, tenant: Tenant, form: LocalForm, *, status: int
) -> Response[Any]:
    """The login page again, after a failed local sign-in."""
    query = dict(form.carried)
    buttons = [
        _button(context, provider, query)
        for provider in await enabled_providers(deps, tenant, proving=query.get("reauth") == "1")
    ]
    leave = await _way_out(deps, context, tenant, query)
    return to_litestar(login_page(context, buttons, local=form, leave=leave, status=status))


async def _way_out(deps: WebDeps, context: RequestContext, tenant: Tenant, query: dict[str, str]) -> Button | None:
    """Back to the frontend without a login (RFC 6749 section 4.1.2.1); None if no registered address was requested."""
    if not query.keys() & {"frontend", "return_to"}:
        return None
    async with deps.database.reading() as connection:
        frontends = await tenants.frontends(connection, tenant.id)
    try:
        check_client_state(query.get("state"))
        target = find_target(beginning_of(context, None, query), frontends)
    except BadInput:
        return None
    if target.frontend is None:
        return None
    address = error_address(
        target.url,
        "access_denied",
        "The person left the login page.",
        state=query.get("state"),
        issuer=context.origin + context.path_prefix,
        code="LOGIN_CANCELLED",
        in_fragment=query.get("delivery") == "fragment",
    )
    return Button("Cancel", address, None)


async def local_form(deps: WebDeps, context: RequestContext, tenant: Tenant, query: dict[str, str]) -> LocalForm | None:
    """The form, if the tenant has passwords. Unusable parameters are refused before somebody types a password."""
    if not await is_offered(deps.local, tenant):
        return None
    await check_beginning(deps.local, tenant, beginning_of(context, None, query))
    carried = {name: value for name, value in query.items() if name in CARRIED}
    return LocalForm(carried=carried, username=query.get("login_hint", ""))


async def enabled_providers(deps: WebDeps, tenant: Tenant, *, proving: bool = False) -> list[Provider]:
    """The providers to sign in with; with `proving` only those that can be asked for a new proof of the person."""
    async with deps.database.reading() as connection:
        found = [one for one in await providers.of_tenant(connection, tenant.id) if one.enabled]
    return [one for one in found if not proving or can_be_asked(one)]


@get("/auth/{protocol:str}/{provider:str}/login", name="provider-login")
async def provider_login(request: WebRequest, protocol: FromPath[str], provider: FromPath[str]) -> Response[Any]:
    """Prepare and launch in one."""
    deps, context, query = deps_of(request), context_of(request.scope), query_of(request)
    tenant = tenant_of(context)
    if query.get("reauth") == "1" and "login_hint" not in query:
        signed_in = await authentication.optional(deps, request.scope)
        if signed_in is not None and (hint := await _hint(deps, signed_in, tenant, provider)):
            query["login_hint"] = hint
    return await begin(request, deps, context, tenant, provider, query, protocol=protocol)


async def _hint(deps: WebDeps, signed_in: Authenticated, tenant: Tenant, slug: str) -> str | None:
    """What this provider calls the signed-in person."""
    async with deps.database.reading() as connection:
        found = await providers.by_slug(connection, tenant.id, slug)
    return None if found is None else await login_hint(deps.database, signed_in, found)


@get("/auth/launch/{handle:str}", name="launch")
async def launch_login(request: WebRequest, handle: FromPath[str]) -> Response[Any]:
    """Begin a prepared login in this browser."""
    deps, context = deps_of(request), context_of(request.scope)
    await deps.limits.login_start(context.address)
    return await _launch(request, deps, context, handle)


async def begin(
    request: WebRequest,
    deps: WebDeps,
    context: RequestContext,
    tenant: Tenant,
    slug: str,
    query: dict[str, str],
    *,
    protocol: str | None = None,
) -> Response[Any]:
    """Prepare a login at this provider with the parameters of `query`, and launch it in this browser."""
    beginning = msgspec.structs.replace(beginning_of(context, slug, query), protocol=protocol)
    return await begin_as(request, deps, context, tenant, beginning)


async def begin_as(
    request: WebRequest, deps: WebDeps, context: RequestContext, tenant: Tenant, beginning: LoginRequest
) -> Response[Any]:
    """Prepare this login, and launch it in this browser."""
    await deps.limits.login_start(context.address)
    prepared = await prepare(deps.login, tenant, beginning)
    return await _launch(request, deps, context, prepared.handle)


def beginning_of(
    context: RequestContext, provider_slug: str | None, asked: dict[str, str], *, page_origin: str | None = None
) -> LoginRequest:
    """The start of a login: host and prefix from the request context, everything else from the parameters."""
    return LoginRequest(
        session_origin=context.origin,
        path_prefix=context.path_prefix,
        provider_slug=provider_slug,
        frontend_slug=asked.get("frontend"),
        page_origin=page_origin,
        return_to=asked.get("return_to"),
        delivery=asked.get("delivery"),
        client_challenge=asked.get("code_challenge"),
        client_state=asked.get("state"),
        login_hint=asked.get("login_hint"),
        reauthentication=asked.get("reauth") == "1",
    )


async def _launch(request: WebRequest, deps: WebDeps, context: RequestContext, handle: str) -> Response[Any]:
    browser = BrowserRequest(host=context.host, cookies=cookies.cookies_of(request.scope))
    try:
        launched: AuthorizationRedirect = await launch(deps.login, handle, browser)
    except LoginFailed as failure:
        await login_failed(deps, context, failure)
        raise
    cookies.apply(context.set_cookies, launched.set_cookies, launched.clear_cookies)
    return redirect(launched.location)


def tenant_of(context: RequestContext) -> Tenant:
    """The tenant whose people sign in here.

    Raises:
        NotFound: `TENANT_REQUIRED`, on the public host without a tenant's prefix.
    """
    if context.tenant is None:
        raise _no_tenant(context)
    return context.tenant


def _no_tenant(context: RequestContext) -> NotFound:
    """Before the first run its operator is told where the link is; nobody is told what it is."""
    if context.is_before_first_run:
        return NotFound(
            "There is no organisation here yet. A link that makes the first one is in the log of `identity-api serve`; if it"
            " is lost, the command `identity-api first-run` makes another.",
            code="FIRST_RUN_AHEAD",
        )
    return NotFound(
        "This address belongs to no organisation. Use your organisation's own sign-in address.", code="TENANT_REQUIRED"
    )


def _chosen(tenant: Tenant, enabled: list[Provider], slug: str | None, *, has_form: bool) -> Provider | None:
    """The named provider, otherwise the default, otherwise the only one if it is the only way. An unknown name is refused."""
    if slug is not None:
        found = [provider for provider in enabled if provider.slug == slug]
        if not found:
            raise NotFound("There is no such way of signing in.", code="PROVIDER_NOT_FOUND")
        return found[0]
    default = [provider for provider in enabled if provider.slug == tenant.default_provider]
    if default:
        return default[0]
    return enabled[0] if len(enabled) == 1 and not has_form else None


def _button(context: RequestContext, provider: Provider, query: dict[str, str]) -> Button:
    carried = {name: query[name] for name in (*CARRIED, "login_hint") if name in query}
    address = context.local(f"/auth/{provider.protocol}/{provider.slug}/login")
    return button_of(provider, f"{address}?{urlencode(carried)}" if carried else address)
