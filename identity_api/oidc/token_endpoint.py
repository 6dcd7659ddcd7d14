"""The token endpoint: requests with a code or a refresh token, and the interpretation of their responses.

RFC 6749 sections 4.1.3, 5 and 6; Core 3.1.3 and 12. A code gives tokens or an exception, since a person waits. A refresh
gives an outcome, since a sync must tell a dead token from an outage of the provider: only a dead token ends permissions.
`error_description` decides nothing; it is kept for administrators (`oidc.provider_error_text`).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from identity_api.oidc.client_auth import ClientAuthentication, authenticate
from identity_api.oidc.documents import (
    DocumentError,
    is_visible_ascii,
    read_json_object,
    retry_after_seconds,
    seconds_of,
)
from identity_api.oidc.errors import InvalidTokenResponse, TokenEndpointUnavailable, TokenRequestRefused
from identity_api.oidc.messages import Answer, Request
from identity_api.oidc.provider_error_text import words_in_answer

MAX_TOKEN_LENGTH = 64 * 1024
"""Of an access or refresh token, in characters. Entra's access tokens with many groups pass 16 KiB."""
BEARER: Final = "Bearer"
MAX_EXPIRES_IN_SECONDS = 10 * 366 * 86400

INVALID_GRANT = "invalid_grant"
INVALID_CLIENT = "invalid_client"
REAUTHENTICATION_ERRORS = frozenset(
    ("interaction_required", "login_required", "consent_required", "account_selection_required")
)
MISCONFIGURATION_ERRORS = frozenset(
    (
        *(INVALID_CLIENT, "unauthorized_client", "invalid_scope", "unsupported_grant_type", "invalid_request"),
        "invalid_target",  # RFC 8707
    )
)
TEMPORARY_ERRORS = frozenset(
    (
        *("temporarily_unavailable", "server_error", "slow_down"),
        *("use_dpop_nonce", "invalid_dpop_proof"),  # RFC 9449: about the proof, never about the grant
    )
)
OUTAGE_ERRORS = frozenset(("temporarily_unavailable", "slow_down"))
"""The temporary errors that concern the provider and never the presented login."""
_SYNONYMS = {
    # GitHub's own words: https://docs.github.com/apps, "Troubleshooting OAuth app access token request errors"
    "bad_refresh_token": INVALID_GRANT,
    "bad_verification_code": INVALID_GRANT,
    "incorrect_client_credentials": INVALID_CLIENT,
}
OTHER_ERROR = "other"
_KNOWN_ERRORS = frozenset((INVALID_GRANT,)) | REAUTHENTICATION_ERRORS | MISCONFIGURATION_ERRORS | TEMPORARY_ERRORS


class TokenResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A successful token response. Absent members are None; lives count from when it was received.

    Without `access_token` there is an `id_token`: Azure AD B2C gives none unless the client ID is among the scopes.
    Then UserInfo, and groups from the access token, are not available. `refresh_expires_in_seconds` is in no
    specification: Keycloak says `refresh_expires_in`, where 0 means without end, and Google and others
    `refresh_token_expires_in`.
    """

    access_token: str | None = None
    expires_in_seconds: int | None = None
    refresh_token: str | None = None
    id_token: str | None = None
    scope: str | None = None
    token_type: str = BEARER
    refresh_expires_in_seconds: int | None = None

    def __repr__(self) -> str:
        held = [name for name in ("access_token", "refresh_token", "id_token") if getattr(self, name) is not None]
        return f"TokenResponse({', '.join(held)})"


class Refreshed(msgspec.Struct, frozen=True, tag=True):
    """Success. Without `refresh_token` the old one stays (RFC 6749 section 6); without `id_token`, ask UserInfo."""

    tokens: TokenResponse


class Dead(msgspec.Struct, frozen=True, tag=True):
    """The provider says `invalid_grant`. It revokes only if the token presented is still the stored one."""

    reason: str = INVALID_GRANT


class ReauthenticationRequired(msgspec.Struct, frozen=True, tag=True):
    """The provider requires the person's presence (`interaction_required` and similar errors)."""

    code: str


class ProviderMisconfigured(msgspec.Struct, frozen=True, tag=True):
    """The provider does not accept the client or the request.

    All but `invalid_client`, which is decided before the grant is read (RFC 6749 section 3.2.1), may also mean at some
    providers that this one login has ended: Dex and Canaille say `invalid_request`.
    """

    code: str


