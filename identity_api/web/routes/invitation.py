"""The pages of an invitation: the link, what it offers, and the two ways in.

GET  /invitation/{token}     the link: stores the token in a cookie and redirects
GET  /invitation             who is invited, and the way in
GET  /invitation/login       to the provider; the person who comes back becomes the invited user
POST /invitation/password    the invited user's first password

As with a link for a password, opening it uses nothing up, and the address of the page has no token.
"""

import re
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from identity_api.accounts.invitations import accept_by_password, ended, opened
from identity_api.db import providers
from identity_api.db.invitations import Invitation
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput, NotFound
from identity_api.sessions.cookies import invitation_cookie_name, is_secure
from identity_api.sessions.login.deps import Cookie
from identity_api.web.deps import WebDeps
from identity_api.web.http import cookies
from identity_api.web.http.limits import SignInAddress
from identity_api.web.http.origins import admit_own_form
from identity_api.web.http.parameters import WebRequest, deps_of, form_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import redirect, to_litestar
from identity_api.web.pages.rendering import button_of, invitation_page
from identity_api.web.routes.login import begin_as, beginning_of, tenant_of

KEPT_SECONDS: Final = 1_800
_TOKEN: Final = re.compile(r"inv_[A-Za-z0-9_-]{20,96}")


@get("/invitation/{token:str}", name="invitation-link")
async def open_invitation(request: WebRequest, token: FromPath[str]) -> Response[Any]:
    """Move the token from the address into a cookie. The page it redirects to checks the token."""
    context = context_of(request.scope)
    tenant_of(context)
    if not _TOKEN.fullmatch(token):
        raise ended()
    kept = Cookie(
        name=_cookie_name(context), value=token, max_age_seconds=KEPT_SECONDS, secure=is_secure(context.origin)
    )
    context.set_cookies.append(cookies.set_cookie(kept))
    return redirect(context.local("/invitation"))


@get("/invitation", name="invitation")
async def invitation(request: WebRequest) -> Response[Any]:
    """Who is invited, and how they come in."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    found = await _found(deps, context, tenant, _kept(request, context))
    return await _page(deps, context, tenant, found)


@get("/invitation/login", name="invitation-login")
async def invitation_login(request: WebRequest) -> Response[Any]:
    """Begin a login at the invitation's provider."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    found = await _found(deps, context, tenant, _kept(request, context))
    if found.provider_slug is None:
        raise ended()
    beginning = beginning_of(context, found.provider_slug, {})
    return await begin_as(request, deps, context, tenant, msgspec.structs.replace(beginning, invitation_id=found.id))


@post("/invitation/password", name="invitation-password", status_code=303)
async def invitation_password(request: WebRequest) -> Response[Any]:
    """Set the first password, and redirect to the login page."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    admit_own_form(context, request.scope)
    form, token = await form_of(request), _kept(request, context)
    found = await _found(deps, context, tenant, token)
    try:
        if form.get("password") != form.get("repeated"):
            raise BadInput("The two passwords differ. Type the same one twice.", code="PASSWORDS_DIFFER")
        await accept_by_password(deps.accounts, tenant.id, token, form.get("password", ""))
    except BadInput as error:
        return await _page(deps, context, tenant, found, problem=error.message, status=400)
    context.set_cookies.append(cookies.clear_cookie(_cookie_name(context)))
    return redirect(context.local("/login?password_set=1"))


async def _found(deps: WebDeps, context: RequestContext, tenant: Tenant, token: str) -> Invitation:
    """What the token opens. Wrong tokens are counted like wrong passwords."""
    address = SignInAddress(deps.limits, context.address)
    await address.check()
    try:
        return await opened(deps.database, tenant.id, token)
    except NotFound:
        context.set_cookies.append(cookies.clear_cookie(_cookie_name(context)))
        await address.failed()
        raise


async def _page(
    deps: WebDeps,
    context: RequestContext,
    tenant: Tenant,
    found: Invitation,
    *,
    problem: str | None = None,
    status: int = 200,
) -> Response[Any]:
    button = None
    if found.provider_id is not None:
        async with deps.database.reading() as connection:
            provider = await providers.get(connection, tenant.id, found.provider_id)
        if provider is not None and provider.enabled:
            button = button_of(provider, context.local("/invitation/login"))
    by_password = found.provider_id is None
    page = invitation_page(
        context, found.username, button=button, by_password=by_password, problem=problem, status=status
    )
    return to_litestar(page)


def _kept(request: WebRequest, context: RequestContext) -> str:
    token = cookies.cookies_of(request.scope).get(_cookie_name(context), "")
    if not _TOKEN.fullmatch(token):
        raise ended()
    return token


def _cookie_name(context: RequestContext) -> str:
    return invitation_cookie_name(context.origin, context.path_prefix)
