"""The pages on which somebody chooses a password with a one-time token that an admin made for them.

    GET  /auth/password/{token}    the link: stores the token in a cookie and redirects
    GET  /auth/password            the form
    POST /auth/password            the choice

The link's address has the token in it, so it redirects at once: the address of the form has no token for the browser's
history, a `Referer` or somebody who looks at the screen. The service's log has route templates only; a proxy that logs
paths sees the link once, and the token is invalid after the choice. Opening the link does not use the token up, as mail
scanners open links too.
"""

import re
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from identity_api.accounts.local_passwords import set_password_by_token, who_may_choose
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput, NotFound
from identity_api.sessions.cookies import is_secure
from identity_api.sessions.login.deps import Cookie
from identity_api.web.deps import WebDeps
from identity_api.web.http import cookies
from identity_api.web.http.limits import SignInAddress
from identity_api.web.http.origins import admit_own_form
from identity_api.web.http.parameters import WebRequest, deps_of, form_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import redirect, to_litestar
from identity_api.web.pages.rendering import password_page
from identity_api.web.routes.login import tenant_of

KEPT_SECONDS: Final = 1_800
_TOKEN: Final = re.compile(r"ipw_[A-Za-z0-9_-]{20,96}")


@get("/auth/password/{token:str}", name="password-link")
async def open_link(request: WebRequest, token: FromPath[str]) -> Response[Any]:
    """Move the token from the address into a cookie. The page it redirects to checks the token."""
    context = context_of(request.scope)
    tenant_of(context)
    if not _TOKEN.fullmatch(token):
        raise _unknown()
    kept = Cookie(
        name=_cookie_name(context), value=token, max_age_seconds=KEPT_SECONDS, secure=is_secure(context.origin)
    )
    context.set_cookies.append(cookies.set_cookie(kept))
    return redirect(context.local("/auth/password"))


@get("/auth/password", name="password")
async def choose(request: WebRequest) -> Response[Any]:
    """The form, for a person with a valid link."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    return to_litestar(password_page(context, await _owner(deps, context, tenant, _kept(request, context))))


@post("/auth/password", name="password-chosen", status_code=303)
async def chosen(request: WebRequest) -> Response[Any]:
    """Set the password, and redirect to the login page."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    admit_own_form(context, request.scope)
    form, token = await form_of(request), _kept(request, context)
    username = await _owner(deps, context, tenant, token)
    try:
        if form.get("password") != form.get("repeated"):
            raise BadInput("The two passwords differ. Type the same one twice.", code="PASSWORDS_DIFFER")
        await set_password_by_token(deps.accounts, tenant.id, token, form.get("password", ""))
    except BadInput as error:
        return to_litestar(password_page(context, username, problem=error.message, status=400))
    context.set_cookies.append(cookies.clear_cookie(_cookie_name(context)))
    return redirect(context.local("/login?password_set=1"))


async def _owner(deps: WebDeps, context: RequestContext, tenant: Tenant, token: str) -> str:
    """The user whose password is chosen. Wrong tokens are counted like wrong passwords."""
    address = SignInAddress(deps.limits, context.address)
    await address.check()
    try:
        return await who_may_choose(deps.database, tenant.id, token)
    except NotFound:
        context.set_cookies.append(cookies.clear_cookie(_cookie_name(context)))
        await address.failed()
        raise


def _kept(request: WebRequest, context: RequestContext) -> str:
    token = cookies.cookies_of(request.scope).get(_cookie_name(context), "")
    if not _TOKEN.fullmatch(token):
        raise _unknown()
    return token


def _cookie_name(context: RequestContext) -> str:
    return f"{'__Host-' if is_secure(context.origin) else ''}password"


def _unknown() -> NotFound:
    return NotFound("This link has been used or is too old. Ask for another.", code="PASSWORD_TOKEN_UNKNOWN")
