"""The ID Token rules, in the order of the specification.

OIDC Core 3.1.3.7 for a login, 12.2 for a refresh. Signature and algorithm (steps 6 to 8) come first, in
`signed_token`. The rules are not left to a library's claims registry: a required claim must be impossible to leave out.
Rules that other tokens share are in `claim_rules`.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from identity_api.ids import token_hash
from identity_api.oidc.access_token_hash import check_access_token_hash
from identity_api.oidc.claim_rules import (
    DEFAULT_LEEWAY_SECONDS,
    check_audience,
    check_issued_to,
    check_issuer,
    check_not_ahead,
    check_times,
    is_identifier,
    string_of,
    subject_of,
    time_of,
)
from identity_api.oidc.errors import ClaimMismatch, MissingClaim, OtherPerson
from identity_api.oidc.signed_token import SignedClaims, verify_signature

__all__ = [
    "Deviation",
    "LoginExpectation",
    "RefreshExpectation",
    "SignedClaims",
    "VerifiedIDToken",
    "nonce_hash",
    "subject_of",
    "validate_id_token",
    "validate_refreshed_id_token",
    "verify_signature",
]


class LoginExpectation(msgspec.Struct, frozen=True, kw_only=True):
    """The expectations of a login.

    `max_age_seconds` is the value in the request, or None if it had none. `authenticated_since` is for a request that
    demanded a new proof (`prompt=login`, `max_age=0`): when it was sent, aware UTC; an `auth_time` before it means that
    the provider showed no sign-in page. With it, leave `max_age_seconds` None: a person may take minutes between proof
    and callback. `context_classes` are the values of `acr` that were asked for as essential, if any. `directories` are
    the Entra directories that may log in where `issuer` is Entra's template (see `issuer`). `accepts_missing_nonce` is
    the operator's exception for a provider that never repeats the nonce; another nonce is refused there too.
    """

    issuer: str
    client_id: str
    nonce_hash: bytes
    max_age_seconds: int | None
    leeway_seconds: int = DEFAULT_LEEWAY_SECONDS
    directories: frozenset[str] = frozenset()
    authenticated_since: datetime | None = None
    context_classes: tuple[str, ...] = ()
    accepts_missing_nonce: bool = False


class RefreshExpectation(msgspec.Struct, frozen=True, kw_only=True):
    """The values of the login's ID Token that a refreshed one must repeat.

    `issuer` is the one in that token, so never a template; `announced_issuer` is the metadata's, which may be Entra's, and
    `directories` are those that may log in there, as for a login. `auth_time` is in seconds since 1970, or None if that
    token had none.
    """

    issuer: str
    client_id: str
    subject: str
    auth_time: int | None
    nonce_hash: bytes
    leeway_seconds: int = DEFAULT_LEEWAY_SECONDS
    announced_issuer: str | None = None
    directories: frozenset[str] = frozenset()


class Deviation(msgspec.Struct, frozen=True):
    """A claim of a refreshed ID Token that does not repeat the login's, as OIDC Core 12.2 asks. Both texts may be shown."""

    claim: str
    expected: str
    received: str


class VerifiedIDToken(msgspec.Struct, frozen=True, kw_only=True):
    """An ID Token that passed every rule. Times are aware UTC; `claims` has all members, known or not."""

    issuer: str
    subject: str
    issued_at: datetime
    expires_at: datetime
    auth_time: int | None
    session_id: str | None
    claims: Mapping[str, Any]
    context_class: str | None = None
    deviations: tuple[Deviation, ...] = ()

    def __repr__(self) -> str:
        return f"VerifiedIDToken(issuer={self.issuer!r})"


def nonce_hash(nonce: str) -> bytes:
    """SHA-256 of a nonce; the nonce itself is not stored."""
    return token_hash(nonce)


def validate_id_token(
    signed: SignedClaims, expected: LoginExpectation, now: datetime, *, access_token: str | None = None
) -> VerifiedIDToken:
    """Apply the rules for the ID Token of a login. OIDC Core 3.1.3.7, steps 2 to 5 and 9 to 13, and 3.1.3.8.

    The caller checks whether the subject is known.

    Args:
        signed: claims whose signature has been checked.
        expected: what the login asked for; its leeway is allowed in both directions.
        now: aware UTC time.
        access_token: the one from the same token response, for `at_hash`; None if it is not used for anything.

    Raises:
        MissingClaim: `iss`, `sub`, `aud`, `exp`, `iat` or `nonce` is absent; `azp` with several audiences; `auth_time`
            or `acr` although the expectation needs it.
        InvalidClaim: a claim has a type or size that no rule accepts.
        ClaimMismatch: a claim has another value than expected; see `.claim`.
        TokenExpired: `now` is at or after `exp` plus leeway.
        TokenNotYetValid: `iat`, `nbf`, or an `auth_time` that is needed, is after `now` plus leeway.
    """
    claims, seconds = signed.claims, now.timestamp()
    issuer = check_issuer(signed, expected.issuer, expected.directories)  # step 2
    check_issued_to(claims, expected.client_id)  # steps 3 to 5
    issued_at, expires_at = check_times(claims, seconds, expected.leeway_seconds)  # steps 9 and 10
    if claims.get("nonce") is not None or not expected.accepts_missing_nonce:
        _check_nonce(claims, expected.nonce_hash)  # step 11
    _check_context_class(claims, expected.context_classes)  # step 12
    auth_time = _optional_time(claims, "auth_time")
    _check_authentication_time(expected, auth_time, seconds)  # step 13
    if access_token is not None:  # 3.1.3.8
        check_access_token_hash(signed, access_token)
    return _verified(claims, issuer, subject_of(claims), issued_at, expires_at, auth_time)


