"""An admin's actions on a user: disable, enable, grant and revoke a permission by hand."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from identity_api.accounts.ways_in import an_admin_remains, check_may_open, check_may_take
from identity_api.config import TenantLimits
from identity_api.db import audit, grants, locks, permissions, user_read_model, user_state
from identity_api.db.database import Connection, Database
from identity_api.db.grants import Closing, OpenGrant
from identity_api.db.permissions import PermissionRecord
from identity_api.db.tenant_limits import ensure_within
from identity_api.errors import NotFound, Refused
from identity_api.lifecycle.end_login import end_everything_of_users
from identity_api.lifecycle.grants import closed_event
from identity_api.permissions.delegation import Actor, check_may_give, check_no_self_benefit
from identity_api.permissions.service import SERVICE_PREFIX
from identity_api.permissions.ways_in import Opening


async def disable_user(database: Database, actor: Actor, user_id: UUID) -> None:
    """Disable a user: their grants are not in force, and every session, token and login under way ends.

    Disabling a disabled user changes nothing.

    Raises:
        NotFound: no such user in the actor's tenant.
        Refused: `SELF_DISABLE`; `FORBIDDEN`: see `permissions.ways_in.check_may_take`; `LAST_ADMIN`.
    """
    if user_id == actor.user_id:
        raise Refused("You cannot disable yourself. Ask another admin.", code="SELF_DISABLE")
    async with database.transaction() as connection, an_admin_remains(connection, actor):
        await _lock(connection, actor.tenant_id, user_id)
        await check_may_take(connection, actor, user_id)
        if await user_state.set_disabled(connection, actor.tenant_id, user_id, disabled=True):
            await end_everything_of_users(
                connection, actor.tenant_id, [user_id], reason="user_disabled", actor=actor.name
            )
            event = audit.Event("user.disabled", "user", user_id, old={"enabled": True}, new={"enabled": False})
            await audit.record(connection, actor.tenant_id, actor.name, [event])


async def enable_user(database: Database, actor: Actor, user_id: UUID) -> None:
    """Enable a user again; grants and logins are as they were, unless their leases have run out.

    Raises:
        NotFound: no such user in the actor's tenant.
        Refused: `FORBIDDEN`: the user holds a permission that the actor may not give.
    """
    async with database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        await _lock(connection, actor.tenant_id, user_id)
        if await user_state.set_disabled(connection, actor.tenant_id, user_id, disabled=False):
            await check_may_open(connection, actor, Opening.ENABLE_USER, user_id)
            event = audit.Event("user.enabled", "user", user_id, old={"enabled": False}, new={"enabled": True})
            await audit.record(connection, actor.tenant_id, actor.name, [event])


async def grant_permission(database: Database, actor: Actor, user_id: UUID, permission_id: UUID) -> bool:
    """Give a permission by hand; True if it was not given before. Giving it twice changes nothing.

    Raises:
        NotFound: no such user or permission in the actor's tenant.
        Refused: `FORBIDDEN`, `SELF_BENEFIT`, or `STRICT_PROVIDER`: the user's provider alone decides about permissions.
        Conflict: `LIMIT_REACHED`.
    """
    async with database.transaction() as connection:
        await locks.share_mappings(connection, actor.tenant_id)
        return await open_grant(connection, database.limits, actor, user_id, permission_id) is not None


async def open_grant(
    connection: Connection, limits: TenantLimits, actor: Actor, user_id: UUID, permission_id: UUID
) -> UUID | None:
    """`grant_permission` in the caller's transaction, which holds the lock of the tenant's mappings, so that the permission
    is not deleted meanwhile; the opened grant, None if there was one already.
    """
    await _lock(connection, actor.tenant_id, user_id)
    permission = await _permission(connection, actor, permission_id)
    check_may_give(actor, permission.name, delegable=permission.delegable)
    if user_id == actor.user_id:
        # Also what they hold through a group: by hand they would keep it after they leave the group (I8).
        check_no_self_benefit(actor, frozenset(), frozenset({permission.name}))
    if not (actor.is_operator and permission.name.startswith(SERVICE_PREFIX)):
        await _check_not_strict(connection, actor.tenant_id, user_id)
    grant_id = await grants.open_manual_grant(connection, actor.tenant_id, user_id, permission_id, actor.name)
    if grant_id is not None:
        await ensure_within(connection, limits, "max_user_grants", actor.tenant_id, user_id)
        payload = {"user": str(user_id), "permission": str(permission_id)}
        event = audit.Event("grant.opened", "grant", grant_id, payload, new={"source": "MANUAL"})
        await audit.record(connection, actor.tenant_id, actor.name, [event])
        await user_read_model.refresh(connection, actor.tenant_id, [user_id])
    return grant_id


class Revoked(msgspec.Struct, frozen=True):
    """What a revocation closed, and what still gives the permission: a group the person is in."""

    closed: tuple[OpenGrant, ...]
    remaining: tuple[OpenGrant, ...]


async def revoke_permission(database: Database, actor: Actor, user_id: UUID, permission_id: UUID) -> Revoked:
    """Revoke a permission given by hand, or kept from an ADDITIVE provider after leaving the group (S0-25).

    A permission from a group that the person is in stays, since it would be given again: change the mapping, or the group
    at the provider. If there is nothing to revoke, nothing changes, and the result says so.

    Raises:
        NotFound, Refused: as for `grant_permission`; `LAST_ADMIN`.
    """
    async with database.transaction() as connection, an_admin_remains(connection, actor):
        return await close_grants(connection, actor, user_id, permission_id)


async def close_grants(connection: Connection, actor: Actor, user_id: UUID, permission_id: UUID) -> Revoked:
    """`revoke_permission` in the caller's transaction, which checks that an admin remains."""
    await _lock(connection, actor.tenant_id, user_id)
    permission = await _permission(connection, actor, permission_id)
    check_may_give(actor, permission.name, delegable=permission.delegable)
    found = await grants.open_grants(connection, actor.tenant_id, user_id, permission_id)
    closed = tuple([one for one in found if not one.is_held])
    if closed:
        await _close(connection, actor, [Closing(one.id, user_id, permission_id, "ADMIN") for one in closed])
    return Revoked(closed, tuple([one for one in found if one.is_held]))


async def _close(connection: Connection, actor: Actor, closings: Sequence[Closing]) -> None:
    await grants.close_grants(connection, actor.tenant_id, closings, actor.name)
    await audit.record(connection, actor.tenant_id, actor.name, [closed_event(one) for one in closings])
    await user_read_model.refresh(connection, actor.tenant_id, sorted({one.user_id for one in closings}))


async def _lock(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    await locks.users(connection, tenant_id, [user_id])
    if not await user_state.exists(connection, tenant_id, user_id):
        raise NotFound("There is no such user.")


async def _permission(connection: Connection, actor: Actor, permission_id: UUID) -> PermissionRecord:
    row = await permissions.get(connection, actor.tenant_id, permission_id)
    if row is None:
        raise NotFound("There is no such permission.")
    return row


async def _check_not_strict(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    slug = await user_state.strict_provider_of(connection, tenant_id, user_id)
    if slug is not None:
        raise Refused(
            f"Provider {slug} is STRICT: permissions of its people come from its groups alone. Change a mapping instead.",
            code="STRICT_PROVIDER",
        )
