"""What sign-ins store: authorization codes, access tokens, and one family of refresh tokens per login.

Only SHA-256 digests are kept. A refresh token is `family.secret`: a token with a known family and another secret has
been replaced, so reuse is detected for as long as the family lives, without a list of all tokens ever issued (RFC 9700
section 4.14.2).
"""

import secrets
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from identity_api.demo.config import Rotation
from identity_api.demo.errors import TokenError
from identity_api.ids import new_token, token_hash

_PURGE_ABOVE = 1_000
"""Expired codes and access tokens are swept when more than this many are held."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in of one person at one client. `auth_time` is in Unix seconds; `sid` as in the ID Token."""

    username: str
    client_id: str
    scopes: tuple[str, ...]
    sid: str
    auth_time: int


class Code(msgspec.Struct, kw_only=True):
    """An authorization code: what it is bound to, and whether it has been presented."""

    login: Login
    redirect_uri: str
    code_challenge: str
    nonce: str | None
    expires_at: float
    used: bool = False


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    login: Login
    scopes: tuple[str, ...]
    expires_at: float


class RefreshFamily(msgspec.Struct, kw_only=True):
    """The refresh tokens of one login: the live one, and the one it replaced at `rotated_at` (Unix seconds)."""

    family: str
    login: Login
    current: str
    previous: str | None = None
    rotated_at: float = 0


class Logins:
    """All of the above. `on_change` runs when what must survive a restart has changed: the refresh families."""

    def __init__(
        self, *, rotation: Rotation, grace_seconds: float, max_families: int, on_change: Callable[[], None]
    ) -> None:
        self.rotation = rotation
        self.grace_seconds = grace_seconds
        self._max_families = max_families
        self._on_change = on_change
        self._codes: dict[bytes, Code] = {}
        self._access_tokens: dict[bytes, AccessToken] = {}
        self._families: dict[str, RefreshFamily] = {}

    def add_code(self, code: Code, now: float) -> str:
        """Keep `code`; the value to hand out."""
        _sweep(self._codes, now)
        value = new_token("code")
        self._codes[token_hash(value)] = code
        return value

    def find_code(self, value: str) -> Code | None:
        return self._codes.get(token_hash(value))

    def use_code(self, value: str, client_id: str, now: float) -> Code:
        """The code, which from now on is used up, whatever the caller's remaining checks say.

        Raises:
            TokenError: `invalid_grant` if unknown, expired, another client's, or presented before; in the last case
                everything it had issued is revoked (RFC 6749 section 4.1.2).
        """
        code = self.find_code(value)
        if code is None or code.login.client_id != client_id:
            raise TokenError("invalid_grant", "The authorization code is unknown.")
        if code.used:
            self.revoke(lambda login: login.sid == code.login.sid)
            raise TokenError("invalid_grant", "The authorization code was used before; what it issued is revoked.")
        if now >= code.expires_at:
            raise TokenError("invalid_grant", "The authorization code has expired.")
        code.used = True
        return code

    def add_access_token(self, value: str, token: AccessToken, now: float) -> None:
        _sweep(self._access_tokens, now)
        self._access_tokens[token_hash(value)] = token

    def find_access_token(self, value: str, now: float) -> AccessToken | None:
        """The live access token of this value, if there is one."""
        token = self._access_tokens.get(token_hash(value))
        return token if token is not None and now < token.expires_at else None

    def add_family(self, login: Login) -> str:
        """Begin the refresh tokens of a login; the first token. Beyond the limit the oldest family is removed."""
        if len(self._families) >= self._max_families:
            del self._families[next(iter(self._families))]
        family = secrets.token_urlsafe(16)
        value = _refresh_token(family)
        self._families[family] = RefreshFamily(family=family, login=login, current=_digest(value))
        self._on_change()
        return value

    def find_family(self, value: str) -> RefreshFamily | None:
        """The family this refresh token belongs to, whether or not the token itself is still valid."""
        return self._families.get(value.partition(".")[0])

    def present(self, value: str, client_id: str, now: float) -> RefreshFamily:
        """The family of a refresh token that may be used now. Nothing is rotated yet.

        Raises:
            TokenError: `invalid_grant`; if the token had been replaced, its whole family is revoked.
        """
        family = self.find_family(value)
        if family is None or family.login.client_id != client_id:
            raise TokenError("invalid_grant", "The refresh token is unknown or has been revoked.")
        digest = _digest(value)
        in_grace = self.rotation is Rotation.GRACE and now < family.rotated_at + self.grace_seconds
        if digest == family.current or (in_grace and digest == family.previous):
            return family
        del self._families[family.family]
        self._on_change()
        raise TokenError("invalid_grant", "The refresh token was used before; its whole family is revoked.")

    def rotate(self, family: RefreshFamily, now: float) -> str | None:
        """Replace the live refresh token; the new one, or None if this provider does not rotate."""
        if self.rotation is Rotation.NONE:
            return None
        value = _refresh_token(family.family)
        family.previous, family.current, family.rotated_at = family.current, _digest(value), now
        self._on_change()
        return value

    def revoke(self, concerned: Callable[[Login], bool]) -> None:
        """End every code, access token and refresh token of the logins concerned."""
        self._codes = {key: code for key, code in self._codes.items() if code.used or not concerned(code.login)}
        self._access_tokens = {k: token for k, token in self._access_tokens.items() if not concerned(token.login)}
        self._families = {key: family for key, family in self._families.items() if not concerned(family.login)}
        self._on_change()

    def families(self) -> tuple[RefreshFamily, ...]:
        """Every live family, oldest first."""
        return tuple(self._families.values())

    def restore(self, families: Iterable[RefreshFamily]) -> None:
        """Restore the output of `families` after a restart."""
        self._families = {family.family: family for family in families}


def _refresh_token(family: str) -> str:
    return f"{family}.{secrets.token_urlsafe(32)}"


def _digest(value: str) -> str:
    return token_hash(value).hex()


def _sweep(held: dict[bytes, Any], now: float) -> None:
    if len(held) > _PURGE_ABOVE:
        for key in [key for key, value in held.items() if now >= value.expires_at]:
            del held[key]
