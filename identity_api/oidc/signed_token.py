"""Verify a signed JWT: from a string that anybody may have sent to claims that the provider signed.

RFC 7515 (compact serialization), RFC 7519, RFC 8725; Core 3.1.3.7 steps 6 to 8. `id_token` checks the claims. The header is
not trusted: its `alg` must be on the caller's list and fit the key, and `jku`, `jwk`, `x5u` and `x5c` are never read. Bounds
are checked first and the signature last, so that refusing a hostile token is cheap.
"""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from identity_api.oidc.documents import DocumentError, decode_base64url, read_json_object
from identity_api.oidc.errors import AlgorithmNotAllowed, InvalidSignature, MalformedToken
from identity_api.oidc.jwks import ALLOWED_ALGORITHMS, MAX_KEY_ID_LENGTH, KeySet

MAX_TOKEN_BYTES = 16 * 1024
MAX_HEADER_BYTES = 8 * 1024
"""Maximum of the encoded header. Large, since some providers send their certificate chain in `x5c` (which is not read).
"""

ID_TOKEN_TYPES = frozenset(("jwt",))
ACCESS_TOKEN_TYPES = frozenset(("jwt", "at+jwt"))
USERINFO_TYPES = frozenset(("jwt",))
"""Values of `typ`, in lower case, without `application/`. Absence is allowed for all (Core does not mention `typ`)."""


class SignedClaims(msgspec.Struct, frozen=True, kw_only=True):
    """Claims with a verified signature and nothing else verified: not the audience, the issuer or the expiry.

    Made by `verify_signature` only. `key_issuer` is the issuer that the signing key is limited to, if it is.
    """

    claims: Mapping[str, Any]
    algorithm: str
    key_id: str | None = None
    key_issuer: str | None = None

    def __repr__(self) -> str:
        return f"SignedClaims(algorithm={self.algorithm!r}, key_id={self.key_id!r})"


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    b64: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode_header = msgspec.json.Decoder(_Header).decode


def verify_signature(
    token: str,
    keys: KeySet,
    algorithms: Collection[str],
    *,
    types: Collection[str] = ID_TOKEN_TYPES,
    max_bytes: int = MAX_TOKEN_BYTES,
) -> SignedClaims:
    """Check the signature of a JWT and return its claims.

    Args:
        token: compact serialization, at most `max_bytes`.
        keys: the provider's keys, read once and kept.
        algorithms: the agreed ones, from `jwks.allowed_algorithms`. Names outside ALLOWED_ALGORITHMS are ignored, and
            an empty list accepts no token.
        types: values accepted for the header's `typ`, so that a token of one kind cannot stand in for another.

    Raises:
        MalformedToken: too large, encrypted, not a JWT, of another `typ`, or with extensions (`crit`, `b64`).
        AlgorithmNotAllowed: `alg` is not agreed on; always so for `none` and HMAC.
        UnknownKey, AmbiguousKey: see `KeySet.find`. After UnknownKey the caller may fetch the keys again, once.
        InvalidSignature: the signature is not the key's.
    """
    header_segment, payload_segment, signature_segment = _split(token, max_bytes)
    header = _read_header(header_segment)
    if header.alg not in algorithms or header.alg not in ALLOWED_ALGORITHMS:
        raise AlgorithmNotAllowed("The token is signed with an algorithm that is not allowed.", claim="alg")
    if header.typ is not None and header.typ.lower().removeprefix("application/") not in types:
        raise MalformedToken("The token is of another kind.", claim="typ")
    key = keys.find(header.kid, header.alg)
    try:
        signature = decode_base64url(signature_segment)
        payload = decode_base64url(payload_segment)
    except DocumentError as error:
        raise MalformedToken("The token is not base64url.") from error
    if not key.verify(header.alg, header_segment + b"." + payload_segment, signature):
        raise InvalidSignature("The token's signature is not the provider's.")
    try:
        claims = read_json_object(payload, max_bytes=max_bytes)
    except DocumentError as error:
        raise MalformedToken(f"The token's payload is {error}.") from error
    return SignedClaims(claims=claims, algorithm=header.alg, key_id=header.kid, key_issuer=key.issuer)


def _split(token: str, max_bytes: int) -> tuple[bytes, bytes, bytes]:
    if len(token) > max_bytes:
        raise MalformedToken("The token is too large.")
    if not token.isascii():
        raise MalformedToken("The token is not a JWT.")
    segments = token.encode("ascii").split(b".", 5)  # one more part than any token has is enough
    if len(segments) == 5:
        raise MalformedToken("The token is encrypted, which was not agreed on.")
    if len(segments) != 3 or len(segments[0]) > MAX_HEADER_BYTES:
        raise MalformedToken("The token is not a JWT.")
    return segments[0], segments[1], segments[2]


def _read_header(segment: bytes) -> _Header:
    try:
        header = _decode_header(decode_base64url(segment))
    except (ValueError, RecursionError) as error:
        raise MalformedToken("The token's header cannot be read.") from error
    # No extension is supported, and RFC 7515 section 4.1.11 makes `crit` a reason to refuse. `b64` changes what is
    # signed (RFC 7797) and is not allowed in a JWT.
    if header.crit is not msgspec.UNSET or header.b64 is not msgspec.UNSET:
        raise MalformedToken("The token's header asks for an extension.", claim="crit")
    if header.kid is not None and len(header.kid) > MAX_KEY_ID_LENGTH:
        raise MalformedToken("The token's header cannot be read.", claim="kid")
    return header
