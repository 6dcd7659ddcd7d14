"""JWTs with which the client proves itself: `private_key_jwt`, `client_secret_jwt`. Core 9, RFC 7523 sections 2.2, 3.

Also Apple's client secret, which is a JWT. Each JWT is made for one request: it is valid for 60 seconds and has a unique
id. The HMAC of `client_secret_jwt` is the only one in this package, and only signs JWTs of this service; a token that a
provider signed with an HMAC is never accepted.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Any, Final

import msgspec

from identity_api.ids import new_token
from identity_api.oidc.own_keys import OwnKey, encode_base64url

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME_SECONDS: Final = 60
MIN_SECRET_BYTES: Final = 32
"""HS256 asks for a key no shorter than its hash (RFC 7518 section 3.2)."""


def private_key_jwt(key: OwnKey, *, client_id: str, audience: str, now: datetime) -> str:
    """A JWT signed with this service's private key, whose public half the provider reads from the published key set.

    Args:
        audience: the provider's issuer, or the token endpoint if an older provider requires that.
        now: aware UTC time.

    Raises:
        BadInput: the key is not for signatures.
    """
    return key.sign({"typ": "JWT", "kid": key.key_id}, _claims(client_id, audience, now))


def client_secret_jwt(secret: str, *, client_id: str, audience: str, now: datetime) -> str:
    """A JWT with an HMAC under the client secret (HS256), so that the secret itself is never sent. Arguments as above."""
    header = {"alg": "HS256", "typ": "JWT"}
    signing_input = f"{_segment(header)}.{_segment(_claims(client_id, audience, now))}"
    mac = hmac.new(secret.encode("utf-8"), signing_input.encode("ascii"), hashlib.sha256).digest()
    return f"{signing_input}.{encode_base64url(mac)}"


def apple_client_secret(key: OwnKey, *, team_id: str, client_id: str, audience: str, now: datetime) -> str:
    """Apple's client secret, sent as `client_secret`. Apple allows a lifetime of six months; a new one for each request
    costs nothing.

    https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret

    Args:
        key: the private key that Apple gave out, for ES256, under Apple's key id.
        team_id: the developer account's; it issues the JWT.
        client_id: the Services ID.
        audience: Apple's issuer.
        now: aware UTC time.

    Raises:
        BadInput: the key is not for signatures.
    """
    issued_at = int(now.timestamp())
    claims = {
        "iss": team_id,
        "iat": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
        "aud": audience,
        "sub": client_id,
    }
    return key.sign({"kid": key.key_id}, claims)


def _claims(client_id: str, audience: str, now: datetime) -> dict[str, Any]:
    issued_at = int(now.timestamp())
    return {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": new_token("ca"),
        "iat": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
    }


def _segment(members: dict[str, Any]) -> str:
    return encode_base64url(msgspec.json.encode(members))
