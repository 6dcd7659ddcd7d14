"""The authorization endpoint of OAuth 2.0 (RFC 6749 section 4.1) and its metadata (RFC 8414).

The endpoint has no page of its own. It translates a standard request into the parameters of the login page, and redirects
a faulty one to the client's registered redirect URI, with `error`.
"""

import re
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response, get
from litestar.params import FromPath

from identity_api.db import tenants
from identity_api.db.tenants import Tenant
from identity_api.errors import BadInput, NotFound
from identity_api.sessions.login.deps import LoginRequest
from identity_api.sessions.login.frontend_errors import error_address
from identity_api.sessions.login.password_login import is_offered
from identity_api.sessions.login.return_to import ReturnTarget, decide_ending, find_target
from identity_api.web.deps import WebDeps
from identity_api.web.http.parameters import WebRequest, deps_of, query_of
from identity_api.web.http.request_context import RequestContext, context_of
from identity_api.web.http.response import json_response, redirect
from identity_api.web.routes.login import beginning_of, enabled_providers, tenant_of

_NAMES: Final = {
    "client_id": "frontend",
    "redirect_uri": "return_to",
    "code_challenge": "code_challenge",
    "state": "state",
    "login_hint": "login_hint",
    "provider": "provider",
}
"""The standard's names for what the login page calls otherwise; `provider` is an extension of ours."""
_ERRORS: Final = {
    "response_type": "unsupported_response_type",
    "prompt": "login_required",
    "acr_values": "unmet_authentication_requirements",
    "REAUTHENTICATION_NOT_OFFERED": "unmet_authentication_requirements",
}
"""By field or code, what is no `invalid_request` (Core 3.1.2.6, RFC 9470 section 5)."""
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


@get("/v1/auth/authorize", name="authorize")
async def authorize(request: WebRequest) -> Response[Any]:
    """Check the request, and go on to the login page."""
    deps, context, asked = deps_of(request), context_of(request.scope), query_of(request)
    tenant = tenant_of(context)
    wanted = {ours: asked[name] for name, ours in _NAMES.items() if name in asked} | {"delivery": "code"}
    if _wants_proof(asked):
        wanted["reauth"] = "1"
    beginning = beginning_of(context, wanted.get("provider"), wanted)
    async with deps.database.reading() as connection:
        frontends = await tenants.frontends(connection, tenant.id)
    target = _client_target(beginning, frontends)
    try:
        _check(asked)
        decide_ending(beginning, frontends)
        if "reauth" in wanted:
            await _check_proof(deps, tenant)
    except BadInput as error:
        state = None if error.code == "CLIENT_STATE_INVALID" else beginning.client_state
        issuer = context.origin + context.path_prefix
        kind = _ERRORS.get(error.field or "", _ERRORS.get(error.code, "invalid_request"))
        return redirect(error_address(target.url, kind, error.message, state=state, issuer=issuer, code=error.code))
    return redirect(f"{context.local('/login')}?{urlencode(wanted)}")


def _client_target(beginning: LoginRequest, frontends: list[tenants.Frontend]) -> ReturnTarget:
    """The client and its redirect URI, to which an error may be sent.

    Raises:
        BadInput: `FRONTEND_UNKNOWN`, `RETURN_TO_REFUSED`, shown to the person: there is no redirect.
    """
    if beginning.frontend_slug is None:
        raise BadInput("The client is not named.", code="FRONTEND_UNKNOWN", field="client_id")
    target = find_target(beginning, frontends)
    if target.frontend is None:
        raise BadInput("This return address is not allowed.", code="RETURN_TO_REFUSED", field="redirect_uri")
    return target


def _check(asked: dict[str, str]) -> None:
    """Check the parameters that only this endpoint has."""
    if asked.get("response_type") != "code":
        raise BadInput("The response type is code.", field="response_type")
    if asked.get("code_challenge_method", "S256") != "S256" or "code_challenge" not in asked:
        raise BadInput("The client proves itself with PKCE and S256.", code="CLIENT_CHALLENGE_REQUIRED")
    if asked.get("prompt") == "none":
        raise BadInput("Nobody is signed in here without being asked.", field="prompt")
    if "acr_values" in asked:
        raise BadInput("No classes of authentication are known here; ask with max_age.", field="acr_values")
    if not _SECONDS.fullmatch(asked.get("max_age", "0")):
        raise BadInput("The maximum age is a number of seconds.", field="max_age")


def _wants_proof(asked: dict[str, str]) -> bool:
    """Whether the person has to prove again who they are: a proof made now is recent enough for any `max_age`."""
    return "max_age" in asked or "login" in asked.get("prompt", "").split()


async def _check_proof(deps: WebDeps, tenant: Tenant) -> None:
    if not await enabled_providers(deps, tenant, proving=True) and not await is_offered(deps.local, tenant):
        raise BadInput("Nobody here can be asked for a new proof.", code="REAUTHENTICATION_NOT_OFFERED")


@get("/.well-known/oauth-authorization-server", name="oauth-metadata")
async def metadata(request: WebRequest) -> Response[Any]:
    """The metadata of this tenant's authorization server."""
    context = context_of(request.scope)
    tenant_of(context)
    return json_response(_metadata(context.origin + context.path_prefix))


@get("/.well-known/oauth-authorization-server/t/{tenant:str}", name="oauth-metadata-prefix")
async def metadata_of_prefix(request: WebRequest, tenant: FromPath[str]) -> Response[Any]:
    """The same for a tenant without its own host: the issuer's path comes after the well-known one (section 3.1)."""
    deps, context = deps_of(request), context_of(request.scope)
    found = await deps.tenancy.by_slug(tenant) if context.tenant is None else None
    if found is None:
        raise NotFound("There is no such tenant.", code="TENANT_NOT_FOUND")
    return json_response(_metadata(_prefixed(context, found)))


def _prefixed(context: RequestContext, tenant: Tenant) -> str:
    return f"{context.origin}/t/{tenant.slug}"


def _metadata(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/v1/auth/authorize",
        "token_endpoint": f"{issuer}/v1/auth/token",
        "revocation_endpoint": f"{issuer}/v1/auth/revoke",
        "introspection_endpoint": f"{issuer}/v1/introspect",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "authorization_response_iss_parameter_supported": True,
    }
