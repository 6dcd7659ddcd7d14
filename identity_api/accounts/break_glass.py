"""Make and revoke break-glass credentials: the operator's, on the command line, for a day on which nobody can sign in.

Each has a user of its own, who holds the named permissions and has no way in, so that nothing is in force before the
credential is used. Using it (`sessions.login.break_glass`) admits this user for its minutes and no longer: afterwards the
grants are as dormant as before, without anything having to be cleaned up (I1).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from identity_api.accounts.administration import open_grant
from identity_api.db import audit, break_glass, locks, permissions, user_read_model, users
from identity_api.db.database import Connection, Database
from identity_api.errors import BadInput, NotFound
from identity_api.ids import new_tenant_token, token_hash, uuid7
from identity_api.lifecycle.end_login import end_everything_of_users
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import GRANTS_WRITE, SERVICE_PREFIX, USERS_READ, USERS_WRITE

DEFAULT_PERMISSIONS: Final = (USERS_READ, USERS_WRITE, GRANTS_WRITE)
"""What it takes to let people in again."""
MAX_DAYS: Final = 366
MAX_MINUTES: Final = 240


class Made(msgspec.Struct, frozen=True):
    """A new credential with its code, which is stored nowhere."""

    id: UUID
    code: str
    permissions: tuple[str, ...]
    expires_at: datetime
    minutes: int

    def __repr__(self) -> str:
        return f"Made(id={self.id})"


async def create(
    database: Database, actor: Actor, wanted: Sequence[str] = DEFAULT_PERMISSIONS, *, days: int, minutes: int
) -> Made:
    """Make a credential that gives these permissions once, for so many minutes.

    Raises:
        BadInput: a permission is not one of this service's own; the days or minutes are out of bounds.
        NotFound: the tenant has no such permission.
    """
    if not 1 <= days <= MAX_DAYS or not 1 <= minutes <= MAX_MINUTES:
        raise BadInput(f"A credential can be used for 1 to {MAX_DAYS} days, and lasts 1 to {MAX_MINUTES} minutes.")
    # Whoever holds one of these is matched by no provider's name, so the user stays without a way in.
    others = [name for name in wanted if not name.startswith(SERVICE_PREFIX)]
    if others or not wanted:
        raise BadInput(f"A credential gives permissions under {SERVICE_PREFIX} only.", field="permissions")
    credential_id, user_id, code = uuid7(), uuid7(), new_tenant_token("ibg", actor.tenant_id)
    names = tuple(sorted(set(wanted)))
    async with database.transaction() as connection:
        username = f"break-glass-{credential_id.hex[-12:]}"
        await users.insert(
            connection, actor.tenant_id, users.NewUser(user_id, "Break-glass access", None, None), username
        )
        await _grant(connection, database, actor, user_id, names)
        expires_at = await break_glass.insert(
            connection,
            actor.tenant_id,
            credential_id,
            user_id,
            token_hash(code),
            permissions=names,
            days=days,
            minutes=minutes,
            created_by=actor.name,
        )
        new = {"permissions": names, "minutes": minutes, "expires_at": expires_at}
        event = audit.Event(
            "break_glass.created", "break_glass", credential_id, {"user": str(user_id), "username": username}, new=new
        )
        await audit.record(connection, actor.tenant_id, actor.name, [event])
        await user_read_model.refresh(connection, actor.tenant_id, [user_id])
    return Made(credential_id, code, names, expires_at, minutes)


async def _grant(connection: Connection, database: Database, actor: Actor, user_id: UUID, names: Sequence[str]) -> None:
    known = await permissions.by_names(connection, actor.tenant_id, names)
    for name in names:
        if name not in known:
            raise NotFound(f"There is no permission {name}.")
        await open_grant(connection, database.limits, actor, user_id, known[name].id)


async def revoke(database: Database, actor: Actor, credential_id: UUID) -> None:
    """Make a credential useless, and end the access that it gives now.

    Raises:
        NotFound: no such credential in the tenant.
    """
    async with database.transaction() as connection:
        user_id = await break_glass.user_of_credential(connection, actor.tenant_id, credential_id)
        if user_id is None:
            raise NotFound("There is no such break-glass credential.")
        await locks.users(connection, actor.tenant_id, [user_id])
        await break_glass.revoke(connection, actor.tenant_id, credential_id)
        await end_everything_of_users(
            connection, actor.tenant_id, [user_id], reason="break_glass_revoked", actor=actor.name
        )
        event = audit.Event("break_glass.revoked", "break_glass", credential_id, {"user": str(user_id)})
        await audit.record(connection, actor.tenant_id, actor.name, [event])
