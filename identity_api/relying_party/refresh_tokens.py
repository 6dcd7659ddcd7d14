"""A login's refresh token at rest: sealed together with the values that later ID Tokens of the login must repeat.

Where UserInfo is asked with the login's access token instead, it is that one.

OIDC Core 12.2: an ID Token of a refresh has the `auth_time` of the login, and its `nonce` or none. Both belong to the
login, not to the identity (which may have several logins), so they are stored with its token. So is the key of a
DPoP-bound token (RFC 9449 section 5).
"""

from uuid import UUID

import msgspec

from identity_api.db import refresh_tokens
from identity_api.db.database import Connection
from identity_api.ids import token_hash
from identity_api.vault import Vault


class LoginTokens(msgspec.Struct, frozen=True, kw_only=True):
    """The refresh token of one login, and what that login's ID Token said."""

    refresh_token: str
    nonce_hash: bytes | None = None
    """`oidc.id_token.nonce_hash` of the login's nonce; None where the login had no ID Token (OAuth 2.0)."""
    auth_time: int | None = None
    """Seconds since 1970, or None if the login's ID Token had none."""
    login_key: str | None = None
    """The private JWK that this login's tokens are bound to (`relying_party.requests.LoginKey`); None for ordinary tokens."""
    is_access_token: bool | None = None
    """It is the login's access token; None where this was not noted yet."""
    client_id: str | None = None
    """The client that it was issued to; None where this was not noted yet."""
    anchored_by: tuple[str, ...] | None = None
    """The claim in which the login's anchor was read; None where this was not noted yet."""

    def __repr__(self) -> str:
        return "LoginTokens()"

    @property
    def hash(self) -> bytes:
        """The columns of the refresh token that are not sealed."""
        return token_hash(self.refresh_token)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(LoginTokens).decode


async def keep(connection: Connection, vault: Vault, tenant_id: UUID, identity_id: UUID, tokens: LoginTokens) -> UUID:
    """Store a login's tokens as the newest of its identity, in the caller's transaction; returns the row's id."""
    return await refresh_tokens.add(
        connection, tenant_id, identity_id, tokens.hash, lambda row_id: seal(vault, tenant_id, row_id, tokens)
    )


def seal(vault: Vault, tenant_id: UUID, row_id: UUID, tokens: LoginTokens) -> bytes:
    """The sealed form, which opens in this row only (I3)."""
    return vault.seal(_encode(tokens), tenant_id=tenant_id, table="refresh_token", column="sealed", row_id=row_id)


def open_sealed(vault: Vault, tenant_id: UUID, row_id: UUID, sealed: bytes) -> LoginTokens:
    """Open a value that `seal` made.

    Raises:
        VaultError: KEY_MISSING or SEAL_BROKEN.
    """
    return _decode(vault.open(sealed, tenant_id=tenant_id, table="refresh_token", column="sealed", row_id=row_id))
