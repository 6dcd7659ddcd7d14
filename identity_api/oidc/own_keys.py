"""The private keys of this service: for signing, for decrypting what providers encrypt, and their published public set.

RFC 7517, RFC 7638 (the default key id), RFC 7518, RFC 9864; Core 10.1.1 and 10.2.1 (rotation). The vault seals the private
keys; this module imports them once.

To rotate: append the new key, so that it is published; when every provider has had time to read the set, move the key to
the front, so that it signs; when nothing signed or encrypted with the old key can still arrive, remove the old key.
"""

import base64
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any, Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from identity_api.errors import BadInput
from identity_api.oidc.documents import DocumentError, decode_base64url, is_visible_ascii, read_json_object
from identity_api.oidc.jwks import MAX_KEY_ID_LENGTH, MAX_RSA_BITS, MIN_RSA_BITS

MAX_KEY_BYTES = 32 * 1024
MAX_OWN_KEYS = 16
RSA_DECRYPTION: tuple[str, ...] = ("RSA-OAEP-256",)
EC_DECRYPTION: tuple[str, ...] = ("ECDH-ES", "ECDH-ES+A256KW")

_RSA_SIGNING = ("RS256", "PS256", "RS384", "PS384", "RS512", "PS512")
_CURVE_SIGNING = {
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA", "Ed25519"),
    "Ed448": ("EdDSA", "Ed448"),
}
"""The algorithms per key type, the default first: the one that most providers support."""

_PUBLIC_MEMBERS = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}
_PRIVATE_MEMBERS = {"RSA": ("d", "p", "q", "dp", "dq", "qi"), "EC": ("d",), "OKP": ("d",)}
_classes: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


