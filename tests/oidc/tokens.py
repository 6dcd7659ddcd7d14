"""A provider's signing side: fresh keys, and tokens that are valid but for the one thing a test changes."""

import base64
import json
import warnings
from datetime import UTC, datetime
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from identity_api.oidc.id_token import LoginExpectation, RefreshExpectation, SignedClaims, nonce_hash, verify_signature
from identity_api.oidc.jwks import ALLOWED_ALGORITHMS, KeySet, parse_key_set

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
ISSUER = "https://idp.example"
CLIENT_ID = "client-1"
NONCE = "nonce-of-this-login"
SUBJECT = "248289761001"
ABSENT: Any = object()

LOGIN = LoginExpectation(issuer=ISSUER, client_id=CLIENT_ID, nonce_hash=nonce_hash(NONCE), max_age_seconds=None)
REFRESH = RefreshExpectation(
    issuer=ISSUER, client_id=CLIENT_ID, subject=SUBJECT, auth_time=SECONDS - 900, nonce_hash=nonce_hash(NONCE)
)


@cache
def rsa_key(bits: int = 2048, number: int = 0) -> RSAKey:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # one test needs a key that is too small
        return RSAKey.generate_key(bits)


@cache
def ec_key(curve: str = "P-256", number: int = 0) -> ECKey:
    return ECKey.generate_key(curve)


@cache
def okp_key(curve: str = "Ed25519") -> OKPKey:
    return OKPKey.generate_key(curve)


def public(key: Key, **members: Any) -> dict[str, Any]:
    """The JWK as a provider publishes it."""
    return {**key.as_dict(private=False), **members}


def key_set(*members: dict[str, Any]) -> KeySet:
    return parse_key_set(json.dumps({"keys": members}).encode())


def claims(**changes: Any) -> dict[str, Any]:
    """A valid ID Token's claims, with members changed, or left out by ABSENT."""
    valid = {
        "iss": ISSUER,
        "sub": SUBJECT,
        "aud": CLIENT_ID,
        "exp": SECONDS + 300,
        "iat": SECONDS,
        "auth_time": SECONDS - 900,
        "nonce": NONCE,
    }
    return {name: value for name, value in {**valid, **changes}.items() if value is not ABSENT}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(payload: dict[str, Any] | bytes, key: Key, algorithm: str = "RS256", **header: Any) -> str:
    """Sign anything with any header: `header` members are added, or left out by ABSENT."""
    members = {"alg": algorithm, "kid": "key-1", "typ": "JWT", **header}
    members = {name: value for name, value in members.items() if value is not ABSENT}
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signing_input = f"{encode(json.dumps(members).encode())}.{encode(body)}"
    signature = jws.JWSRegistry.algorithms[algorithm].sign(signing_input.encode(), key)
    return f"{signing_input}.{encode(signature)}"


def signed(**changes: Any) -> SignedClaims:
    """Claims that went through a real signature, valid but for `changes`."""
    keys = key_set(public(rsa_key(), kid="key-1"))
    return verify_signature(sign(claims(**changes), rsa_key()), keys, ALLOWED_ALGORITHMS)


def unsigned_token(payload: dict[str, Any]) -> str:
    """A JWT with `alg` none, which is a valid JWT and never an acceptable one (RFC 7519 section 6)."""
    head, body = (encode(json.dumps(members).encode()) for members in ({"alg": "none"}, payload))
    return f"{head}.{body}."
