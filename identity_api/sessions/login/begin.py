"""Begin a session: the one function that makes sessions, for logins at a provider and with a password.

In the caller's transaction, with the user locked and allowed to sign in. Every login makes a new token; a token that the
browser already has is never reused, and its session ends (session fixation).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from identity_api.db import audit, sessions
from identity_api.db.audit_origin import current_origin
from identity_api.db.database import Connection
from identity_api.ids import new_tenant_token, token_hash, token_key, uuid7
from identity_api.lifecycle.end_login import end_session
from identity_api.sessions.device import device_of
from identity_api.sessions.login.deps import LoginLimits
from identity_api.vault import Vault


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """Who has signed in, and how: the basis of a session."""

    user_id: UUID
    identity_id: UUID | None = None
    """None for a sign-in with a local password."""
    authenticated_at: datetime
    provider_session: str | None = None
    """The `sid` of the ID Token."""
    id_token: bytes | None = None
    """Set if it is of use as a hint for signing out."""

    def __repr__(self) -> str:
        return f"SignIn(user_id={self.user_id})"


class Begun(msgspec.Struct, frozen=True):
    """A new session and its token, which exists nowhere else."""

    session_id: UUID
    token: str

    def __repr__(self) -> str:
        return f"Begun({self.session_id})"


async def open_session(
    connection: Connection,
    vault: Vault,
    limits: LoginLimits,
    sign_in: SignIn,
    *,
    tenant_id: UUID,
    frontend_id: UUID | None,
    kind: Literal["COOKIE", "BEARER"],
    epoch: int,
    also: Sequence[audit.Event] = (),
) -> Begun:
    """Begin a session with a new token; the user's oldest sessions end if there are too many.

    Args:
        epoch: the user's and the tenant's together, read after the user was locked.
        also: what is recorded with the session.
    """
    actor = f"user:{sign_in.user_id}"
    session_id, token = uuid7(), new_tenant_token("ias" if kind == "COOKIE" else "iab", tenant_id)
    row = sessions.NewSession(
        id=session_id,
        tenant_id=tenant_id,
        user_id=sign_in.user_id,
        identity_id=sign_in.identity_id,
        frontend_id=frontend_id,
        kind=kind,
        token_hash=token_hash(token),
        epoch=epoch,
        authenticated_at=sign_in.authenticated_at,
        provider_session=sign_in.provider_session,
        id_token_sealed=seal_id_token(vault, sign_in, tenant_id=tenant_id, table="session", row_id=session_id),
        device=device_of(current_origin().user_agent),
        address=current_origin().address,
    )
    surplus = await sessions.insert(
        connection,
        row,
        absolute_seconds=limits.session_absolute_seconds,
        idle_seconds=limits.session_idle_seconds,
        at_most=limits.sessions_per_user,
    )
    for one in surplus:
        await end_session(connection, tenant_id, one, reason="too_many", actor=actor)
    identity = str(sign_in.identity_id) if sign_in.identity_id else None
    payload = {"user": str(sign_in.user_id), "identity": identity, "kind": kind}
    event = audit.Event("session.begun", "session", session_id, payload)
    await audit.record(connection, tenant_id, actor, [event, *also])
    return Begun(session_id, token)


def seal_id_token(
    vault: Vault, sign_in: SignIn, *, tenant_id: UUID, table: Literal["session", "one_time_code"], row_id: UUID
) -> bytes | None:
    """The ID Token as the row keeps it (I3); None if none is kept."""
    if sign_in.id_token is None:
        return None
    return vault.seal(sign_in.id_token, tenant_id=tenant_id, table=table, column="id_token_sealed", row_id=row_id)


async def end_replaced(connection: Connection, tenant_id: UUID, token: str | None) -> None:
    """End the session whose cookie is about to be overwritten. A session of another tenant does not end."""
    if token is None:
        return
    holder, hashed = token_key(token)
    if holder != tenant_id:
        return
    session_id = await sessions.find_live(connection, tenant_id, hashed)
    if session_id is not None:
        await end_session(connection, tenant_id, session_id, reason="replaced", actor="system")
