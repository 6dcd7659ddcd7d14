"""The pages of an invitation: the link, what it offers, and the two ways in.

GET  /invitation/{token}     the link (`web.http.capability_links`)
GET  /invitation             who is invited, and the way in
GET  /invitation/login       to the provider; the person who comes back becomes the invited user
POST /invitation/password    the invited user's first password
"""

from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from identity_api.accounts.invitations import KIND, accept_by_password, ended, opened
from identity_api.db import providers
from identity_api.db.invitations import Invitation
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput
from identity_api.web.deps import WebDeps
from identity_api.web.http.capability_links import CapabilityLink, require_shown
from identity_api.web.http.origins import admit_own_form, is_led_by_another_site
from identity_api.web.http.parameters import WebRequest, deps_of, form_of, query_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import redirect, to_litestar
from identity_api.web.pages.rendering import button_of, invitation_page
from identity_api.web.routes.login import begin_as, beginning_of, tenant_of

LINK: Final = CapabilityLink(name="invitation", token_kind=KIND, page="/invitation", kept_seconds=1_800, ended=ended)


@get("/invitation/{token:str}", name="invitation-link")
async def open_invitation(request: WebRequest, token: FromPath[str]) -> Response[Any]:
    """The link."""
    context = context_of(request.scope)
    tenant_of(context)
    return LINK.keep(context, token)


@get("/invitation", name="invitation")
async def invitation(request: WebRequest) -> Response[Any]:
    """Who is invited, and how they come in."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    _, found = await _opened(request, deps, context, tenant)
    return await _page(deps, context, tenant, found)


@get("/invitation/login", name="invitation-login")
async def invitation_login(request: WebRequest) -> Response[Any]:
    """Begin a login at the invitation's provider."""
    deps, context = deps_of(request), context_of(request.scope)
    tenant = tenant_of(context)
    if is_led_by_another_site(request.scope):  # perhaps with a link of its own: the person sees first who they would be
        return redirect(context.local("/invitation"))
    _, found = await _opened(request, deps, context, tenant)
    require_shown(query_of(request).get("invitation"), str(found.id))
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
    form = await form_of(request)
    token, found = await _opened(request, deps, context, tenant)
    require_shown(form.get("shown_for"), found.username)
    try:
        if form.get("password") != form.get("repeated"):
            raise BadInput("The two passwords differ. Type the same one twice.", code="PASSWORDS_DIFFER")
        await accept_by_password(deps.accounts, tenant.id, token, form.get("password", ""))
    except BadInput as error:
        return await _page(deps, context, tenant, found, problem=error.message, status=400)
    LINK.forget(context)
    return redirect(context.local("/login?password_set=1"))


async def _opened(
    request: WebRequest, deps: WebDeps, context: RequestContext, tenant: Tenant
) -> tuple[str, Invitation]:
    """The browser's token, and the invitation that it opens."""
    return await LINK.opened(deps, context, request.scope, lambda token: opened(deps.database, tenant.id, token))


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
            button = button_of(provider, context.local(f"/invitation/login?invitation={found.id}"))
    by_password = found.provider_id is None
    page = invitation_page(
        context, found.username, button=button, by_password=by_password, problem=problem, status=status
    )
    return to_litestar(page)
