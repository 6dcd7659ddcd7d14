"""The pages on which somebody chooses a password with a one-time token that an admin made for them.

GET  /auth/password/{token}    the link (`web.http.capability_links`)
GET  /auth/password            the form
POST /auth/password            the choice
"""

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from identity_api.accounts.local_passwords import KIND, set_password_by_token, unknown_token, who_may_choose
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput
from identity_api.web.deps import WebDeps
from identity_api.web.http.capability_links import CapabilityLink, require_shown
from identity_api.web.http.origins import admit_own_form
from identity_api.web.http.parameters import WebRequest, deps_of, form_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import redirect, to_litestar
from identity_api.web.pages.rendering import password_page
from identity_api.web.routes.login import tenant_of

LINK: Final = CapabilityLink(
    name="password", token_kind=KIND, page="/auth/password", kept_seconds=1_800, ended=unknown_token
)


@get("/auth/password/{token:str}", name="password-link")
async def open_link(request: WebRequest, token: FromPath[str]) -> Response[Any]:
    """The link."""
    context = context_of(request.scope)
    tenant_of(context)
    return LINK.keep(context, token)


@get("/auth/password", name="password")
async def choose(request: WebRequest) -> Response[Any]:
    """The form, for a person with a valid link."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    _, username = await _opened(request, deps, context, tenant)
    return to_litestar(password_page(context, username))


@post("/auth/password", name="password-chosen", status_code=303)
async def chosen(request: WebRequest) -> Response[Any]:
    """Set the password, and redirect to the login page."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    admit_own_form(context, request.scope)
    form = await form_of(request)
    token, username = await _opened(request, deps, context, tenant)
    require_shown(form.get("shown_for"), username)
    try:
        if form.get("password") != form.get("repeated"):
            raise BadInput("The two passwords differ. Type the same one twice.", code="PASSWORDS_DIFFER")
        await set_password_by_token(deps.accounts, tenant.id, token, form.get("password", ""))
    except BadInput as error:
        return to_litestar(password_page(context, username, problem=error.message, status=400))
    LINK.forget(context)
    return redirect(context.local("/login?password_set=1"))


async def _opened(request: WebRequest, deps: WebDeps, context: RequestContext, tenant: Tenant) -> tuple[str, str]:
    """The browser's token, and the user whose password is chosen with it."""
    return await LINK.opened(
        deps, context, request.scope, lambda token: who_may_choose(deps.database, tenant.id, token)
    )
