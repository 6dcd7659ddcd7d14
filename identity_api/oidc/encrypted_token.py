"""Decrypt an encrypted token, which must contain a signed token.

RFC 7516, RFC 7519 section 5.2, Core 10.2. Encryption does not prove who wrote a token, since anybody can encrypt to a
public key. So the plaintext is an unverified string, and goes to `verify_signature` next; a token that is only encrypted
is refused. Few algorithms are allowed: no RSA 1.5 (its padding is an oracle), no shared keys or passwords, and only GCM.
"""

from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry, decrypt_compact
from joserfc.jwk import ECKey

from identity_api.oidc.documents import DocumentError, decode_base64url
from identity_api.oidc.errors import AlgorithmNotAllowed, MalformedToken, UndecryptableToken
from identity_api.oidc.own_keys import EC_DECRYPTION, RSA_DECRYPTION, OwnKey, OwnKeys
from identity_api.oidc.signed_token import MAX_HEADER_BYTES, MAX_TOKEN_BYTES

KEY_ALGORITHMS = frozenset((*RSA_DECRYPTION, *EC_DECRYPTION))
CONTENT_ALGORITHMS = frozenset(("A128GCM", "A256GCM"))
MAX_DECRYPTIONS = 2
"""Keys tried where a token does not name one: the two of a rotation. Each costs an operation with a private key, about
a millisecond for RSA with 2,048 bits, so this bounds the cost of invalid tokens."""

_IV_BYTES, _TAG_BYTES = 12, 16  # RFC 7518 section 5.3; a shorter tag would be easier to guess


class _Header(msgspec.Struct, frozen=True):
    alg: str
    enc: str
    kid: str | None = None
    cty: str | None = None
    epk: dict[str, Any] | None = None
    zip: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Registry(JWERegistry):
    """joserfc without its limits, since this module's have been applied before decoding."""

    max_protected_header_length = max_encrypted_key_length = max_ciphertext_length = 1024 * 1024


_decode_header = msgspec.json.Decoder(_Header).decode


def decrypt_token(token: str, keys: OwnKeys, *, max_bytes: int = MAX_TOKEN_BYTES) -> str:
    """The signed token inside an encrypted one, unverified.

    For a provider with which encryption was agreed on; then use it for every token of the kind, so that an unencrypted
    one is refused (Core 3.1.3.7 step 1).

    Args:
        token: compact serialization, at most `max_bytes`.
        keys: this service's, including the ones being rotated out.

    Raises:
        MalformedToken: too large, not encrypted, compressed, with extensions, of a shape its algorithms do not have, or
            without a signed token inside.
        AlgorithmNotAllowed: `alg` or `enc`, which `.claim` names, is not allowed.
        UndecryptableToken: none of this service's keys opens it. Fetching the provider's keys again does not help.
    """
    segments = _split(token, max_bytes)
    header = _read_header(segments[0])
    for name, value, allowed in (("alg", header.alg, KEY_ALGORITHMS), ("enc", header.enc, CONTENT_ALGORITHMS)):
        if value not in allowed:
            raise AlgorithmNotAllowed("The token is encrypted with an algorithm that is not allowed.", claim=name)
    _check_segments(header, segments[1:])
    for key in keys.decrypting(header.kid, header.alg)[:MAX_DECRYPTIONS]:
        plaintext = _decrypt(token, header, key)
        if plaintext is not None:
            return _signed_token_in(plaintext)
    raise UndecryptableToken


def _split(token: str, max_bytes: int) -> list[bytes]:
    if len(token) > max_bytes:
        raise MalformedToken("The token is too large.")
    segments = token.encode("ascii").split(b".", 5) if token.isascii() else []
    if len(segments) != 5 or len(segments[0]) > MAX_HEADER_BYTES:
        raise MalformedToken("The token is not an encrypted JWT.")
    return segments


def _read_header(segment: bytes) -> _Header:
    try:
        header = _decode_header(decode_base64url(segment))
    except (ValueError, RecursionError) as error:
        raise MalformedToken("The token's header cannot be read.") from error
    # Compression lets a few bytes become megabytes, and reveals something of the content (RFC 8725 section 3.6). No
    # extension is supported either (RFC 7516 section 4.1.13).
    for name, value in (("zip", header.zip), ("crit", header.crit)):
        if value is not msgspec.UNSET:
            raise MalformedToken("The token's header requires an unsupported feature.", claim=name)
    if header.cty is not None and header.cty.lower().removeprefix("application/") != "jwt":
        raise MalformedToken("The encrypted token does not contain a token.", claim="cty")
    return header


def _check_segments(header: _Header, segments: list[bytes]) -> None:
    try:
        encrypted_key, iv, ciphertext, tag = (decode_base64url(segment) for segment in segments)
    except DocumentError as error:
        raise MalformedToken("The token is not base64url.") from error
    is_direct = header.alg == "ECDH-ES"
    if bool(encrypted_key) == is_direct or len(iv) != _IV_BYTES or len(tag) != _TAG_BYTES or not ciphertext:
        raise MalformedToken("The token has parts of a size that does not fit its algorithms.")


def _decrypt(token: str, header: _Header, key: OwnKey) -> bytes | None:
    """The plaintext, or None if this key does not open the token, for any reason."""
    if isinstance(key.key, ECKey) and not _is_fitting(header.epk, key.key):
        return None
    try:
        registry = _Registry(algorithms=(header.alg, header.enc), strict_check_header=False)
        return decrypt_compact(token, key.key, registry=registry).plaintext
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _is_fitting(ephemeral_key: dict[str, Any] | None, key: ECKey) -> bool:
    """Whether the sender's key is for the same curve; the import checks that the point is on it."""
    members = ephemeral_key or {}
    return (members.get("kty"), members.get("crv")) == ("EC", key.curve_name)


def _signed_token_in(plaintext: bytes) -> str:
    if plaintext.count(b".") != 2 or not plaintext.isascii():
        raise MalformedToken("The encrypted token holds no signed token.")
    return plaintext.decode("ascii")
