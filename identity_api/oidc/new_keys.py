"""Make a key of this service: a private JWK for one algorithm, with its id. RFC 7517, RFC 7518, RFC 7638."""

from collections.abc import Callable

import msgspec
from joserfc.jwk import ECKey, OKPKey, RSAKey

from identity_api.errors import BadInput

RSA_BITS = 2048
_RSA = {"RS256": "sig", "PS256": "sig", "RSA-OAEP-256": "enc"}
_CURVES: dict[str, Callable[[], ECKey | OKPKey]] = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "ES384": lambda: ECKey.generate_key("P-384"),
    "ES512": lambda: ECKey.generate_key("P-521"),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
}
QUICK_ALGORITHMS = tuple(_CURVES)
"""The algorithms whose keys are made in less than a millisecond, the most widely supported first: for a key per login.
"""


def new_private_jwk(algorithm: str) -> bytes:
    """A new private key as a JWK with `alg`, `use` and `kid` (its thumbprint), for `own_keys.read_own_key`.

    Raises:
        BadInput: keys for this algorithm are not made here.
    """
    if algorithm in _RSA:
        key: RSAKey | ECKey | OKPKey = RSAKey.generate_key(RSA_BITS)
    elif algorithm in _CURVES:
        key = _CURVES[algorithm]()
    else:
        raise BadInput("Keys for this algorithm are not made.", field="algorithm")
    own = {"alg": algorithm, "use": _RSA.get(algorithm, "sig"), "kid": key.thumbprint()}
    return msgspec.json.encode({**key.as_dict(private=True), **own})
