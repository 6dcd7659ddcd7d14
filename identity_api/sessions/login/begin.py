"""A session begins: the one place that makes one, whether a provider or a password vouched for the user.

In the caller's transaction, with the user locked and found fit to sign in. Every login makes a new token; one that the
browser brought along is never taken over, and the session behind it ends (session fixation).
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from identity_api.db import audit, sessions
from identity_api.db.database import Connection
from identity_api.ids import new_token, token_hash, uuid7
from identity_api.lifecycle.end_login import end_session
from identity_api.sessions.login.deps import LoginLimits
from identity_api.vault import Vault


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Whose session begins, and what it stands on."""

    tenant_id: UUID
    user_id: UUID
    identity_id: UUID | None
    """None where a local password vouches."""
    frontend_id: UUID | None
    kind: Literal["COOKIE", "BEARER"]
    epoch: int
    """The user's and the tenant's together, read after the user was locked."""
    authenticated_at: datetime
    provider_session: str | None = None
    id_token: bytes | None = None

    def __repr__(self) -> str:
        return f"Opening(user_id={self.user_id})"


class Begun(msgspec.Struct, frozen=True):
    """A new session and its token, which exists nowhere else."""

    session_id: UUID
    token: str

    def __repr__(self) -> str:
        return f"Begun({self.session_id})"


async def open_session(connection: Connection, vault: Vault, limits: LoginLimits, opening: Opening) -> Begun:
    """Begin a session with a new token; the user's oldest end where there are too many."""
    tenant_id, actor = opening.tenant_id, f"user:{opening.user_id}"
    live = await sessions.of_user(connection, tenant_id, opening.user_id, idle_seconds=limits.session_idle_seconds)
    for surplus in live[: max(0, len(live) + 1 - limits.sessions_per_user)]:
        await end_session(connection, tenant_id, surplus.id, reason="too_many", actor=actor)
    session_id, token = uuid7(), new_token("ias" if opening.kind == "COOKIE" else "iab")
    sealed = None
    if opening.id_token is not None:
        sealed = vault.seal(
            opening.id_token, tenant_id=tenant_id, table="session", column="id_token_sealed", row_id=session_id
        )
    row = sessions.NewSession(
        id=session_id,
        tenant_id=tenant_id,
        user_id=opening.user_id,
        identity_id=opening.identity_id,
        frontend_id=opening.frontend_id,
        kind=opening.kind,
        token_hash=token_hash(token),
        epoch=opening.epoch,
        authenticated_at=opening.authenticated_at,
        provider_session=opening.provider_session,
        id_token_sealed=sealed,
    )
    await sessions.insert(connection, row, absolute_seconds=limits.session_absolute_seconds)
    identity = str(opening.identity_id) if opening.identity_id else None
    payload = {"user": str(opening.user_id), "identity": identity, "kind": opening.kind}
    await audit.record(connection, tenant_id, actor, [audit.Event("session.begun", "session", session_id, payload)])
    return Begun(session_id, token)


async def end_replaced(connection: Connection, token: str | None) -> None:
    """End the session whose cookie is about to be overwritten; it may be another tenant's, on a host they share."""
    found = await sessions.find_live(connection, token_hash(token)) if token else None
    if found is not None:
        tenant_id, session_id = found
        await end_session(connection, tenant_id, session_id, reason="replaced", actor="system")
