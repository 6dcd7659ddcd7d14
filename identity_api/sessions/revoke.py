"""Revoke a frontend's bearer token (RFC 7009). Holding the token is the only proof needed."""

from uuid import UUID

import msgspec

from identity_api.db import sessions, tenants
from identity_api.db.database import Connection, Database
from identity_api.errors import BadInput, Refused
from identity_api.ids import token_key
from identity_api.lifecycle.end_login import end_session


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """A request to revoke a token. `tenant_id` is that of the request's host or prefix, None on the public host."""

    token: str
    frontend_slug: str | None = None
    tenant_id: UUID | None = None

    def __repr__(self) -> str:
        return f"Revocation(frontend_slug={self.frontend_slug!r})"


async def revoke(database: Database, asked: Revocation) -> bool:
    """End the session of this token. False for a token that has ended, is unknown or of another tenant: nothing to do.

    Raises:
        Refused: `CLIENT_MISMATCH`: the token was issued to another frontend than the one that asks (section 2.1).
        BadInput: `UNSUPPORTED_TOKEN_TYPE`: an API token, which administrators end.
    """
    tenant_id, hashed = token_key(asked.token)
    if asked.tenant_id not in (None, tenant_id):
        return False
    async with database.transaction() as connection:
        session_id = await sessions.find_live(connection, tenant_id, hashed)
        if session_id is None:
            if await sessions.authenticate_api_token(connection, tenant_id, hashed) is not None:
                raise BadInput("An API token is not revoked here.", code="UNSUPPORTED_TOKEN_TYPE", field="token")
            return False
        await _check_client(connection, tenant_id, session_id, asked.frontend_slug)
        owner = await sessions.owner(connection, tenant_id, session_id)
        return await end_session(connection, tenant_id, session_id, reason="signed_out", actor=f"user:{owner}")


async def _check_client(connection: Connection, tenant_id: UUID, session_id: UUID, slug: str | None) -> None:
    if slug is None:
        return
    frontend_id = await sessions.frontend_of(connection, tenant_id, session_id)
    if not any(one.id == frontend_id and one.slug == slug for one in await tenants.frontends(connection, tenant_id)):
        raise Refused("The token was issued to another client.", code="CLIENT_MISMATCH")
