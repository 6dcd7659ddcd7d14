"""Read an authentication request, and place the response (Core section 3.1.2, RFC 6749 section 4.1, RFC 7636)."""

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from identity_api.demo.config import Client
from identity_api.demo.errors import AuthorizationError, ResponseMode, ReturnAddress, UnusableRequest
from identity_api.errors import BadInput

SUPPORTED_SCOPES = ("openid", "profile", "email", "offline_access")
SUPPORTED_PROMPTS = ("none", "login", "consent", "select_account")
RESPONSE_MODES: dict[str, ResponseMode] = {"query": "query", "form_post": "form_post"}

_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may be shown to a person. `parameters` is what the client sent, to be carried by the page."""

    client: Client
    address: ReturnAddress
    scopes: tuple[str, ...]
    nonce: str | None
    code_challenge: str
    login_hint: str | None
    prompts: tuple[str, ...]
    parameters: Mapping[str, str]


def single_parameters(encoded: bytes) -> dict[str, str]:
    """Form or query parameters; those sent without a value count as not sent (RFC 6749 section 3.1).

    Raises:
        BadInput: not UTF-8, over 100 parameters, or one sent twice (RFC 6749 sections 3.1 and 3.2).
    """
    try:
        pairs = parse_qsl(encoded.decode("ascii"), errors="strict", max_num_fields=100)
    except ValueError:
        raise BadInput("The parameters cannot be read.") from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise BadInput("A parameter was sent more than once.")
    return parameters


def read_authorization_request(parameters: Mapping[str, str], clients: Mapping[str, Client]) -> AuthorizationRequest:
    """Check a request in an order that never redirects before the redirect URI is known to be the client's.

    Raises:
        UnusableRequest: the client or redirect URI is not acceptable.
        AuthorizationError: another fault; `.error` as in RFC 6749 section 4.1.2.1 and Core section 3.1.2.6.
    """
    client = clients.get(parameters.get("client_id", ""))
    if client is None:
        raise UnusableRequest("No client is registered under this client_id.")
    if parameters.get("redirect_uri") not in client.redirect_uris:
        raise UnusableRequest("The redirect_uri is not one of those registered for this client.")
    address = ReturnAddress(redirect_uri=parameters["redirect_uri"], state=parameters.get("state"))
    mode = RESPONSE_MODES.get(parameters.get("response_mode", "query"))
    if mode is None:
        raise AuthorizationError("invalid_request", "This response_mode is not supported.", address)
    address = msgspec.structs.replace(address, response_mode=mode)
    _require_code_flow(parameters, address)
    return AuthorizationRequest(
        client=client,
        address=address,
        scopes=_scopes(parameters, address),
        nonce=parameters.get("nonce"),
        code_challenge=_code_challenge(parameters, address),
        login_hint=parameters.get("login_hint"),
        prompts=_prompts(parameters, address),
        parameters=dict(parameters),
    )


def answer_url(address: ReturnAddress, answer: Mapping[str, str]) -> str:
    """The redirect URI with the answer added to its query, which it keeps (RFC 6749 section 3.1.2)."""
    parts = urlsplit(address.redirect_uri)
    query = "&".join(part for part in (parts.query, urlencode(answer)) if part)
    return urlunsplit(parts._replace(query=query))


def _require_code_flow(parameters: Mapping[str, str], address: ReturnAddress) -> None:
    if "request" in parameters:
        raise AuthorizationError("request_not_supported", "Request objects are not supported.", address)
    if "request_uri" in parameters:
        raise AuthorizationError("request_uri_not_supported", "Request URIs are not supported.", address)
    if "response_type" not in parameters:
        raise AuthorizationError("invalid_request", "response_type is missing.", address)
    if parameters["response_type"] != "code":
        raise AuthorizationError("unsupported_response_type", "Only response_type=code is supported.", address)


def _scopes(parameters: Mapping[str, str], address: ReturnAddress) -> tuple[str, ...]:
    asked = parameters.get("scope", "").split(" ")
    if "openid" not in asked:
        raise AuthorizationError("invalid_scope", "The scope must contain openid.", address)
    # Core section 3.1.2.1: scope values that are not understood should be ignored.
    return tuple(scope for scope in SUPPORTED_SCOPES if scope in asked)


def _code_challenge(parameters: Mapping[str, str], address: ReturnAddress) -> str:
    challenge = parameters.get("code_challenge", "")
    # A missing method means `plain` (RFC 7636 section 4.3), which protects nothing once the request has leaked.
    if parameters.get("code_challenge_method") != "S256" or not _S256_CHALLENGE.fullmatch(challenge):
        raise AuthorizationError("invalid_request", "PKCE with code_challenge_method=S256 is required.", address)
    return challenge


def _prompts(parameters: Mapping[str, str], address: ReturnAddress) -> tuple[str, ...]:
    prompts = tuple(parameters.get("prompt", "").split())
    _require_known(prompts, address)
    if "none" in prompts:
        if len(prompts) > 1:
            raise AuthorizationError("invalid_request", "prompt=none cannot be combined with another value.", address)
        # Every sign-in shows the page: this provider keeps no session of its own that could answer silently.
        raise AuthorizationError("login_required", "A person has to choose who signs in.", address)
    return prompts


def _require_known(prompts: Sequence[str], address: ReturnAddress) -> None:
    if not set(prompts) <= set(SUPPORTED_PROMPTS):
        raise AuthorizationError("invalid_request", "This prompt is not supported.", address)


def refuse(request: AuthorizationRequest, error: str, message: str) -> NoReturn:
    """Answer a request that was valid so far with an error at the client's redirect URI."""
    raise AuthorizationError(error, message, request.address)
