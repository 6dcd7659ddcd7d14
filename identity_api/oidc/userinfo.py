"""The UserInfo endpoint: request claims, and check that they are about the right subject.

Core 5.3, RFC 6750. The response is JSON, or a signed JWT (`application/jwt`, which may be inside an encrypted one) if
that was agreed on with the provider.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from identity_api.oidc.claim_rules import (
    DEFAULT_LEEWAY_SECONDS,
    check_audience,
    check_issuer,
    check_optional_times,
    subject_of,
)
from identity_api.oidc.documents import DocumentError, read_json_object, retry_after_seconds
from identity_api.oidc.encrypted_token import decrypt_token
from identity_api.oidc.errors import (
    AccessTokenRefused,
    InvalidUserInfo,
    OtherPerson,
    UserInfoError,
    UserInfoUnavailable,
)
from identity_api.oidc.jwks import KeySet
from identity_api.oidc.messages import Answer, Request
from identity_api.oidc.own_keys import OwnKeys
from identity_api.oidc.provider_error_text import words_in_answer
from identity_api.oidc.signed_token import USERINFO_TYPES, verify_signature

MAX_SIGNED_ANSWER_BYTES = 256 * 1024
"""More than a token may have: the answer comes directly from the endpoint, and lists of groups are long."""

_SLACK_TOKEN_ERRORS = frozenset(("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"))
"""https://docs.slack.dev/reference/methods/openid.connect.userInfo"""


class SignedAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """How to read a provider's signed answers; with it only signed answers are accepted.

    `algorithms` are those agreed on (`jwks.allowed_algorithms`). With `decryption_keys` answers must be encrypted too.
    """

    keys: KeySet
    algorithms: frozenset[str]
    issuer: str
    client_id: str
    directories: frozenset[str] = frozenset()
    decryption_keys: OwnKeys | None = None
    leeway_seconds: int = DEFAULT_LEEWAY_SECONDS

    def __repr__(self) -> str:
        return f"SignedAnswers(issuer={self.issuer!r})"


class UserInfoClaims(msgspec.Struct, frozen=True, kw_only=True):
    """Claims about `subject`, who is the subject of the ID Token that came with the access token."""

    subject: str
    claims: Mapping[str, Any]

    def __repr__(self) -> str:
        return "UserInfoClaims()"


def userinfo_request(
    endpoint: str, access_token: str, *, accepts_jwt: bool = False, method: Literal["GET", "POST"] = "GET"
) -> Request:
    """Ask for claims, with the token in the header (RFC 6750 section 2.1). For DPoP see `dpop.with_proof`.

    OpenID Providers answer GET and POST alike (Core 5.3.1); a plain OAuth 2.0 server may know only one.
    """
    media_type = "application/jwt" if accepts_jwt else "application/json"
    headers = {"authorization": f"Bearer {access_token}", "accept": media_type}
    return Request(method=method, url=endpoint, headers=headers)


def read_userinfo(
    answer: Answer, subject: str, now: datetime, *, signed_answers: SignedAnswers | None = None
) -> UserInfoClaims:
    """The claims about `subject`.

    Core 5.3.2: the answer's `sub` must be exactly the ID Token's; otherwise the claims are another person's (token
    substitution) and must not be used.

    Args:
        subject: `VerifiedIDToken.subject`.
        now: aware UTC time, for a Retry-After that is a date, and for the times in a signed answer.
        signed_answers: None if the provider answers in JSON.

    Raises:
        OtherPerson: it is about another subject.
        MissingClaim, InvalidClaim, ClaimMismatch: `.claim` is `sub`; in a signed answer also `iss` or `aud`.
        AccessTokenRefused, UserInfoUnavailable, InvalidUserInfo: no claims; see `errors`.
        MalformedToken, UndecryptableToken, AlgorithmNotAllowed, UnknownKey, AmbiguousKey, InvalidSignature,
            TokenExpired, TokenNotYetValid: a signed answer is not the provider's, or not valid now. After UnknownKey
            the caller may fetch the keys again and read the same answer once more.
    """
    claims = read_profile(answer, now) if signed_answers is None else _read_signed(answer, now, signed_answers)
    received = subject_of(claims)
    if received != subject:
        raise OtherPerson("sub", expected=subject, received=received)
    return UserInfoClaims(subject=subject, claims=claims)


def read_profile(answer: Answer, now: datetime) -> dict[str, Any]:
    """The claims of a plain OAuth 2.0 provider, which has no ID Token to name their subject.

    NOT bound to anybody: the caller must compare its anchor claim with the identity it expects.

    Raises:
        AccessTokenRefused: 401, or Slack's error for that.
        UserInfoUnavailable: 5xx, 429, or a redirect, which is not followed; Slack's error for that.
        InvalidUserInfo: not JSON, or signed.
        UserInfoError: another refusal (4xx); 403 usually means a missing scope.
    """
    _check_status(answer, now)
    if _is_jwt(answer):
        message = "The provider signs its UserInfo answers, which was not agreed on."
        raise InvalidUserInfo(message, status=answer.status)
    try:
        document = read_json_object(answer.body)
    except DocumentError as error:
        raise InvalidUserInfo(f"The provider's UserInfo answer is {error}.", status=answer.status) from error
    _check_ok(document, answer.status)
    return document


def _check_ok(document: Mapping[str, Any], status: int) -> None:
    """Slack always answers with status 200; in a refusal `ok` is false, and `error` has the reason."""
    if document.get("ok") is not False or "sub" in document:
        return
    if document.get("error") in _SLACK_TOKEN_ERRORS:
        raise AccessTokenRefused("The provider does not accept the access token any more.", status=status)
    raise UserInfoUnavailable(status=status)


def _check_status(answer: Answer, now: datetime) -> None:
    if answer.status == 401:
        message = "The provider does not accept the access token any more."
        raise AccessTokenRefused(message, status=401, said=words_in_answer(answer))
    if answer.status == 429 or not 200 <= answer.status < 500 or 300 <= answer.status < 400:
        wait_seconds = retry_after_seconds(answer.headers.get("retry-after"), now)
        raise UserInfoUnavailable(status=answer.status, retry_after_seconds=wait_seconds)
    if answer.status >= 400:
        message = "The provider refused to give claims."
        raise UserInfoError(message, status=answer.status, said=words_in_answer(answer))


def _is_jwt(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/jwt"


def _read_signed(answer: Answer, now: datetime, expected: SignedAnswers) -> Mapping[str, Any]:
    """The claims of a signed answer that is the provider's and for us (Core 5.3.2, 5.3.4).

    `iss` and `aud` are required there. Without them any other JWT of the provider about the same person would be
    accepted, such as an ID Token for another client.
    """
    _check_status(answer, now)
    if not _is_jwt(answer):
        message = "The provider does not sign its UserInfo answer, although that was agreed on."
        raise InvalidUserInfo(message, status=answer.status)
    token = answer.body.decode("ascii", "replace").strip()
    if expected.decryption_keys is not None:
        token = decrypt_token(token, expected.decryption_keys, max_bytes=MAX_SIGNED_ANSWER_BYTES)
    signed = verify_signature(
        token, expected.keys, expected.algorithms, types=USERINFO_TYPES, max_bytes=MAX_SIGNED_ANSWER_BYTES
    )
    check_issuer(signed, expected.issuer, expected.directories)
    check_audience(signed.claims, expected.client_id)
    check_optional_times(signed.claims, now.timestamp(), expected.leeway_seconds)
    return signed.claims
