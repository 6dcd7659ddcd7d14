"""The page for a break-glass code, which nothing leads to: its address is printed with the code.

GET /auth/break-glass     the form
POST /auth/break-glass    the code; answers with a session's cookie and redirects to /account
"""

from typing import Any

from litestar import Response, get, post

from identity_api.errors import NotFound
from identity_api.sessions.login.break_glass import BreakGlassDeps, use
from identity_api.web.http import cookies
from identity_api.web.http.limits import SignInAddress
from identity_api.web.http.origins import admit_own_form
from identity_api.web.http.parameters import WebRequest, deps_of, form_of
from identity_api.web.http.request_context import context_of
from identity_api.web.http.response import redirect, to_litestar
from identity_api.web.pages.rendering import break_glass_page
from identity_api.web.routes.login import tenant_of


@get("/auth/break-glass", name="break-glass")
async def break_glass(request: WebRequest) -> Response[Any]:
    """The form."""
    context = context_of(request.scope)
    tenant_of(context)
    return to_litestar(break_glass_page(context))


@post("/auth/break-glass", name="break-glass-used", status_code=303)
async def break_glass_used(request: WebRequest) -> Response[Any]:
    """Sign in. Wrong codes are counted like wrong passwords."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    admit_own_form(context, request.scope)
    address = SignInAddress(deps.limits, context.address)
    await address.check()
    form = await form_of(request)
    parts = BreakGlassDeps(
        database=deps.database, vault=deps.accounts.vault, clock=deps.accounts.clock, limits=deps.login.limits
    )
    try:
        cookie = await use(
            parts,
            tenant,
            form.get("code", "").strip(),
            origin=context.origin,
            path_prefix=context.path_prefix,
            cookies=cookies.cookies_of(request.scope),
        )
    except NotFound as error:
        await address.failed()
        return to_litestar(break_glass_page(context, problem=error.message, status=404))
    context.set_cookies.append(cookies.set_cookie(cookie))
    return redirect(context.local("/account"))
