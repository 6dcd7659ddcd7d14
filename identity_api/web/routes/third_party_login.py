"""A login initiated by a third party, such as the provider's own portal (OIDC Core 4).

Anybody can send a browser here, so no parameter is trusted: the issuer must be exactly that of a provider of this tenant,
an ordinary login with its own state and nonce follows, and it ends at an address that any login may end at.
"""

from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post

from identity_api.db import providers
from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.errors import NotFound
from identity_api.oidc.discovery import configuration_url
from identity_api.oidc.initiated_login import InitiatedLogin, parse_initiated_login
from identity_api.oidc.issuer import accepts_issuer
from identity_api.web.http.parameters import WebRequest, deps_of, form_pairs, pairs_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.routes.login import begin, tenant_of


@get("/auth/initiate", name="initiate")
async def initiate(request: WebRequest) -> Response[Any]:
    """The request as a query."""
    return await _begin(request, pairs_of(request.scope["query_string"]))


@post("/auth/initiate", name="initiate-form", status_code=303)
async def initiate_form(request: WebRequest) -> Response[Any]:
    """The request as a form; a client must accept both (Core 4)."""
    return await _begin(request, await form_pairs(request))


async def _begin(request: WebRequest, pairs: Sequence[tuple[str, str]]) -> Response[Any]:
    deps, context = deps_of(request), context_of(request.scope)
    tenant, proposed = tenant_of(context), parse_initiated_login(pairs)
    async with deps.database.reading() as connection:
        found = await providers.of_tenant(connection, tenant.id)
    provider = _of_issuer(tenant, found, proposed.issuer)
    return await begin(request, deps, context, tenant, provider.slug, _asked(context, proposed))


def _of_issuer(tenant: Tenant, found: Sequence[Provider], issuer: str) -> Provider:
    """The enabled provider of this issuer; of several the tenant's default, otherwise the first of the login page."""
    fitting = [one for one in found if one.enabled and one.protocol == "oidc" and _is_of(one, issuer)]
    if not fitting:
        raise NotFound("There is no such way of signing in.", code="PROVIDER_NOT_FOUND")
    return next((one for one in fitting if one.slug == tenant.default_provider), fitting[0])


def _is_of(provider: Provider, issuer: str) -> bool:
    # A provider may be configured by its issuer or by the address of its metadata.
    directories = frozenset(provider.claims.directories)
    return accepts_issuer(provider.issuer, issuer, directories) or configuration_url(issuer) == provider.issuer


def _asked(context: RequestContext, proposed: InitiatedLogin) -> dict[str, str]:
    """The parameters of the login. Its start checks the return address, as for every login."""
    asked: dict[str, str] = {}
    if proposed.login_hint is not None:
        asked["login_hint"] = proposed.login_hint
    if proposed.target_link_uri is not None:
        asked["return_to"] = _return_to(context, proposed.target_link_uri)
        # A code or token would need the frontend's own state, and the frontend did not begin this.
        asked["delivery"] = "cookie"
    return asked


def _return_to(context: RequestContext, target: str) -> str:
    """A page of this service as a path; any other address is unchanged, and must be registered exactly."""
    rest = target.removeprefix(context.origin)
    return rest if rest != target and rest.startswith(context.local("/")) else target
