"""Our own keys, and a provider that encrypts to them: by hand, so that it shares no code with the reader."""

import hashlib
import json
import os
import struct
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from joserfc.jwk import ECKey, Key, RSAKey

from identity_api.oidc.own_keys import OwnKey, OwnKeys, read_own_key
from tests.oidc.tokens import ABSENT, ec_key, encode, okp_key, rsa_key

SIZES = {"A128GCM": 128, "A192GCM": 192, "A256GCM": 256}


@cache
def own_key(kind: str = "P-256", use: Any = "sig", number: int = 7) -> OwnKey:
    return read_own_key(key_of(kind, number).as_pem(private=True), use=use)


def key_of(kind: str, number: int = 7) -> RSAKey | ECKey | Any:
    if kind == "RSA":
        return rsa_key(2048, number)
    return ec_key(kind, number) if kind.startswith("P-") else okp_key(kind)


def own_keys(*kinds: str) -> OwnKeys:
    return OwnKeys(keys=tuple(own_key(kind, "enc") for kind in kinds))


def seal(
    plaintext: str | bytes,
    key: Key,
    algorithm: str = "RSA-OAEP-256",
    encryption: str = "A256GCM",
    *,
    iv_bytes: int = 12,
    **header: Any,
) -> str:
    """A JWE of anything, with any header: `header` members are added, or left out by ABSENT."""
    members: dict[str, Any] = {"alg": algorithm, "enc": encryption, "cty": "JWT"}
    content_key = os.urandom(SIZES[encryption] // 8)
    if isinstance(key, RSAKey):
        scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        encrypted_key = key.public_key.encrypt(content_key, scheme)
    else:
        assert isinstance(key, ECKey)
        content_key, encrypted_key, members["epk"] = _agree(key, algorithm, encryption, content_key)
    members = {name: value for name, value in {**members, **header}.items() if value is not ABSENT}
    head = encode(json.dumps(members).encode())
    iv, octets = os.urandom(iv_bytes), plaintext if isinstance(plaintext, bytes) else plaintext.encode()
    sealed = AESGCM(content_key).encrypt(iv, octets, head.encode())
    return ".".join((head, *map(encode, (encrypted_key, iv, sealed[:-16], sealed[-16:]))))


def _agree(key: ECKey, algorithm: str, encryption: str, content_key: bytes) -> tuple[bytes, bytes, dict[str, Any]]:
    """RFC 7518 section 4.6: a fresh key on the receiver's curve, and the Concat KDF over what both can compute."""
    fresh = ECKey.generate_key(key.curve_name)
    assert fresh.private_key is not None
    shared = fresh.private_key.exchange(ec.ECDH(), key.public_key)
    epk = fresh.as_dict(private=False)
    point = {name: epk[name] for name in ("kty", "crv", "x", "y")}
    if algorithm == "ECDH-ES":
        return _concat(shared, encryption, SIZES[encryption]), b"", point
    return content_key, aes_key_wrap(_concat(shared, algorithm, 256), content_key), point


def _concat(shared: bytes, name: str, bits: int) -> bytes:
    info = struct.pack(">I", len(name)) + name.encode() + bytes(8) + struct.pack(">I", bits)
    return hashlib.sha256(struct.pack(">I", 1) + shared + info).digest()[: bits // 8]
