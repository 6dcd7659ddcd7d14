"""The protocol's endpoints over HTTP. Each reads parameters, calls one function, renders the outcome."""

from typing import Any

from litestar import MediaType, Request, Response, Router, get, post, route
from litestar.di import NamedDependency
from litestar.response import Redirect

from identity_api.demo.authorization import read_authorization_request, refuse, single_parameters
from identity_api.demo.end_session import logout_target
from identity_api.demo.errors import AccessTokenRefused, AuthorizationError, TokenError, UnusableRequest
from identity_api.demo.pages import authorization_response, message_page, sign_in_page
from identity_api.demo.provider import DemoProvider
from identity_api.demo.same_origin import require_same_origin
from identity_api.demo.token_endpoint import answer_token_request
from identity_api.errors import BadInput, IdentityAPIError, NotFound

AnyRequest = Request[Any, Any, Any]
Provider = NamedDependency[DemoProvider]

# RFC 6749 section 5.1: answers with tokens must not be cached.
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@get("/.well-known/openid-configuration", sync_to_thread=False)
def discovery(provider: Provider) -> dict[str, Any]:
    return provider.metadata()


@get("/jwks", sync_to_thread=False)
def key_set(provider: Provider) -> dict[str, Any]:
    return provider.published_keys()


@route("/authorize", http_method=["GET", "POST"], status_code=200)
async def authorize(request: AnyRequest, provider: Provider) -> Response[Any]:
    """Core section 3.1.2.1 asks for GET and POST; a client's POST comes from its own site, so no origin check here."""
    asked = read_authorization_request(await _parameters(request), provider.clients)
    return sign_in_page(asked, provider.people)


@post("/authorize/decision", guards=[require_same_origin], status_code=200)
async def decide(request: AnyRequest, provider: Provider) -> Response[Any]:
    """A button of the sign-in page. The request is checked again: the page may be old, or forged."""
    form = single_parameters(await request.body())
    asked = read_authorization_request(single_parameters(form.get("request", "").encode()), provider.clients)
    if "person" not in form:
        refuse(asked, "access_denied", "The person pressed Cancel.")
    return authorization_response(asked.address, provider.sign_in(asked, form["person"]))


@post("/token", status_code=200)
async def token(request: AnyRequest, provider: Provider) -> Response[dict[str, Any]]:
    try:
        parameters = single_parameters(await request.body())
    except BadInput as error:
        raise TokenError("invalid_request", error.message) from None
    answer = answer_token_request(provider, parameters, request.headers.get("authorization"))
    return Response(answer, headers=_NO_STORE)


@route("/userinfo", http_method=["GET", "POST"], status_code=200, sync_to_thread=False)
def userinfo(request: AnyRequest, provider: Provider) -> Response[dict[str, Any]]:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return Response(provider.userinfo(value if scheme.lower() == "bearer" else None), headers=_NO_STORE)


@route("/end-session", http_method=["GET", "POST"], status_code=200)
async def end_session(request: AnyRequest, provider: Provider) -> Response[Any]:
    target = logout_target(await _parameters(request), provider.clients, provider.keys)
    if target is None:
        return message_page("Signed out", "You are signed out. The demo provider keeps no session of its own.")
    return Redirect(target, status_code=303)


async def _parameters(request: AnyRequest) -> dict[str, str]:
    if request.method == "POST":
        return single_parameters(await request.body())
    return single_parameters(request.scope["query_string"])


def _told_to_the_client(request: AnyRequest, error: AuthorizationError) -> Response[Any]:
    provider: DemoProvider = request.app.state.provider
    answer = {"error": error.error, "error_description": error.message}
    return authorization_response(error.address, provider.authorization_answer(error.address, answer))


def _told_to_the_person(_: AnyRequest, error: IdentityAPIError) -> Response[Any]:
    return message_page("This request cannot be used", error.message, status=400)


def _told_as_json(_: AnyRequest, error: TokenError) -> Response[Any]:
    challenge = {"WWW-Authenticate": 'Basic realm="demo provider"'} if error.challenge else {}
    return Response(
        {"error": error.error, "error_description": error.message},
        status_code=error.status,
        media_type=MediaType.JSON,
        headers={**_NO_STORE, **challenge},
    )


def _told_as_challenge(_: AnyRequest, error: AccessTokenRefused) -> Response[Any]:
    value = f'Bearer error="invalid_token", error_description="{error.message}"'
    return Response(b"", status_code=401, headers={**_NO_STORE, "WWW-Authenticate": value})


def oidc_router() -> Router:
    """All endpoints of this module; they expect the dependency `provider`, which is also in the app's state."""
    return Router(
        "/",
        route_handlers=[discovery, key_set, authorize, decide, token, userinfo, end_session],
        exception_handlers={
            AuthorizationError: _told_to_the_client,
            UnusableRequest: _told_to_the_person,
            BadInput: _told_to_the_person,
            NotFound: _told_to_the_person,
            TokenError: _told_as_json,
            AccessTokenRefused: _told_as_challenge,
        },
    )
