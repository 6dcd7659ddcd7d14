"""The ID Token rules, in the order of the specification.

OIDC Core 3.1.3.7 for a login, 12.2 for a refresh. Signature and algorithm (steps 6 to 8) come first, in
`signed_token`. The rules are our own rather than a claims registry's: what is required must be impossible to leave out.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from identity_api.ids import token_hash
from identity_api.oidc.errors import ClaimMismatch, InvalidClaim, MissingClaim, TokenExpired, TokenNotYetValid
from identity_api.oidc.issuer import TENANT_PLACEHOLDER, accepts_issuer, is_template
from identity_api.oidc.signed_token import SignedClaims, verify_signature

__all__ = [
    "LoginExpectation",
    "RefreshExpectation",
    "SignedClaims",
    "VerifiedIDToken",
    "nonce_hash",
    "validate_id_token",
    "validate_refreshed_id_token",
    "verify_signature",
]

DEFAULT_LEEWAY_SECONDS = 60
MAX_SUBJECT_LENGTH = 255
MAX_AUDIENCES = 100
_LAST_MOMENT = 253_402_300_799  # the end of the year 9999, which is where datetime ends


class LoginExpectation(msgspec.Struct, frozen=True, kw_only=True):
    """What a login asked for.

    `max_age_seconds` is what the request sent, or None if it sent none. `directories` are the Entra directories that
    may log in where `issuer` is Entra's template (see `issuer`).
    """

    issuer: str
    client_id: str
    nonce_hash: bytes
    max_age_seconds: int | None
    leeway_seconds: int = DEFAULT_LEEWAY_SECONDS
    directories: frozenset[str] = frozenset()


class RefreshExpectation(msgspec.Struct, frozen=True, kw_only=True):
    """What the ID Token of the login said, which a refreshed one must repeat.

    `issuer` is the one in that token, so never a template. `auth_time` is in seconds since 1970, or None if that token
    had none.
    """

    issuer: str
    client_id: str
    subject: str
    auth_time: int | None
    nonce_hash: bytes
    leeway_seconds: int = DEFAULT_LEEWAY_SECONDS


class VerifiedIDToken(msgspec.Struct, frozen=True, kw_only=True):
    """An ID Token that passed every rule. Times are aware UTC; `claims` has all members, known or not."""

    issuer: str
    subject: str
    issued_at: datetime
    expires_at: datetime
    auth_time: int | None
    session_id: str | None
    claims: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"VerifiedIDToken(issuer={self.issuer!r})"


def nonce_hash(nonce: str) -> bytes:
    """SHA-256 of a nonce, which is all we keep of it."""
    return token_hash(nonce)


def validate_id_token(signed: SignedClaims, expected: LoginExpectation, now: datetime) -> VerifiedIDToken:
    """Apply the rules for the ID Token of a login. OIDC Core 3.1.3.7, steps 2 to 5 and 9 to 13, without 12.

    `acr` (step 12) is left to the caller, and so is whether the subject is known.

    Args:
        signed: claims whose signature has been checked.
        expected: what the login asked for; its leeway is allowed in both directions.
        now: aware UTC time.

    Raises:
        MissingClaim: `iss`, `sub`, `aud`, `exp`, `iat` or `nonce` is absent; `azp` with several audiences; `auth_time`
            although `max_age` was sent.
        InvalidClaim: a claim has a type or size that no rule accepts.
        ClaimMismatch: a claim has another value than expected; see `.claim`.
        TokenExpired: `now` is at or after `exp` plus leeway.
        TokenNotYetValid: `iat` or `nbf` is after `now` plus leeway.
    """
    claims, seconds = signed.claims, now.timestamp()
    issuer = _string(claims, "iss")
    if not accepts_issuer(expected.issuer, issuer, expected.directories):  # step 2
        raise ClaimMismatch("iss")
    if is_template(expected.issuer):
        _check_directory(signed, expected.issuer, issuer)
    _check_audience(claims, expected.client_id)  # steps 3 to 5
    issued_at, expires_at = _check_times(claims, seconds, expected.leeway_seconds)  # steps 9 and 10
    _check_nonce(claims, expected.nonce_hash)  # step 11
    auth_time = _optional_time(claims, "auth_time")
    if expected.max_age_seconds is not None:  # step 13
        if auth_time is None:
            raise MissingClaim("auth_time")
        if seconds > auth_time + expected.max_age_seconds + expected.leeway_seconds:
            raise ClaimMismatch("auth_time")
    return _verified(claims, issuer, subject_of(claims), issued_at, expires_at, auth_time)


def validate_refreshed_id_token(signed: SignedClaims, expected: RefreshExpectation, now: datetime) -> VerifiedIDToken:
    """Apply the rules for the ID Token that came with a refresh. OIDC Core 12.2.

    Same issuer and subject, still for us, `auth_time` as it was, `nonce` absent or as it was.

    Raises: as `validate_id_token`. `iss` or `sub` in `.claim` means that the refresh token speaks for somebody else.
    """
    claims = signed.claims
    issuer = _string(claims, "iss")
    if issuer != expected.issuer:
        raise ClaimMismatch("iss")
    subject = subject_of(claims)
    if subject != expected.subject:
        raise ClaimMismatch("sub")
    _check_audience(claims, expected.client_id)
    issued_at, expires_at = _check_times(claims, now.timestamp(), expected.leeway_seconds)
    auth_time = _optional_time(claims, "auth_time")
    if auth_time is not None and expected.auth_time is not None and auth_time != expected.auth_time:
        raise ClaimMismatch("auth_time")
    if claims.get("nonce") is not None:
        _check_nonce(claims, expected.nonce_hash)
    return _verified(claims, issuer, subject, issued_at, expires_at, auth_time)


def subject_of(claims: Mapping[str, Any]) -> str:
    """The `sub` of an ID Token or UserInfo: 1 to 255 characters (Core 2).

    Characters outside ASCII are accepted, since providers send them; NUL is not, since no database text can hold it.

    Raises:
        MissingClaim, InvalidClaim: always with `.claim == "sub"`.
    """
    subject = _string(claims, "sub")
    if not subject or len(subject) > MAX_SUBJECT_LENGTH or "\x00" in subject:
        raise InvalidClaim("sub")
    return subject


def _check_directory(signed: SignedClaims, template: str, issuer: str) -> None:
    """Entra's own rules beside its template: `tid` and the key's issuer must agree with `iss`."""
    directory = _string(signed.claims, "tid")
    if template.replace(TENANT_PLACEHOLDER, directory) != issuer:
        raise ClaimMismatch("tid")
    if signed.key_issuer is not None and signed.key_issuer.replace(TENANT_PLACEHOLDER, directory) != issuer:
        raise ClaimMismatch("iss")


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    """`aud` names us; where it names others too, or `azp` is there, the token was issued to us."""
    audience = claims.get("aud")
    if audience is None:
        raise MissingClaim("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or len(audiences) > MAX_AUDIENCES:
        raise InvalidClaim("aud")
    if not all(isinstance(item, str) for item in audiences):
        raise InvalidClaim("aud")
    if client_id not in audiences:
        raise ClaimMismatch("aud")
    has_others = any(item != client_id for item in audiences)
    if (has_others or claims.get("azp") is not None) and _string(claims, "azp") != client_id:
        raise ClaimMismatch("azp")


def _check_nonce(claims: Mapping[str, Any], expected: bytes) -> None:
    if not hmac.compare_digest(nonce_hash(_string(claims, "nonce")), expected):
        raise ClaimMismatch("nonce")


def _check_times(claims: Mapping[str, Any], now: float, leeway_seconds: int) -> tuple[float, float]:
    """`exp` is ahead, `iat` and `nbf` are not. Returns `iat` and `exp`."""
    expires_at = _time(claims, "exp")
    if now >= expires_at + leeway_seconds:
        raise TokenExpired
    issued_at = _time(claims, "iat")
    if issued_at > now + leeway_seconds:
        raise TokenNotYetValid("iat")
    if claims.get("nbf") is not None and _time(claims, "nbf") > now + leeway_seconds:
        raise TokenNotYetValid("nbf")
    return issued_at, expires_at


def _string(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if value is None:
        raise MissingClaim(name)
    if not isinstance(value, str):
        raise InvalidClaim(name)
    return value


def _time(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate (RFC 7519 section 2): seconds since 1970, possibly a fraction."""
    value = claims.get(name)
    if value is None:
        raise MissingClaim(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_MOMENT:
        raise InvalidClaim(name)
    return value


def _optional_time(claims: Mapping[str, Any], name: str) -> int | None:
    """Whole seconds: some providers send a fraction at the login and none later."""
    return None if claims.get(name) is None else int(_time(claims, name))


def _verified(
    claims: Mapping[str, Any], issuer: str, subject: str, issued_at: float, expires_at: float, auth_time: int | None
) -> VerifiedIDToken:
    session_id = claims.get("sid")
    return VerifiedIDToken(
        issuer=issuer,
        subject=subject,
        issued_at=datetime.fromtimestamp(issued_at, UTC),
        expires_at=datetime.fromtimestamp(expires_at, UTC),
        auth_time=auth_time,
        session_id=session_id if isinstance(session_id, str) and 0 < len(session_id) <= MAX_SUBJECT_LENGTH else None,
        claims=claims,
    )
