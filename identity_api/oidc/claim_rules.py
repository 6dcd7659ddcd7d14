"""Rules that more than one kind of token has to obey: types and sizes of claims, issuer, audience, times.

OIDC Core 2 and 3.1.3.7, RFC 7519 section 4.1. A required claim must be impossible to leave out, so an absent claim and a
null claim are treated the same, and neither counts as a value.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

from identity_api.oidc.errors import ClaimMismatch, InvalidClaim, MissingClaim, TokenExpired, TokenNotYetValid
from identity_api.oidc.issuer import TENANT_PLACEHOLDER, accepts_issuer, is_template
from identity_api.oidc.signed_token import SignedClaims

DEFAULT_LEEWAY_SECONDS = 60
MAX_SUBJECT_LENGTH = 255
MAX_AUDIENCES = 100
_LAST_MOMENT = 253_402_300_799  # the end of the year 9999, which is where datetime ends


def string_of(claims: Mapping[str, Any], name: str) -> str:
    """A required claim that is a string.

    Raises:
        MissingClaim, InvalidClaim: it is absent, or something else.
    """
    value = claims.get(name)
    if value is None:
        raise MissingClaim(name)
    if not isinstance(value, str):
        raise InvalidClaim(name)
    return value


def identifier_of(claims: Mapping[str, Any], name: str) -> str:
    """A required claim that names something (`sub`, `sid`, `jti`): 1 to 255 characters (Core 2).

    Characters outside ASCII are accepted, since providers send them; NUL is not, since no database text can hold it.

    Raises:
        MissingClaim, InvalidClaim: always with `.claim == name`.
    """
    value = string_of(claims, name)
    if not is_identifier(value):
        raise InvalidClaim(name)
    return value


def is_identifier(value: object) -> TypeGuard[str]:
    """Whether `identifier_of` accepts the value, for a claim that decides nothing."""
    return isinstance(value, str) and 0 < len(value) <= MAX_SUBJECT_LENGTH and "\x00" not in value


def subject_of(claims: Mapping[str, Any]) -> str:
    """The `sub` of an ID Token or UserInfo, as `identifier_of` reads it."""
    return identifier_of(claims, "sub")


def time_of(claims: Mapping[str, Any], name: str) -> float:
    """A required NumericDate (RFC 7519 section 2): seconds since 1970, possibly a fraction.

    Raises:
        MissingClaim, InvalidClaim: it is absent, or not a time before the year 10000.
    """
    value = claims.get(name)
    if value is None:
        raise MissingClaim(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_MOMENT:
        raise InvalidClaim(name)
    return value


def check_issuer(signed: SignedClaims, expected: str, directories: frozenset[str]) -> str:
    """`iss` is the provider's (Core 3.1.3.7 step 2). Returns it, which matters where `expected` is Entra's template.

    Raises:
        MissingClaim, InvalidClaim, ClaimMismatch: `.claim` is `iss`, or `tid` with a template.
    """
    issuer = string_of(signed.claims, "iss")
    if not accepts_issuer(expected, issuer, directories):
        raise ClaimMismatch("iss")
    if is_template(expected):
        _check_directory(signed, expected, issuer)
    return issuer


def _check_directory(signed: SignedClaims, template: str, issuer: str) -> None:
    """Entra's additional rules for its template: `tid` and the key's issuer must agree with `iss`."""
    directory = string_of(signed.claims, "tid")
    if template.replace(TENANT_PLACEHOLDER, directory) != issuer:
        raise ClaimMismatch("tid")
    if signed.key_issuer is not None and signed.key_issuer.replace(TENANT_PLACEHOLDER, directory) != issuer:
        raise ClaimMismatch("iss")


def check_audience(claims: Mapping[str, Any], client_id: str) -> bool:
    """`aud` names this client (Core 3.1.3.7 step 3). Returns whether it names others too.

    Raises:
        MissingClaim, InvalidClaim, ClaimMismatch: always with `.claim == "aud"`.
    """
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
    return any(item != client_id for item in audiences)


def check_issued_to(claims: Mapping[str, Any], client_id: str) -> None:
    """`aud` names this client; if it names others too, or `azp` is present, the token was issued to this client (steps
    3 to 5).

    Raises:
        MissingClaim, InvalidClaim, ClaimMismatch: `.claim` is `aud` or `azp`.
    """
    has_others = check_audience(claims, client_id)
    if (has_others or claims.get("azp") is not None) and string_of(claims, "azp") != client_id:
        raise ClaimMismatch("azp")


def check_times(claims: Mapping[str, Any], now: float, leeway_seconds: int) -> tuple[float, float]:
    """`exp` is in the future, `iat` and `nbf` are not (steps 9 and 10). Returns `iat` and `exp`.

    Raises:
        MissingClaim, InvalidClaim: `exp` or `iat` is absent, or one of the three is not a time.
        TokenExpired: `now` is at or after `exp` plus leeway.
        TokenNotYetValid: `iat` or `nbf` is after `now` plus leeway.
    """
    issued_at, expires_at = time_of(claims, "iat"), time_of(claims, "exp")
    check_optional_times(claims, now, leeway_seconds)
    return issued_at, expires_at


def check_optional_times(claims: Mapping[str, Any], now: float, leeway_seconds: int) -> None:
    """As `check_times`, for a direct answer, which need not have its times.

    Raises:
        InvalidClaim, TokenExpired, TokenNotYetValid: a present time is unusable, or does not include now.
    """
    if claims.get("exp") is not None and now >= time_of(claims, "exp") + leeway_seconds:
        raise TokenExpired
    for name in ("iat", "nbf"):
        if claims.get(name) is not None:
            check_not_ahead(name, time_of(claims, name), now, leeway_seconds)


def check_not_ahead(name: str, moment: float, now: float, leeway_seconds: int) -> None:
    """Refuse a moment in the future.

    Raises:
        TokenNotYetValid: `moment` is after `now` plus leeway; `.claim` is `name`.
    """
    if moment > now + leeway_seconds:
        raise TokenNotYetValid(name)