def validate_refreshed_id_token(
    signed: SignedClaims, expected: RefreshExpectation, now: datetime, *, access_token: str | None = None
) -> VerifiedIDToken:
    """Apply the rules for the ID Token that came with a refresh. OIDC Core 12.2.

    The same issuer, subject and client, and valid now. The access token that came with it is checked against `at_hash`
    as at the login.

    The other rules of 12.2 bind the token to one authentication of that person: `auth_time`, `nonce` and `azp` as they
    were. Providers put the person's latest sign-in there (GitLab, Amazon Cognito with rotation, CAS, Rauthy). The token
    came from the provider's own endpoint for this refresh token, so nobody can have replaced it, and it is about the
    same person: such a difference is returned in `deviations`, and accepted. `acr` is not in 12.2 and is not compared.

    Raises:
        OtherPerson: `iss` or `sub` is another one.
        MissingClaim, InvalidClaim, ClaimMismatch, TokenExpired, TokenNotYetValid: as `validate_id_token`; the token
            cannot be used.
    """
    claims = signed.claims
    issuer, subject = string_of(claims, "iss"), subject_of(claims)
    for claim, wanted, received in (("iss", expected.issuer, issuer), ("sub", expected.subject, subject)):
        if received != wanted:
            raise OtherPerson(claim, expected=wanted, received=received)
    check_issuer(signed, expected.announced_issuer or expected.issuer, expected.directories)
    has_others = check_audience(claims, expected.client_id)
    if has_others and claims.get("azp") is None:
        raise MissingClaim("azp")
    issued_at, expires_at = check_times(claims, now.timestamp(), expected.leeway_seconds)
    auth_time = _optional_time(claims, "auth_time")
    if access_token is not None:
        check_access_token_hash(signed, access_token)
    verified = _verified(claims, issuer, subject, issued_at, expires_at, auth_time)
    return msgspec.structs.replace(verified, deviations=tuple(_deviations(claims, expected, auth_time)))


def _deviations(claims: Mapping[str, Any], expected: RefreshExpectation, auth_time: int | None) -> Iterator[Deviation]:
    if auth_time is not None and expected.auth_time is not None and auth_time != expected.auth_time:
        yield Deviation("auth_time", str(expected.auth_time), str(auth_time))
    if claims.get("nonce") is not None:
        received = nonce_hash(string_of(claims, "nonce"))
        if not hmac.compare_digest(received, expected.nonce_hash):
            yield Deviation("nonce", expected.nonce_hash.hex(), received.hex())
    azp = claims.get("azp")
    if azp is not None and azp != expected.client_id:
        received_azp = string_of(claims, "azp")
        shown = received_azp if is_identifier(received_azp) else token_hash(received_azp).hex()
        yield Deviation("azp", expected.client_id, shown)


def _check_nonce(claims: Mapping[str, Any], expected: bytes) -> None:
    if not hmac.compare_digest(nonce_hash(string_of(claims, "nonce")), expected):
        raise ClaimMismatch("nonce")


def _check_context_class(claims: Mapping[str, Any], accepted: Sequence[str]) -> None:
    """`acr` is one of the values requested as essential; without such a request it is not checked."""
    if accepted and string_of(claims, "acr") not in accepted:
        raise ClaimMismatch("acr")


def _check_authentication_time(expected: LoginExpectation, auth_time: float | None, now: float) -> None:
    """The person authenticated recently, or again, if the request asked for that."""
    oldest = []
    if expected.max_age_seconds is not None:
        oldest.append(now - expected.max_age_seconds)
    if expected.authenticated_since is not None:
        oldest.append(expected.authenticated_since.timestamp())
    if not oldest:
        return
    if auth_time is None:
        raise MissingClaim("auth_time")
    check_not_ahead("auth_time", auth_time, now, expected.leeway_seconds)
    if auth_time + expected.leeway_seconds < max(oldest):
        raise ClaimMismatch("auth_time")


def _optional_time(claims: Mapping[str, Any], name: str) -> int | None:
    """Whole seconds: some providers send a fraction at the login and none later."""
    return None if claims.get(name) is None else int(time_of(claims, name))


def _verified(
    claims: Mapping[str, Any], issuer: str, subject: str, issued_at: float, expires_at: float, auth_time: int | None
) -> VerifiedIDToken:
    session_id, context_class = claims.get("sid"), claims.get("acr")
    return VerifiedIDToken(
        issuer=issuer,
        subject=subject,
        issued_at=datetime.fromtimestamp(issued_at, UTC),
        expires_at=datetime.fromtimestamp(expires_at, UTC),
        auth_time=auth_time,
        session_id=session_id if is_identifier(session_id) else None,
        claims=claims,
        context_class=context_class if isinstance(context_class, str) else None,
    )
