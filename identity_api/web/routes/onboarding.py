"""The onboarding checklist as a page, for the admins who set up a tenant's single sign-on (S0-27).

It shows the state of rows and changes nothing, so that remote support can ask an admin to read it out.
"""

from typing import Any

from litestar import Response, route

from identity_api.errors import Refused
from identity_api.permissions.service import PROVIDERS_READ
from identity_api.providers.onboarding import checklist
from identity_api.web.http import authentication
from identity_api.web.http.parameters import WebRequest, deps_of
from identity_api.web.http.request_context import context_of
from identity_api.web.http.response import redirect, to_litestar
from identity_api.web.pages.onboarding import view_checklist
from identity_api.web.pages.rendering import onboarding_page


@route("/account/onboarding", http_method=["GET", "HEAD"], name="onboarding")
async def onboarding(request: WebRequest) -> Response[Any]:
    """Every step with its status, and the values to enter elsewhere."""
    deps, context = deps_of(request), context_of(request.scope)
    found = await authentication.optional(deps, request.scope)
    if found is None:
        return redirect(context.local("/login"))
    if PROVIDERS_READ not in found.permissions:
        raise Refused(f"This needs the permission {PROVIDERS_READ}.")
    async with deps.database.reading() as connection:
        steps = await checklist(connection, found.tenant_id, public_url=deps.login.public_url)
    return to_litestar(onboarding_page(context, view_checklist(steps)))
