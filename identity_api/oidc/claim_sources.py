"""Claims that a provider does not put into the token, but points to. OIDC Core 5.6.2.

Recognised, so that "not here" is never read as "none" (Entra replaces more than 200 groups in this way); not followed.
The JWT of an aggregated claim is signed by a third party whose keys nobody gave us, and the endpoint of a distributed
one is an address to which a token would make us send requests.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from identity_api.oidc.errors import InvalidClaim

MAX_EXTERNAL_CLAIMS = 200
MAX_NAME_LENGTH = 255


class ClaimSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where a claim is said to be. `unresolved`: its source is named and not described."""

    name: str
    kind: Literal["aggregated", "distributed", "unresolved"]


def external_claims(claims: Mapping[str, Any]) -> dict[str, ClaimSource]:
    """The names of the claims that are elsewhere, each with its source; empty for nearly every token.

    Args:
        claims: of a verified ID Token or of UserInfo.

    Raises:
        InvalidClaim: `_claim_names` or `_claim_sources` is not an object of the specified shape, or too large.
    """
    names = _object(claims, "_claim_names")
    sources = _object(claims, "_claim_sources")
    found: dict[str, ClaimSource] = {}
    for name, source in names.items():
        if not isinstance(source, str) or max(len(name), len(source)) > MAX_NAME_LENGTH:
            raise InvalidClaim("_claim_names")
        found[name] = ClaimSource(name=source, kind=_kind(sources.get(source)))
    return found


def _object(claims: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = claims.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_EXTERNAL_CLAIMS:
        raise InvalidClaim(name)
    return value


def _kind(source: object) -> Literal["aggregated", "distributed", "unresolved"]:
    if source is None:
        return "unresolved"
    if not isinstance(source, dict):
        raise InvalidClaim("_claim_sources")
    if isinstance(source.get("JWT"), str):
        return "aggregated"
    return "distributed" if isinstance(source.get("endpoint"), str) else "unresolved"
