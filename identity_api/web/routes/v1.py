"""JSON for programs: begin a login, and get the signed-in user."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import HttpMethod, Response, get, post, route

from identity_api.db import tenants
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput, NotFound
from identity_api.http import HTTPResponse
from identity_api.permissions.grant_snapshot import needs_sign_in
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.login.deps import LoginRequest
from identity_api.sessions.login.password_login import check_beginning, is_offered
from identity_api.sessions.login.prepare import prepare
from identity_api.sessions.login.return_to import own_path
from identity_api.web.deps import WebDeps
from identity_api.web.http import authentication, headers
from identity_api.web.http.errors import HTTPRefusal, Unauthenticated
from identity_api.web.http.parameters import WebRequest, deps_of, json_of, query_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import json_response, redirect, to_litestar
from identity_api.web.openapi import DOCUMENT
from identity_api.web.routes.login import beginning_of, tenant_of


class LoginWish(msgspec.Struct, frozen=True):
    """The body of `POST /v1/auth/oidc/login`; `tenant_id` is a slug or an id."""

    tenant_id: str
    provider: str | None = None
    frontend: str | None = None
    return_to: str | None = None
    delivery: str | None = None
    code_challenge: str | None = None
    state: str | None = None
    login_hint: str | None = None


@post("/v1/auth/oidc/login", name="api-login", status_code=200)
async def api_login(request: WebRequest) -> Response[Any]:
    """Prepare a login and answer the address to open in the person's browser."""
    deps, context = deps_of(request), context_of(request.scope)
    wish = await json_of(request, LoginWish)
    await deps.limits.login_start(context.address)
    tenant = await _wished_tenant(deps, context, wish.tenant_id)
    if context.tenant is None:
        context.path_prefix = f"/t/{tenant.slug}"
    asked = {name: value for name, value in msgspec.structs.asdict(wish).items() if value is not None}
    beginning = beginning_of(context, wish.provider, asked, page_origin=headers.first(request.scope, b"origin"))
    try:
        prepared = await prepare(deps.login, tenant, beginning)
    except NotFound:
        # No provider: people with a password get the form, and the result for the frontend is the same.
        if wish.provider is not None or not await is_offered(deps.local, tenant):
            raise
        return json_response({"auth_url": await _local_page(deps, context, tenant, beginning)})
    return json_response({"auth_url": prepared.launch_url})


async def _local_page(deps: WebDeps, context: RequestContext, tenant: Tenant, beginning: LoginRequest) -> str:
    ending = await check_beginning(deps.local, tenant, beginning)
    asked = {
        "frontend": ending.frontend.slug if ending.frontend else None,
        "return_to": beginning.return_to,
        "delivery": beginning.delivery,
        "code_challenge": beginning.client_challenge,
        "state": beginning.client_state,
        "login_hint": beginning.login_hint,
    }
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return f"{context.origin}{context.local('/login')}{'?' if query else ''}{query}"


async def _wished_tenant(deps: WebDeps, context: RequestContext, name: str) -> Tenant:
    """The tenant named by slug or id. At a tenant's host or prefix only that one can be named (I2)."""
    found = await deps.tenancy.by_slug(name)
    if found is None:
        try:
            tenant_id = UUID(name)
        except ValueError:
            raise _unknown_tenant() from None
        async with deps.database.reading() as connection:
            found = await tenants.get(connection, tenant_id)
    if found is None or (context.tenant is not None and context.tenant.id != found.id):
        raise _unknown_tenant()
    return found


def _unknown_tenant() -> NotFound:
    return NotFound("There is no such tenant.", code="TENANT_NOT_FOUND")


@get("/v1/me", name="me")
async def me(request: WebRequest) -> Response[Any]:
    """The user context, as the seed systems' frontends know it."""
    found = await authentication.require(deps_of(request), request.scope)
    return json_response(user_context(found))


def user_context(found: Authenticated) -> dict[str, Any]:
    """A user and their permissions now. `subject` is that of the identity they signed in with.

    `sign_in_again`: the provider cannot be asked about that identity any more, so its permissions end with the lease.
    """
    user = found.user
    identity = found.identity
    return {
        "user_id": str(user.id),
        "subject": found.subject,
        "tenant_id": str(found.tenant_id),
        "tenant": found.tenant_slug,
        "is_sso": found.is_sso,
        "email": user.email,
        "email_verified": user.email_verified is True,
        "name": user.display_label,
        "groups": sorted({group.name for group in user.facts.groups}),
        "permissions": sorted(found.permissions),
        "sign_in_again": identity is not None and needs_sign_in(identity.state, identity.state_reason),
    }


@route("/v1/check", http_method=list(HttpMethod), name="check", status_code=200)
async def check(request: WebRequest) -> Response[Any]:
    """Whether a proxy lets a request pass, which it asks about with the method and the `Authorization` of that request.

    200, the one status that Envoy's `ext_authz` takes for a yes, has headers that say who it is. `permission` in the query is one
    that they must hold: 403 otherwise (RFC 6750 section 3.1). With `sign_in=1` a browser that opens a page and is not signed
    in is sent to the login page, and comes back to `X-Forwarded-Uri`. `tenancy.CHECK` has why any host will do.
    """
    deps, context = deps_of(request), context_of(request.scope)
    tenant, asked = tenant_of(context), query_of(request)
    if context.method == "GET":
        # Of proxies that ask with it about every method. Of others it is the client's, and must not make a POST of theirs a GET.
        context.method = (headers.first(request.scope, b"x-forwarded-method") or context.method).upper()
    try:
        found = await authentication.require(deps, request.scope)
    except Unauthenticated:
        if asked.get("sign_in") != "1" or not _opens_page(request.scope, context):
            raise
        return redirect(await _sign_in_address(deps, request.scope))
    if asked.keys() - {"permission", "sign_in"} or asked.get("sign_in", "1") != "1":
        # Otherwise a typing error would let everybody in.
        raise BadInput("Only permission and sign_in=1 are known here.", code="PARAMETERS_INVALID")
    needed = asked.get("permission")
    if needed is not None and needed not in found.permissions:
        challenge = {"WWW-Authenticate": 'Bearer realm="identity-api", error="insufficient_scope"'}
        raise HTTPRefusal(403, "FORBIDDEN", "The permission that this address needs is missing.", headers=challenge)
    return to_litestar(HTTPResponse(200, {"Identity-User": str(found.user.id), "Identity-Tenant": tenant.slug}))


def _opens_page(scope: Any, context: RequestContext) -> bool:
    accept = headers.first(scope, b"accept") or ""
    return context.method in ("GET", "HEAD") and "text/html" in accept


async def _sign_in_address(deps: WebDeps, scope: Any) -> str:
    """The login page, which leads back to the address that the proxy names, if it is one of this host.

    Absolute, because Traefik takes a path for one of the address at which it asks.
    """
    address = context_of(scope).origin + await authentication.login_address(deps, scope)
    try:
        wanted = own_path(headers.first(scope, b"x-forwarded-uri") or "")
    except BadInput:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'return_to': wanted})}"


@get("/v1/openapi.json", name="openapi")
async def openapi(request: WebRequest) -> Response[Any]:
    """The description of these routes for generators of clients."""
    return json_response(DOCUMENT)
