"""`at_hash`: the hash in an ID Token of the access token issued with it. OIDC Core 3.1.3.6 and 3.1.3.8.

Optional in the code flow, where both come in one response over TLS; if a provider sends it, it must match.
"""

import base64
import hashlib
import hmac

from identity_api.oidc.claim_rules import string_of
from identity_api.oidc.errors import ClaimMismatch
from identity_api.oidc.signed_token import SignedClaims


def check_access_token_hash(signed: SignedClaims, access_token: str) -> None:
    """Refuse an access token that does not match the ID Token's `at_hash`. Without `at_hash` nothing is checked.

    Args:
        signed: the ID Token; its signing algorithm decides the hash.
        access_token: as it came in the same token response.

    Raises:
        InvalidClaim, ClaimMismatch: always with `.claim == "at_hash"`.
    """
    if signed.claims.get("at_hash") is None:
        return
    claimed = string_of(signed.claims, "at_hash").encode("utf-8", "surrogatepass")
    fits = [hmac.compare_digest(claimed, expected) for expected in _left_halves(signed.algorithm, access_token)]
    if not any(fits):
        raise ClaimMismatch("at_hash")


def _left_halves(algorithm: str, access_token: str) -> list[bytes]:
    """The values that `at_hash` may have: base64url of the left half of the hash that belongs to the algorithm."""
    octets = access_token.encode("utf-8", "surrogatepass")
    if algorithm in ("EdDSA", "Ed25519", "Ed448"):
        # Core names a hash only for algorithms whose name ends in its size. For Ed25519 providers use the SHA-512 that
        # is inside the signature, for Ed448 the SHAKE256; the name `EdDSA` does not name the curve.
        digests = {"Ed25519": hashlib.sha512(octets).digest(), "Ed448": hashlib.shake_256(octets).digest(114)}
        chosen = [digests[algorithm]] if algorithm in digests else list(digests.values())
    else:
        chosen = [hashlib.new(f"sha{algorithm[-3:]}", octets).digest()]
    return [base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=") for digest in chosen]
