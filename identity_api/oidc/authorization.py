"""The authentication request that the browser carries to the provider, and the callback that it carries back.

Core 3.1.2, RFC 6749 section 4.1, RFC 7636 (PKCE, S256 only), RFC 9207 (issuer in the callback). The code that stores
logins checks that `state` belongs to this browser and is used once.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from identity_api.errors import BadInput
from identity_api.ids import new_tenant_token, new_token
from identity_api.oidc.documents import MAX_URL_LENGTH, is_visible_ascii
from identity_api.oidc.errors import CallbackIssuerMismatch, InvalidCallback, ProviderRefused
from identity_api.oidc.issuer import accepts_issuer
from identity_api.oidc.parameters import read_parameters
from identity_api.oidc.provider_error_text import words_in_pairs

PROTECTED_PARAMETERS = frozenset(
    (
        *("response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce"),
        *("code_challenge", "code_challenge_method", "request", "request_uri", "max_age", "prompt", "login_hint"),
    )
)
"""Parameters that only this module sets. Everything else (`access_type`, `acr_values`, `hd`) is the operator's."""

KNOWN_ERRORS = frozenset(
    (
        *("invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type"),
        *("invalid_scope", "server_error", "temporarily_unavailable"),  # RFC 6749 section 4.1.2.1
        *("interaction_required", "login_required", "account_selection_required", "consent_required"),
        *("invalid_request_uri", "invalid_request_object", "request_not_supported"),
        *("request_uri_not_supported", "registration_not_supported"),  # Core 3.1.2.6
        *("unmet_authentication_requirements", "invalid_target"),
    )
)
OTHER_ERROR = "other"
FORM_POST = "form_post"
"""The response mode in which the provider's page posts the answer to this service (OAuth 2.0 Form Post Response Mode).
"""

MAX_EXTRA_PARAMETERS = 32
MAX_CODE_LENGTH = 16 * 1024
"""Entra and Azure AD B2C send more than 5,000 characters."""
MAX_STATE_LENGTH = 512

_LIMITS = {"code": MAX_CODE_LENGTH, "state": MAX_STATE_LENGTH, "iss": MAX_URL_LENGTH, "error": 256}
_TOKEN_PARAMETERS = frozenset(("access_token", "id_token", "refresh_token", "token_type"))
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")  # scope-token, RFC 6749 section 3.3
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")  # RFC 7636 section 4.1


class CallbackParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The content of an authorization response. Exactly one of `code` and `error` is set; `error` is known, or `other`.

    `said` is the provider's error text (`oidc.provider_error_text`), as the browser brought them.
    """

    state: str
    code: str | None = None
    error: str | None = None
    issuer: str | None = None
    said: str | None = None

    def __repr__(self) -> str:
        return f"CallbackParameters(error={self.error!r})"


def new_state(tenant_id: UUID) -> str:
    """256 random bits that bind the callback to its login, with the login's tenant."""
    return new_tenant_token("st", tenant_id)


def new_nonce() -> str:
    """256 random bits that bind the ID Token to the login that asked for it."""
    return new_token("no")


def new_code_verifier() -> str:
    """256 random bits, 43 characters or more of the unreserved set (RFC 7636 section 4.1)."""
    return new_token("cv")


