"""The provider's public keys: parse the set once, and choose the key for a token.

RFC 7517, RFC 7518 section 6, RFC 8037, RFC 9864, Core 10.1. Every key is imported when the set is parsed, because an
import costs three times a verification. `upstream` does fetching, caching and the cool-down between fetches; this
module says when a fetch may help (`UnknownKey`).

Decision: an unusable key is left out and listed in `ignored`, and does not make the set unusable.
Context: sets mix encryption keys, new key types and mistakes, and a provider with one odd key must stay usable.
Consequences: a published private or symmetric key (which Discovery 3 forbids) never verifies anything, and the
diagnosis of a provider can name it. Rejected: refusing the whole set, which turns one odd key into an outage.
"""

from collections.abc import Generator, Iterable, Mapping
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from identity_api.oidc.documents import DocumentError, decode_base64url, read_json_object
from identity_api.oidc.errors import AmbiguousKey, InvalidKeySet, UnknownKey

MAX_KEY_SET_BYTES = 512 * 1024
MAX_KEYS = 100
MAX_KEY_ID_LENGTH = 512
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
"""A verification costs time in the square of the size: at 16384 bits a token costs 2 ms."""

_RSA_ALGORITHMS = frozenset(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"))
_CURVE_ALGORITHMS = {
    ("EC", "P-256"): frozenset(("ES256",)),
    ("EC", "P-384"): frozenset(("ES384",)),
    ("EC", "P-521"): frozenset(("ES512",)),
    ("OKP", "Ed25519"): frozenset(("EdDSA", "Ed25519")),
    ("OKP", "Ed448"): frozenset(("EdDSA", "Ed448")),
}
ALLOWED_ALGORITHMS = _RSA_ALGORITHMS.union(*_CURVE_ALGORITHMS.values())
"""Asymmetric signatures only. HMAC would let anybody who knows the client secret sign, `none` anybody at all."""

_PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
_models = {name: JWSRegistry.algorithms[name] for name in ALLOWED_ALGORITHMS - {"EdDSA"}}


class VerificationKey(msgspec.Struct, frozen=True, kw_only=True):
    """One imported public key and the algorithms it may be used with.

    `issuer` is a member that Entra adds to its keys: the issuer, or template, that the key signs for.
    """

    key_id: str | None
    algorithms: frozenset[str]
    key: RSAKey | ECKey | OKPKey
    issuer: str | None = None

    @property
    def identity(self) -> tuple[str, str | None]:
        """The identity of the key: its public members (RFC 7638), and the issuer that it signs for."""
        return self.key.thumbprint(), self.issuer

    def verify(self, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `signing_input`. `algorithm` must be one of `algorithms`."""
        if algorithm not in self.algorithms:
            return False
        if algorithm == "EdDSA":  # the old name for both curves, which joserfc warns about (RFC 9864)
            algorithm = self.key.curve_name if isinstance(self.key, OKPKey) else algorithm
        try:
            return _models[algorithm].verify(signing_input, signature, self.key)
        except (JoseError, ValueError):
            return False


class IgnoredKey(msgspec.Struct, frozen=True):
    """A key of the document that is not used, with the reason: for the diagnosis of a provider."""

    key_id: str | None
    reason: str


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """The usable keys of one JWKS document."""

    keys: tuple[VerificationKey, ...]
    ignored: tuple[IgnoredKey, ...] = ()
    by_key_id: Mapping[str | None, tuple[VerificationKey, ...]]

    def find(self, key_id: str | None, algorithm: str) -> VerificationKey:
        """The key that must have signed a token with this header (Core 10.1).

        With a `kid`, the key of that id that fits the algorithm. Without one, the single key that fits. One key that is
        published several times is a single key.

        Raises:
            UnknownKey: there is none; the set may be out of date.
            AmbiguousKey: there are several. Trying all of them would let a token choose its key.
        """
        candidates = self.keys if key_id is None else self.by_key_id.get(key_id, ())
        fitting = [key for key in candidates if algorithm in key.algorithms]
        if not fitting:
            raise UnknownKey("The provider's key set has no key for this token.", claim="kid")
        if len(fitting) == 1 or len({key.identity for key in fitting}) == 1:
            return fitting[0]
        raise AmbiguousKey("Several keys of the provider fit this token, which does not say which.", claim="kid")

    def __repr__(self) -> str:
        return f"KeySet({[key.key_id for key in self.keys]!r}, ignored={self.ignored!r})"


def allowed_algorithms(announced: Iterable[str]) -> frozenset[str]:
    """The algorithms that the provider announces for ID Tokens and that are accepted here. If empty, no token verifies."""
    return ALLOWED_ALGORITHMS.intersection(announced)


def parse_key_set(body: bytes) -> KeySet:
    """Read a JWKS document and import its keys. Raises as `read_key_set`."""
    steps = read_key_set(body)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            key_set: KeySet = done.value
            return key_set


def read_key_set(body: bytes) -> Generator[None, None, KeySet]:
    """Read a JWKS document and import its keys, with a pause after each: a hundred of the largest take 20 ms.

    Raises:
        InvalidKeySet: not a key set, or more than MAX_KEYS keys. A set without any usable key is a valid answer, as
            seen in the middle of a rotation.
    """
    try:
        document = read_json_object(body, max_bytes=MAX_KEY_SET_BYTES)
    except DocumentError as error:
        raise InvalidKeySet(f"The provider's key set is {error}.") from error
    members = document.get("keys")
    if not isinstance(members, list):
        raise InvalidKeySet("The provider's key set has no list of keys.", claim="keys")
    if len(members) > MAX_KEYS:
        raise InvalidKeySet("The provider's key set has too many keys.", claim="keys")
    keys: list[VerificationKey] = []
    ignored: list[IgnoredKey] = []
    for member in members:
        read = _read_key(member)
        if isinstance(read, IgnoredKey):
            ignored.append(read)
        else:
            keys.append(read)
        yield
    by_key_id: dict[str | None, tuple[VerificationKey, ...]] = {}
    for key in keys:
        by_key_id[key.key_id] = (*by_key_id.get(key.key_id, ()), key)
    return KeySet(keys=tuple(keys), ignored=tuple(ignored), by_key_id=by_key_id)


def _read_key(member: object) -> VerificationKey | IgnoredKey:
    if not isinstance(member, dict):
        return IgnoredKey(None, "not_an_object")
    key_id = member.get("kid")
    if key_id is not None and (not isinstance(key_id, str) or len(key_id) > MAX_KEY_ID_LENGTH):
        return IgnoredKey(None, "unusable_key_id")
    algorithms = _algorithms_of(member)
    if isinstance(algorithms, str):
        return IgnoredKey(key_id, algorithms)
    try:
        key = _import_key(member)
    except (JoseError, ValueError, TypeError, KeyError):
        return IgnoredKey(key_id, "unreadable")
    if key is None:
        return IgnoredKey(key_id, "unacceptable_size")
    issuer = member.get("issuer")
    return VerificationKey(
        key_id=key_id, algorithms=algorithms, key=key, issuer=issuer if isinstance(issuer, str) else None
    )


def _algorithms_of(member: Mapping[str, Any]) -> frozenset[str] | str:
    """The algorithms that the key may be used with, or the reason why there is none."""
    if not _PRIVATE_MEMBERS.isdisjoint(member):
        return "symmetric" if member.get("kty") == "oct" else "private"
    kty, crv = member.get("kty"), member.get("crv")
    if not isinstance(kty, str) or not isinstance(crv, str | None):
        return "unknown_type"
    algorithms = _RSA_ALGORITHMS if kty == "RSA" else _CURVE_ALGORITHMS.get((kty, crv or ""))
    if algorithms is None:
        return "unknown_type"
    operations = member.get("key_ops")
    if member.get("use", "sig") != "sig" or (operations is not None and not _contains(operations, "verify")):
        return "not_for_signatures"
    algorithm = member.get("alg")
    if algorithm is None:
        return algorithms
    # EdDSA and the names of RFC 9864 are one operation; a key labelled with either may be used under both.
    if isinstance(algorithm, str) and algorithm in algorithms:
        return algorithms if kty == "OKP" else frozenset((algorithm,))
    return "not_for_signatures"


def _contains(operations: object, name: str) -> bool:
    return isinstance(operations, list) and name in operations


def _import_key(member: Mapping[str, Any]) -> RSAKey | ECKey | OKPKey | None:
    """Import only the members that define the key. None if an RSA key is too small to trust or too large to afford."""
    if member["kty"] == "EC":
        return ECKey.import_key({name: member[name] for name in ("kty", "crv", "x", "y")})
    if member["kty"] == "OKP":
        return OKPKey.import_key({name: member[name] for name in ("kty", "crv", "x")})
    modulus_bits, exponent_bits = (
        int.from_bytes(decode_base64url(member[name].encode("ascii")), "big").bit_length()
        if isinstance(member[name], str)
        else 0
        for name in ("n", "e")
    )
    # A large public exponent is allowed and useless, and makes every verification slow.
    if not MIN_RSA_BITS <= modulus_bits <= MAX_RSA_BITS or exponent_bits > 32:
        return None
    return RSAKey.import_key({name: member[name] for name in ("kty", "n", "e")})
