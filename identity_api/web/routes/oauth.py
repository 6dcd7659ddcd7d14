"""The endpoints that clients of OAuth 2.0 call: token (RFC 6749), revocation (RFC 7009), introspection (RFC 7662).

A frontend is a public client: its `client_id` is its slug, and it uses PKCE instead of a secret. A service client has a
secret, in HTTP Basic or in the form. Errors are those of RFC 6749 section 5.2 (`web.http.oauth_errors`).
"""

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus

import msgspec
from litestar import Response, post

from identity_api.errors import BadInput
from identity_api.http import HTTPResponse
from identity_api.sessions import introspect
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import Redemption
from identity_api.sessions.revoke import Revocation, revoke
from identity_api.sessions.token import redeem
from identity_api.web.deps import WebDeps
from identity_api.web.http import headers
from identity_api.web.http.errors import Unauthenticated
from identity_api.web.http.origins import admit_declared_page, is_own
from identity_api.web.http.parameters import FORM, WebRequest, deps_of, form_of, form_parameters, is_of, json_of
from identity_api.web.http.request_context import context_of
from identity_api.web.http.response import encode_json, json_response, to_litestar

GRANT_TYPE = "authorization_code"


class CodeExchange(msgspec.Struct, frozen=True):
    """The body of `POST /v1/auth/token`. `client_id` is the standard's name for what is `frontend` elsewhere."""

    code: str
    code_verifier: str
    grant_type: str = GRANT_TYPE
    client_id: str | None = None
    frontend: str | None = None
    redirect_uri: str | None = None

    def __repr__(self) -> str:
        return "CodeExchange()"


@post("/v1/auth/token", name="api-token", status_code=200)
async def exchange_code(request: WebRequest) -> Response[Any]:
    """Exchange a one-time code for a bearer token; the body is a form (RFC 6749 section 4.1.3), or the same as JSON."""
    deps, context = deps_of(request), context_of(request.scope)
    exchange = await _exchange(request)
    # Nothing is counted for an undeclared page, which could make its visitors' browsers send junk.
    await admit_declared_page(deps.origins, context, request.scope)
    origin = headers.first(request.scope, b"origin")
    redemption = Redemption(
        code=exchange.code,
        code_verifier=exchange.code_verifier,
        frontend_slug=exchange.client_id or exchange.frontend,
        redirect_uri=exchange.redirect_uri,
        origin=None if origin is not None and is_own(context, origin) else origin,
        tenant_id=context.tenant.id if context.tenant else None,
        replaces=_presented(request),
    )
    try:
        token = await redeem(deps.login, redemption)
    except LoginFailed as error:
        # Never before the code is looked up: a right one is 256 bits, and its holder may share the address with others.
        await deps.limits.bad_credential(context.address)
        if error.code == "OTHER_PERSON":
            # Code, verifier and the live token are right, so it is told to the one who may know it.
            raise BadInput(error.message, code=error.code) from error
        # The same answer for an unknown code, a used one, and another client's (RFC 6749 section 5.2, `invalid_grant`).
        raise BadInput("The code is not valid.", code="CODE_INVALID") from error
    return json_response(
        {"access_token": token.access_token, "token_type": "Bearer", "expires_in": token.expires_in_seconds}
    )


def _presented(request: WebRequest) -> str | None:
    """The bearer token of the session that a step-up replaces, if the frontend presents it with the code."""
    lines = headers.values(request.scope, b"authorization")
    scheme, _, token = lines[0].partition(" ") if len(lines) == 1 else ("", "", "")
    if lines and scheme.lower() != "bearer":
        raise Unauthenticated(presented=True)
    return token.strip() if lines else None


async def _exchange(request: WebRequest) -> CodeExchange:
    given = await _read(request)
    if given.grant_type != GRANT_TYPE:
        raise BadInput(f'Only the grant type "{GRANT_TYPE}" is known here.', code="UNSUPPORTED_GRANT_TYPE")
    if given.client_id is not None and given.frontend not in (None, given.client_id):
        raise BadInput("client_id and frontend name two frontends.", field="client_id")
    return given


async def _read(request: WebRequest) -> CodeExchange:
    if not is_of(request, FORM):
        return await json_of(request, CodeExchange)
    form = await form_of(request)
    if form.get("grant_type", GRANT_TYPE) != GRANT_TYPE:
        form = {**dict.fromkeys(("code", "code_verifier"), ""), **form}  # another grant has other parameters
    try:
        return msgspec.convert(form, CodeExchange)
    except msgspec.ValidationError as error:
        raise BadInput(f"The form does not fit: {error}.") from None


@post("/v1/auth/revoke", name="revoke", status_code=200)
async def revoke_token(request: WebRequest) -> Response[Any]:
    """End the session of a bearer token. A token that has already ended gets the same answer (RFC 7009 section 2.2)."""
    deps, context = deps_of(request), context_of(request.scope)
    form = await form_of(request)
    asked = Revocation(
        token=_token_of(form),
        frontend_slug=form.get("client_id"),
        tenant_id=context.tenant.id if context.tenant else None,
    )
    if not await revoke(deps.database, asked):
        await deps.limits.bad_credential(context.address)
    return to_litestar(HTTPResponse(200))


@post("/v1/introspect", name="introspect", status_code=200)
async def introspect_token(request: WebRequest) -> Response[Any]:
    """Introspect a token, for service clients and the tenants that they may see."""
    return to_litestar(await answer_introspection(deps_of(request), request.scope, await request.body()))


async def answer_introspection(deps: WebDeps, scope: Any, body: bytes) -> HTTPResponse:
    """The same without the framework, whose part would be a third: backends ask for every request of theirs."""
    basic = _basic(scope)
    form = form_parameters(scope, body)
    name, secret = _client_of(basic, form)
    token = form.get("token", "")
    async with deps.database.reading() as connection:
        answer = await introspect.introspect(connection, name, secret, token, idle_seconds=deps.session_idle_seconds)
    if answer is None:
        await deps.limits.bad_credential(context_of(scope).address)
        raise Unauthenticated(scheme="Basic", presented=True)
    _token_of(form)
    return HTTPResponse(200, {"content-type": "application/json"}, encode_json(answer))


def _token_of(form: dict[str, str]) -> str:
    if not form.get("token"):
        raise BadInput("The parameter token is missing.", field="token")
    return form["token"]


def _client_of(basic: tuple[str, str] | None, form: dict[str, str]) -> tuple[str, str]:
    """Name and secret, given in one way only (RFC 6749 section 2.3)."""
    posted = form.get("client_id"), form.get("client_secret")
    if basic is not None:
        if posted[1] is not None or posted[0] not in (None, basic[0]):
            raise BadInput("The client authenticates in the header or in the form, not in both.")
        return basic
    if posted[0] is None or posted[1] is None:
        raise Unauthenticated(scheme="Basic")
    return posted[0][:1_024], posted[1][:1_024]


def _basic(scope: Any) -> tuple[str, str] | None:
    """Name and secret of HTTP Basic, form-decoded by RFC 6749 section 2.3.1; None without an `Authorization`."""
    lines = headers.values(scope, b"authorization")
    if not lines:
        return None
    scheme, _, encoded = lines[0].partition(" ")
    try:
        if len(lines) > 1 or scheme.lower() != "basic" or len(encoded) > 1_024:
            raise ValueError
        name, mark, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
        if not mark:
            raise ValueError
    except (ValueError, binascii.Error):
        raise Unauthenticated(scheme="Basic", presented=True) from None
    return unquote_plus(name), unquote_plus(secret)