class Transient(msgspec.Struct, frozen=True, tag=True):
    """Temporarily unavailable. `uncertain`: the request may have been executed nevertheless, and the token rotated.

    `is_refusal`: the provider answers, and refuses this request: if it repeatedly refuses this login and no other, the
    login has ended.
    """

    reason: str
    retry_after_seconds: int | None = None
    uncertain: bool = False
    is_refusal: bool = False


class BadResponse(msgspec.Struct, frozen=True, tag=True):
    """Success, but unreadable. A `refresh_token` found in it is stored first; without one it is `uncertain`."""

    reason: str
    refresh_token: str | None = None
    uncertain: bool = False

    def __repr__(self) -> str:
        return f"BadResponse({self.reason!r}, uncertain={self.uncertain})"


RefreshOutcome = Refreshed | Dead | ReauthenticationRequired | ProviderMisconfigured | Transient | BadResponse


def code_request(
    endpoint: str,
    *,
    client: ClientAuthentication,
    code: str,
    redirect_uri: str,
    code_verifier: str | None,
    extra: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Request:
    """Exchange an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).

    `code_verifier` is None where the request had no challenge.

    Raises:
        BadInput: the client proves itself with a JWT, and `now` is None.
    """
    grant = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        **({} if code_verifier is None else {"code_verifier": code_verifier}),
    }
    return form_request(endpoint, client, {**(extra or {}), **grant}, now)


