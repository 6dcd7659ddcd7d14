"""A logout token: the provider ends our sessions (Back-Channel Logout 1.0 sections 2.4 to 2.6).

The caller checks that a logout token is used once (it keeps `token_id` until `remember_until`), and finds the session.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from identity_api.oidc.claim_rules import (
    DEFAULT_LEEWAY_SECONDS,
    check_issued_to,
    check_issuer,
    check_times,
    identifier_of,
    subject_of,
)
from identity_api.oidc.errors import InvalidClaim, InvalidParameters, MissingClaim, TokenExpired, UnexpectedClaim
from identity_api.oidc.parameters import read_parameters
from identity_api.oidc.signed_token import MAX_TOKEN_BYTES, SignedClaims

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TOKEN_TYPES = frozenset(("logout+jwt",))
"""For `verify_signature`, which also allows absence (section 2.4 recommends the type, and does not require it)."""

DEFAULT_MAX_AGE_SECONDS = 300
MAX_SESSION_ID_LENGTH = 255


class LogoutExpectation(msgspec.Struct, frozen=True, kw_only=True):
    """Whose logout tokens are accepted: the provider that the request was addressed to, and no other.

    `max_age_seconds` bounds the age by `iat`, independent of `exp`: an old logout has no effect.
    """

    issuer: str
    client_id: str
    max_age_seconds: int = DEFAULT_MAX_AGE_SECONDS
    leeway_seconds: int = DEFAULT_LEEWAY_SECONDS
    directories: frozenset[str] = frozenset()


class LogoutToken(msgspec.Struct, frozen=True, kw_only=True):
    """A logout token that passed every rule. At least one of `subject` and `session_id` is set; times are aware UTC.

    With `session_id` that one session ends, and without it all of `subject`'s. From `remember_until` on a replay would
    be refused for its age, so `token_id` need not be remembered any longer.
    """

    issuer: str
    subject: str | None
    session_id: str | None
    token_id: str
    issued_at: datetime
    expires_at: datetime
    remember_until: datetime

    def __repr__(self) -> str:
        return f"LogoutToken(issuer={self.issuer!r})"


def parse_backchannel_logout(pairs: Iterable[tuple[str, str]]) -> str:
    """The logout token in the form that a provider posts (Back-Channel Logout section 2.5), unverified.

    Raises:
        InvalidParameters: there is none, or more than one, or it is not printable or too large.
    """
    limits = {"logout_token": MAX_TOKEN_BYTES}
    found, _ = read_parameters(pairs, limits, what="logout request", error=InvalidParameters)
    return _required(found, "logout_token")


def validate_logout_token(signed: SignedClaims, expected: LogoutExpectation, now: datetime) -> LogoutToken:
    """Apply the rules for a logout token, in the order of Back-Channel Logout section 2.6.

    No rule can be left out, not even the signature: the argument's type excludes an unverified logout token.

    Args:
        signed: claims whose signature has been checked, with `types=LOGOUT_TOKEN_TYPES`.
        expected: the provider that was addressed.
        now: aware UTC time.

    Raises:
        MissingClaim: `iss`, `aud`, `iat`, `exp`, `jti` or `events` is absent; `sub`, if `sid` is absent as well.
        InvalidClaim: a claim has a type or size that no rule accepts; `events` has no logout event.
        ClaimMismatch: `iss`, `aud` or `azp` has another value.
        UnexpectedClaim: there is a `nonce`, so this is an ID Token.
        TokenExpired, TokenNotYetValid: see `.claim`; too old by `iat` counts as expired.
    """
    claims, seconds = signed.claims, now.timestamp()
    issuer = check_issuer(signed, expected.issuer, expected.directories)  # step 3
    check_issued_to(claims, expected.client_id)
    issued_at, expires_at = check_times(claims, seconds, expected.leeway_seconds)
    last_moment = min(expires_at, issued_at + expected.max_age_seconds)
    if seconds >= last_moment + expected.leeway_seconds:
        raise TokenExpired
    subject = subject_of(claims) if claims.get("sub") is not None else None  # step 4
    session_id = identifier_of(claims, "sid") if claims.get("sid") is not None else None
    if subject is None and session_id is None:
        raise MissingClaim("sub")
    token_id = identifier_of(claims, "jti")
    events = claims.get("events")  # step 5
    if events is None:
        raise MissingClaim("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise InvalidClaim("events")
    if "nonce" in claims:  # step 6; null counts as well, since the rule is about the kind of token
        raise UnexpectedClaim("nonce")
    return LogoutToken(
        issuer=issuer,
        subject=subject,
        session_id=session_id,
        token_id=token_id,
        issued_at=datetime.fromtimestamp(issued_at, UTC),
        expires_at=datetime.fromtimestamp(expires_at, UTC),
        remember_until=datetime.fromtimestamp(last_moment, UTC) + timedelta(seconds=expected.leeway_seconds),
    )


def _required(found: dict[str, str], name: str) -> str:
    if name not in found:
        raise InvalidParameters(f"The logout request has no {name}.", claim=name)
    return found[name]
