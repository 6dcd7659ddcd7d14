"""The UserInfo endpoint: asking for claims, and whose they are.

Core 5.3, RFC 6750. JSON answers only; a provider that signs or encrypts them (`application/jwt`) is refused as such.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from identity_api.oidc.documents import DocumentError, read_json_object, retry_after_seconds
from identity_api.oidc.errors import (
    AccessTokenRefused,
    ClaimMismatch,
    InvalidUserInfo,
    UserInfoError,
    UserInfoUnavailable,
)
from identity_api.oidc.id_token import subject_of
from identity_api.oidc.messages import Answer, Request


class UserInfoClaims(msgspec.Struct, frozen=True, kw_only=True):
    """Claims about `subject`, who is the subject of the ID Token that came with the access token."""

    subject: str
    claims: Mapping[str, Any]

    def __repr__(self) -> str:
        return "UserInfoClaims()"


def userinfo_request(endpoint: str, access_token: str) -> Request:
    """Ask for claims, with the token in the header (RFC 6750 section 2.1)."""
    headers = {"authorization": f"Bearer {access_token}", "accept": "application/json"}
    return Request(method="GET", url=endpoint, headers=headers)


def read_userinfo(answer: Answer, subject: str, now: datetime) -> UserInfoClaims:
    """The claims about `subject`.

    Core 5.3.2: the answer's `sub` must be exactly the ID Token's, or else the claims are somebody else's (token
    substitution) and must not be used.

    Args:
        subject: `VerifiedIDToken.subject`.
        now: aware UTC time, for a Retry-After that is a date.

    Raises:
        MissingClaim, InvalidClaim, ClaimMismatch: with `.claim == "sub"`.
        AccessTokenRefused, UserInfoUnavailable, InvalidUserInfo: no claims; see `errors`.
    """
    claims = read_profile(answer, now)
    if subject_of(claims) != subject:
        raise ClaimMismatch("sub")
    return UserInfoClaims(subject=subject, claims=claims)


def read_profile(answer: Answer, now: datetime) -> dict[str, Any]:
    """The claims of a plain OAuth 2.0 provider, where no ID Token says whose they should be.

    NOT bound to anybody: the caller must compare its anchor claim with the identity it expects.

    Raises:
        AccessTokenRefused: 401.
        UserInfoUnavailable: 5xx, 429, or a redirect, which is not followed.
        InvalidUserInfo: not JSON, or signed.
        UserInfoError: another refusal (4xx); 403 usually means a missing scope.
    """
    if answer.status == 401:
        raise AccessTokenRefused("The provider does not accept the access token any more.", status=401)
    if answer.status == 429 or not 200 <= answer.status < 500 or 300 <= answer.status < 400:
        wait_seconds = retry_after_seconds(answer.headers.get("retry-after"), now)
        raise UserInfoUnavailable(status=answer.status, retry_after_seconds=wait_seconds)
    if answer.status >= 400:
        raise UserInfoError("The provider refused to give claims.", status=answer.status)
    if answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/jwt":
        message = "The provider signs its UserInfo answers, which is not supported."
        raise InvalidUserInfo(message, status=answer.status)
    try:
        return read_json_object(answer.body)
    except DocumentError as error:
        raise InvalidUserInfo(f"The provider's UserInfo answer is {error}.", status=answer.status) from error