def refresh_request(
    endpoint: str,
    *,
    client: ClientAuthentication,
    refresh_token: str,
    scopes: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Request:
    """Refresh (RFC 6749 section 6). `scopes` is best left empty, which asks for what was granted before.

    Raises:
        BadInput: the client proves itself with a JWT, and `now` is None.
    """
    grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if scopes:
        grant["scope"] = " ".join(scopes)
    return form_request(endpoint, client, {**(extra or {}), **grant}, now)


def form_request(
    endpoint: str, client: ClientAuthentication, parameters: dict[str, str], now: datetime | None
) -> Request:
    """A form posted to an endpoint that requires client authentication, which is added to `parameters`."""
    # GitHub answers in form encoding unless JSON is asked for.
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    authenticate(client, parameters, headers, now=now)
    return Request(method="POST", url=endpoint, headers=headers, body=urlencode(parameters, errors="replace").encode())


def read_code_response(answer: Answer, now: datetime, *, token_type: str = BEARER) -> TokenResponse:
    """The tokens for a code. The caller decides whether an ID Token is required.

    Args:
        token_type: what the access token must be: "Bearer", or "DPoP" if the request carried a proof (RFC 9449
            section 5: another answer means that the provider did not bind it to our key).

    Raises:
        TokenRequestRefused: a 4xx answer, or GitHub's 200 with an `error` member; `.error` is known to us or `other`.
        TokenEndpointUnavailable: 5xx, 429, or a redirect, which is not followed.
        InvalidTokenResponse: 2xx that is not a token response; `.claim` names the member to blame if one is.
    """
    if 200 <= answer.status < 300:
        try:
            document = read_json_object(answer.body)
        except DocumentError as error:
            raise InvalidTokenResponse(f"The provider's token response is {error}.", status=answer.status) from error
        if "access_token" not in document and "error" in document:
            raise _refused(answer, _code_in(document, _KNOWN_ERRORS))
        tokens, blame = _read_tokens(document, token_type)
        if tokens is None:
            message = f"The provider's token response has no usable {blame}."
            raise InvalidTokenResponse(message, status=answer.status, claim=blame)
        return tokens
    if answer.status == 429 or not 400 <= answer.status < 500:
        wait_seconds = retry_after_seconds(answer.headers.get("retry-after"), now)
        raise TokenEndpointUnavailable(status=answer.status, retry_after_seconds=wait_seconds)
    raise _refused(answer, error_code(answer, _KNOWN_ERRORS))


def _refused(answer: Answer, error: str | None) -> TokenRequestRefused:
    message = "The provider did not exchange the code for tokens."
    return TokenRequestRefused(message, status=answer.status, error=error, said=words_in_answer(answer))


def read_refresh_response(answer: Answer, now: datetime, *, token_type: str = BEARER) -> RefreshOutcome:
    """The outcome of a refresh's answer. Never raises. `token_type` as for `read_code_response`.

    The caller handles a request without any answer, since it knows whether the request was sent.
    """
    if 200 <= answer.status < 300:
        return _read_refreshed(answer, token_type)
    wait_seconds = retry_after_seconds(answer.headers.get("retry-after"), now)
    if answer.status == 429:
        return Transient("rate_limited", wait_seconds)
    error = error_code(answer, _KNOWN_ERRORS)
    if answer.status >= 500:
        # The failure may have happened after the token was rotated, in the provider or in a proxy before it. Dex
        # answers so for a removed person, with an OAuth error in the body.
        is_refusal = error is not None and error not in OUTAGE_ERRORS and wait_seconds is None
        return Transient("server_error", wait_seconds, uncertain=True, is_refusal=is_refusal)
    if answer.status not in (400, 401, 403):
        is_refusal = answer.status >= 400 and answer.status not in (408, 425) and wait_seconds is None
        return Transient("unexpected_status", wait_seconds, is_refusal=is_refusal)
    return _refused_refresh(error, wait_seconds)


def _refused_refresh(error: str | None, wait_seconds: int | None) -> RefreshOutcome:
    if error == INVALID_GRANT:  # Auth0 sends it with 403
        return Dead()
    if error in REAUTHENTICATION_ERRORS:
        return ReauthenticationRequired(error)
    if error in MISCONFIGURATION_ERRORS:
        return ProviderMisconfigured(error)
    if error in TEMPORARY_ERRORS:
        return Transient(error, wait_seconds, is_refusal=error == "server_error")
    # Glewlwyd answers an invalid token with an empty 400.
    return Transient("unknown_error" if error else "unreadable_error", wait_seconds, is_refusal=wait_seconds is None)


def _read_refreshed(answer: Answer, token_type: str) -> RefreshOutcome:
    try:
        document = read_json_object(answer.body)
    except DocumentError as error:
        return BadResponse(str(error).replace(" ", "_").lower(), uncertain=True)
    if "access_token" not in document and "error" in document:  # GitHub refuses with 200
        return _refused_refresh(_code_in(document, _KNOWN_ERRORS), None)
    tokens, blame = _read_tokens(document, token_type)
    if tokens is not None:
        return Refreshed(tokens)
    refresh_token = _token(document, "refresh_token")
    return BadResponse(f"unusable_{blame}", refresh_token, uncertain=refresh_token is None)


def _read_tokens(document: Mapping[str, Any], expected_type: str) -> tuple[TokenResponse | None, str]:
    """The tokens, or None and the faulty member."""
    access_token = _token(document, "access_token")
    is_sent = document.get("access_token") not in (None, "")
    if access_token is None and (is_sent or _token(document, "id_token") is None):
        return None, "access_token"
    # Case does not matter (RFC 6749 section 5.1). Absence is accepted, as by most clients; another type is not, since
    # the token could not be used.
    token_type = document.get("token_type", BEARER)
    is_expected = isinstance(token_type, str) and token_type.lower() == expected_type.lower()
    if access_token is not None and not is_expected:
        return None, "token_type"
    for name in ("refresh_token", "id_token"):
        if document.get(name) not in (None, "") and _token(document, name) is None:
            return None, name
    scope = document.get("scope")
    return TokenResponse(
        access_token=access_token,
        expires_in_seconds=seconds_of(document.get("expires_in"), at_most=MAX_EXPIRES_IN_SECONDS),
        refresh_token=_token(document, "refresh_token"),
        id_token=_token(document, "id_token"),
        scope=scope if isinstance(scope, str) and len(scope) <= MAX_TOKEN_LENGTH else None,
        token_type=expected_type,
        refresh_expires_in_seconds=_refresh_life(document),
    ), ""


def _refresh_life(document: Mapping[str, Any]) -> int | None:
    for name in ("refresh_expires_in", "refresh_token_expires_in"):
        found = seconds_of(document.get(name), at_most=MAX_EXPIRES_IN_SECONDS)
        if found is not None:
            return found
    return None


def _token(document: Mapping[str, Any], name: str) -> str | None:
    """A token that can be sent in a header or a form, or None."""
    value = document.get(name)
    if not isinstance(value, str) or not value or len(value) > MAX_TOKEN_LENGTH or not is_visible_ascii(value):
        return None
    return value


def error_code(answer: Answer, known: Collection[str]) -> str | None:
    """The error code of a 4xx response (RFC 6749 section 5.2): one of `known`, `other`, or None without one."""
    try:
        return _code_in(read_json_object(answer.body), known)
    except DocumentError:
        return None


def _code_in(document: Mapping[str, Any], known: Collection[str]) -> str | None:
    error = document.get("error")
    if not isinstance(error, str):
        return None
    error = _SYNONYMS.get(error, error)
    return error if error in known else OTHER_ERROR