class OwnKey(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One private key of this service, for one use. `algorithms` has one member if it signs."""

    key_id: str
    use: Literal["sig", "enc"]
    algorithms: tuple[str, ...]
    key: RSAKey | ECKey | OKPKey

    def __repr__(self) -> str:
        return f"OwnKey({self.key_id!r}, {self.use!r}, {self.algorithms!r})"

    @cached_property
    def public_members(self) -> dict[str, Any]:
        """Only the members of the public key, as in a DPoP proof's `jwk`."""
        members = self.key.as_dict(private=False)
        return {name: members[name] for name in _PUBLIC_MEMBERS[self.key.key_type]}

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint (SHA-256), as in `dpop_jkt` and `cnf.jkt`."""
        return self.key.thumbprint()

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """A JWT in compact serialization, with this key's `alg` added to `header`.

        Raises:
            BadInput: this key is not for signatures.
        """
        if self.use != "sig":
            raise BadInput("A key for encryption does not sign.", field="key")
        (algorithm,) = self.algorithms
        name = self.key.curve_name if algorithm == "EdDSA" and isinstance(self.key, OKPKey) else algorithm
        signing_input = f"{_segment({**header, 'alg': algorithm})}.{_segment(claims)}"
        signature = JWSRegistry.algorithms[name].sign(signing_input.encode("ascii"), self.key)
        return f"{signing_input}.{encode_base64url(signature)}"


class OwnKeys(msgspec.Struct, frozen=True, kw_only=True):
    """This service's keys, the preferred ones first. May be empty: then it neither signs nor decrypts."""

    keys: tuple[OwnKey, ...] = ()

    def __post_init__(self) -> None:
        if len(self.keys) > MAX_OWN_KEYS:
            raise BadInput("There are too many keys.", field="keys")
        if len({key.key_id for key in self.keys}) != len(self.keys):
            raise BadInput("Two keys have the same id, or one key is listed twice.", field="keys")

    def signing(self, accepted: Collection[str] | None = None) -> OwnKey:
        """The first key whose algorithm the provider accepts; None for `accepted` if it announces none.

        Raises:
            BadInput: there is none.
        """
        for key in self.keys:
            if key.use == "sig" and (accepted is None or key.algorithms[0] in accepted):
                return key
        raise BadInput("There is no key for an algorithm that the provider accepts.", field="keys")

    def decrypting(self, key_id: str | None, algorithm: str) -> tuple[OwnKey, ...]:
        """The keys that may open a token with this header; several only if it names none."""
        fitting = [key for key in self.keys if algorithm in key.algorithms]
        return tuple(key for key in fitting if key_id is None or key.key_id == key_id)


def read_own_key(
    source: bytes, *, use: Literal["sig", "enc"] = "sig", algorithm: str | None = None, key_id: str | None = None
) -> OwnKey:
    """Import a private key.

    Args:
        source: PEM (PKCS 8 or the older forms, not encrypted), or one JWK as JSON.
        use: for signatures or for encryption, never both (RFC 7517 section 4.2 tells them apart).
        algorithm: for signatures: the algorithm to sign with; by default the JWK's, or the default of the key's type.
        key_id: by default the JWK's, or the RFC 7638 thumbprint.

    Raises:
        BadInput: it cannot be read, is public, symmetric or encrypted, too small, or does not fit the other arguments.
            The message quotes nothing of it.
    """
    if len(source) > MAX_KEY_BYTES:
        raise _unusable("too large")
    try:
        key, members = _from_pem(source) if source.lstrip().startswith(b"-----") else _from_jwk(source)
        if not key.is_private:
            raise _unusable("not private")
        key_id = key_id or members.get("kid") or key.thumbprint()
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise _unusable("unreadable") from error
    if members.get("use", use) != use:
        raise _unusable("meant for another use")
    if not isinstance(key_id, str) or len(key_id) > MAX_KEY_ID_LENGTH or not is_visible_ascii(key_id):
        raise _unusable("named by an unusable id")
    possible = _possible_algorithms(key, use)
    chosen = algorithm or members.get("alg") or (possible[0] if use == "sig" and possible else None)
    if not possible or (chosen is not None and chosen not in possible):
        raise _unusable("not for this algorithm")
    return OwnKey(key_id=key_id, use=use, algorithms=possible if chosen is None else (chosen,), key=key)


def read_apple_key(pem: str, key_id: str | None = None) -> OwnKey:
    """The private key of an Apple developer account (`AuthKey_<key id>.p8`), for ES256.

    Raises:
        BadInput: it is not such a key; the message quotes nothing of it.
    """
    return read_own_key(pem.encode(), algorithm="ES256", key_id=key_id)


def public_key_set(keys: OwnKeys) -> dict[str, Any]:
    """The document for this service's `jwks_uri`: the public half of every key, also before and after its use."""
    return {"keys": [_public_jwk(key) for key in keys.keys]}


def encode_base64url(octets: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _public_jwk(key: OwnKey) -> dict[str, Any]:
    jwk = {**key.public_members, "kid": key.key_id, "use": key.use}
    return {**jwk, "alg": key.algorithms[0]} if len(key.algorithms) == 1 else jwk


def _segment(members: Mapping[str, Any]) -> str:
    return encode_base64url(msgspec.json.encode(members))


def _from_pem(source: bytes) -> tuple[RSAKey | ECKey | OKPKey, dict[str, Any]]:
    native = load_pem_private_key(source, password=None)
    if isinstance(native, RSAPrivateKey):
        _check_rsa_bits(native.key_size)
        return RSAKey.import_key(native), {}
    if isinstance(native, EllipticCurvePrivateKey):
        return ECKey.import_key(native), {}
    if isinstance(native, Ed25519PrivateKey | Ed448PrivateKey):
        return OKPKey.import_key(native), {}
    raise _unusable("of an unknown type")


def _from_jwk(source: bytes) -> tuple[RSAKey | ECKey | OKPKey, dict[str, Any]]:
    try:
        members = read_json_object(source, max_bytes=MAX_KEY_BYTES)
    except DocumentError as error:
        raise _unusable("unreadable") from error
    kind = members.get("kty")
    if not isinstance(kind, str) or kind not in _classes:
        raise _unusable("of an unknown type")
    if kind == "RSA":
        _check_rsa_bits(int.from_bytes(decode_base64url(members["n"].encode("ascii")), "big").bit_length())
    names = (*_PUBLIC_MEMBERS[kind], *_PRIVATE_MEMBERS[kind])
    return _classes[kind].import_key({name: members[name] for name in names if name in members}), members


def _check_rsa_bits(bits: int) -> None:
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        raise _unusable("of a size that is not accepted")


def _possible_algorithms(key: RSAKey | ECKey | OKPKey, use: str) -> tuple[str, ...]:
    if use == "sig":
        return _RSA_SIGNING if isinstance(key, RSAKey) else _CURVE_SIGNING.get(key.curve_name, ())
    if isinstance(key, OKPKey):
        return ()
    return RSA_DECRYPTION if isinstance(key, RSAKey) else EC_DECRYPTION if key.curve_name in _CURVE_SIGNING else ()


def _unusable(why: str) -> BadInput:
    return BadInput(f"The key is {why}.", field="key")
