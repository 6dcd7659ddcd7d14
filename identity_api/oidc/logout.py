"""The end of a login, both ways: we end the provider's session, or the provider ends ours.

RP-Initiated Logout 1.0 section 2, Back-Channel Logout 1.0 sections 2.4 to 2.6, Front-Channel Logout 1.0 section 3. That
a logout token is used once, and whose session ends, is the caller's: it keeps `token_id` until `remember_until`.
"""

import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from identity_api.errors import BadInput
from identity_api.oidc.claim_rules import (
    DEFAULT_LEEWAY_SECONDS,
    check_issued_to,
    check_issuer,
    check_times,
    identifier_of,
    subject_of,
)
from identity_api.oidc.documents import MAX_URL_LENGTH, is_visible_ascii
from identity_api.oidc.errors import InvalidClaim, InvalidParameters, MissingClaim, TokenExpired, UnexpectedClaim
from identity_api.oidc.parameters import read_parameters
from identity_api.oidc.redirects import add_query
from identity_api.oidc.signed_token import MAX_TOKEN_BYTES, SignedClaims

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TOKEN_TYPES = frozenset(("logout+jwt",))
"""For `verify_signature`, which also allows absence (section 2.4 recommends the type, and does not require it)."""

DEFAULT_MAX_AGE_SECONDS = 300
MAX_SESSION_ID_LENGTH = 255
MAX_RETURN_STATE_LENGTH = 512

RETURN_URL = "{return_url}"
MAX_EXTRA_PARAMETERS = 16

_OURS = frozenset(("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint"))


class LogoutExpectation(msgspec.Struct, frozen=True, kw_only=True):
    """Whose logout tokens are accepted: the provider that the request was addressed to, and no other.

    `max_age_seconds` bounds the age by `iat`, whatever `exp` says: a logout is news or nothing.
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


class FrontChannelLogout(msgspec.Struct, frozen=True, kw_only=True):
    """What a front-channel logout says. Anybody can write it: compare both with the session of this very browser."""

    issuer: str
    session_id: str

    def __repr__(self) -> str:
        return f"FrontChannelLogout(issuer={self.issuer!r})"


def end_session_url(
    endpoint: str,
    *,
    id_token_hint: str | None,
    client_id: str,
    post_logout_redirect_uri: str | None,
    state: str | None,
    extra: Mapping[str, str] | None = None,
) -> str:
    """The URL to send the browser to after our session has ended.

    Args:
        endpoint: `ProviderMetadata.end_session_endpoint`.
        id_token_hint: the last ID Token, if kept. It fills the URL with claims; where it is not kept, `client_id` says
            who asks.
        post_logout_redirect_uri: registered at the provider, or None to stay there.
        state: comes back with the redirect; only of use together with it.
        extra: what a provider wants beyond the specification (AWS Cognito: `logout_uri`). `{return_url}` in a value stands
            for `post_logout_redirect_uri`.

    Raises:
        InvalidMetadata: the endpoint's own query sets one of these parameters.
        BadInput: one of `extra` cannot be sent.
    """
    check_logout_parameters(extra or {})
    filled = {name: value.replace(RETURN_URL, post_logout_redirect_uri or "") for name, value in (extra or {}).items()}
    parameters = {
        "id_token_hint": id_token_hint,
        "client_id": client_id,
        "post_logout_redirect_uri": post_logout_redirect_uri,
        "state": state if post_logout_redirect_uri is not None else None,
        **filled,
    }
    return add_query(endpoint, parameters, ours=_OURS, blame="end_session_endpoint")


def check_logout_parameters(extra: Mapping[str, str]) -> None:
    """Refuse operator-set parameters of a sign-out that are ours to set, or cannot be sent; for use when configured.

    Raises:
        BadInput: `.field` names the parameter, if one is to blame.
    """
    if len(extra) > MAX_EXTRA_PARAMETERS:
        raise BadInput("There are too many extra end-session parameters.", field="extra")
    for name, value in extra.items():
        if name.lower() in _OURS:
            raise BadInput(f"The end-session parameter {name} is set by the sign-out itself.", field=name)
        if not name or len(name) > 64 or len(value) > 1024 or not is_visible_ascii(name + value):
            raise BadInput("An end-session parameter is not short printable ASCII.", field="extra")


def is_return_of(pairs: Iterable[tuple[str, str]], state: str) -> bool:
    """Whether the browser that comes back from the provider brings the `state` that was sent along.

    Never raises, since there is nobody to refuse: our session is over either way, and another state or none only means
    that nothing more can be said (RP-Initiated Logout section 3).
    """
    try:
        found, _ = read_parameters(pairs, {"state": MAX_RETURN_STATE_LENGTH}, what="return", error=InvalidParameters)
    except InvalidParameters:
        return False
    return "state" in found and hmac.compare_digest(found["state"].encode(), state.encode("utf-8", "surrogatepass"))


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

    There is no way to leave one out, the signature included: an unverified logout token cannot be handed in.

    Args:
        signed: claims whose signature has been checked, with `types=LOGOUT_TOKEN_TYPES`.
        expected: the provider that was addressed.
        now: aware UTC time.

    Raises:
        MissingClaim: `iss`, `aud`, `iat`, `exp`, `jti` or `events` is absent; `sub`, if `sid` is absent as well.
        InvalidClaim: a claim has a type or size that no rule accepts; `events` does not say logout.
        ClaimMismatch: `iss`, `aud` or `azp` is another's.
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


def parse_frontchannel_logout(pairs: Iterable[tuple[str, str]]) -> FrontChannelLogout:
    """Read the parameters of a front-channel logout (Front-Channel Logout section 3).

    Both are required here, though the specification lets a provider leave out both: a request that names no session
    could be made by any page, to sign a person out. Register with `frontchannel_logout_session_required`.

    Raises:
        InvalidParameters: `iss` or `sid` is missing, repeated, or unusable; `.claim` names it.
    """
    limits = {"iss": MAX_URL_LENGTH, "sid": MAX_SESSION_ID_LENGTH}
    found, _ = read_parameters(pairs, limits, what="logout request", error=InvalidParameters)
    return FrontChannelLogout(issuer=_required(found, "iss"), session_id=_required(found, "sid"))


def _required(found: dict[str, str], name: str) -> str:
    if name not in found:
        raise InvalidParameters(f"The logout request has no {name}.", claim=name)
    return found[name]