def code_challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2).

    Raises:
        BadInput: `verifier` is not 43 to 128 unreserved characters.
    """
    if not _VERIFIER.fullmatch(verifier):
        raise BadInput("A code verifier has 43 to 128 unreserved characters.", field="code_verifier")
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def check_extra_parameters(extra: Mapping[str, str]) -> None:
    """Refuse operator-set request parameters that would weaken or break a login; called when they are configured.

    Raises:
        BadInput: one is protected, empty, not printable ASCII, or there are too many; `.field` names it if possible.
    """
    if len(extra) > MAX_EXTRA_PARAMETERS:
        raise BadInput("There are too many extra authorization parameters.", field="extra")
    for name, value in extra.items():
        if name.lower() in PROTECTED_PARAMETERS:
            raise BadInput("This authorization parameter cannot be set by hand.", field=name)
        if not name or len(name) > 64 or len(value) > 1024 or not is_visible_ascii(name + value):
            raise BadInput("An extra authorization parameter is not short printable ASCII.", field="extra")


def authorization_parameters(
    *,
    client_id: str,
    redirect_uri: str,
    scopes: Sequence[str],
    state: str,
    nonce: str | None,
    code_challenge: str | None,
    extra: Mapping[str, str] | None = None,
    login_hint: str | None = None,
    response_mode: str | None = None,
    prompt: str | None = None,
    max_age_seconds: int | None = None,
) -> dict[str, str]:
    """The parameters of an authentication request (Core 3.1.2.1): code flow with PKCE S256.

    Args:
        code_challenge: None only for a provider that refuses PKCE, where the operator has accepted that.
        nonce: required with the scope `openid`; None only for a plain OAuth 2.0 provider, which has no ID Token.
        extra: further parameters; protected ones are refused, never silently dropped.

    Raises:
        BadInput: a scope or an extra parameter cannot be sent, or `openid` is asked for without a nonce.
    """
    check_extra_parameters(extra or {})
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise BadInput("A scope contains a character that scopes cannot have.", field="scopes")
    if nonce is None and "openid" in scopes:
        raise BadInput("An OpenID Connect request needs a nonce.", field="nonce")
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes) or None,
        "state": state,
        "nonce": nonce,
        "code_challenge": code_challenge,
        "code_challenge_method": None if code_challenge is None else "S256",
        "response_mode": response_mode,
        "login_hint": login_hint,
        "prompt": prompt,
        "max_age": None if max_age_seconds is None else str(max_age_seconds),
        **(extra or {}),
    }
    return {name: value for name, value in parameters.items() if value is not None}


def parse_callback(pairs: Iterable[tuple[str, str]]) -> CallbackParameters:
    """Read the parameters of a callback, decoded, from the query or from a form post.

    An error response needs its `state` too, since otherwise it belongs to no login. Unknown parameters are ignored (RFC
    6749 section 4.1.2); `error_description` and `error_uri` are kept and decide nothing, since anybody can write them.

    Raises:
        InvalidCallback: a known parameter is repeated, empty, too long (`.length`) or unprintable; `state` is missing;
            there is neither code nor error, or both; or tokens arrive without a code. `.claim` names the parameter.
    """
    given = list(pairs)
    found, others = read_parameters(given, _LIMITS, what="callback", error=InvalidCallback)
    has_tokens = not _TOKEN_PARAMETERS.isdisjoint(others)
    return _callback_of(found, has_tokens=has_tokens, said=words_in_pairs(given) if "error" in found else None)


def _callback_of(found: Mapping[str, str], *, has_tokens: bool, said: str | None) -> CallbackParameters:
    code, error = found.get("code"), found.get("error")
    if "state" not in found:
        raise InvalidCallback("The callback has no state.", claim="state")
    if code is not None and error is not None:
        raise InvalidCallback("The callback has both a code and an error.", claim="error")
    if code is None and has_tokens:
        raise InvalidCallback("The callback brings tokens instead of a code.", claim="code")
    if code is None and error is None:
        raise InvalidCallback("The callback has no code.", claim="code")
    if error is not None and error not in KNOWN_ERRORS:
        error = OTHER_ERROR
    return CallbackParameters(state=found["state"], code=code, error=error, issuer=found.get("iss"), said=said)


def check_callback_issuer(
    parameters: CallbackParameters, issuer: str, announced: bool, directories: frozenset[str] = frozenset()
) -> None:
    """Refuse a callback from another provider than the login began with (RFC 9207 section 2.4, mix-up attack).

    Call it before anything else is done with the code, and for error responses as well.

    Args:
        announced: the provider's metadata says that it sends `iss`; then its absence is an attack.
        directories: see `issuer.accepts_issuer`.

    Raises:
        CallbackIssuerMismatch: `iss` names another issuer, or is missing although announced.
    """
    if parameters.issuer is None:
        if announced:
            raise CallbackIssuerMismatch("The callback does not say which provider it comes from.", claim="iss")
    elif not accepts_issuer(issuer, parameters.issuer, directories):
        raise CallbackIssuerMismatch("The callback comes from another provider.", claim="iss")


def authorization_code(parameters: CallbackParameters) -> str:
    """The code of a callback whose `state` and issuer have been checked.

    Raises:
        ProviderRefused: the provider sent an error instead.
    """
    if parameters.code is None:
        raise ProviderRefused(parameters.error or OTHER_ERROR, said=parameters.said)
    return parameters.code
