"""Signing keys: the newest signs, all of them verify and are published (Core section 10.1)."""

from collections.abc import Iterable, Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

ALGORITHM = "RS256"
KEY_BITS = 2048
# A relying party caches the key set; a retired key stays published long enough for what it signed.
PUBLISHED_KEYS = 3


def new_signing_key() -> RSAKey:
    """A fresh RSA key whose `kid` is its RFC 7638 thumbprint."""
    return RSAKey.generate_key(KEY_BITS, {"use": "sig", "alg": ALGORITHM}, private=True, auto_kid=True)


class SigningKeys:
    """The provider's keys, oldest first."""

    def __init__(self, keys: Iterable[RSAKey] = ()) -> None:
        self._keys = list(keys) or [new_signing_key()]

    @property
    def current(self) -> RSAKey:
        return self._keys[-1]

    def rotate(self, key: RSAKey | None = None, *, published: int = PUBLISHED_KEYS) -> None:
        """Sign with `key` (or a fresh one) from now on, publishing only the newest `published` keys."""
        self._keys = [*self._keys, key or new_signing_key()][-published:]

    def sign(self, claims: Mapping[str, Any], *, token_type: str = "JWT") -> str:  # noqa: S107 - a media type
        """`claims` as a compact JWS of the newest key."""
        header = {"alg": ALGORITHM, "typ": token_type, "kid": self.current.kid}
        return jwt.encode(header, dict(claims), self.current, algorithms=[ALGORITHM])

    def claims_of(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that one of these keys signed, otherwise None. The caller checks expiry."""
        try:
            # The key set would pick a random key for a token without `kid`; tokens of this provider always have one.
            if "kid" not in jws.extract_compact(token.encode()).protected:
                return None
            return dict(jwt.decode(token, KeySet(list(self._keys)), algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError):
            return None

    def published(self) -> dict[str, Any]:
        """The JWK Set as clients see it: public members only."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def secret(self) -> list[dict[str, Any]]:
        """All keys with their private members, for the state file."""
        return [dict(key.as_dict(private=True)) for key in self._keys]

    @classmethod
    def from_secret(cls, keys: Iterable[Mapping[str, Any]]) -> "SigningKeys":
        """Read the output of `secret`. Raises ValueError or a JoseError if one is not an RSA key."""
        return cls(RSAKey.import_key({**key}) for key in keys)
