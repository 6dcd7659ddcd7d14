"""The tenant's own permissions: create, change, delete."""

from uuid import UUID

from identity_api.config import TenantLimits
from identity_api.db import audit, locks, permissions
from identity_api.db.database import Connection, Database
from identity_api.db.permissions import PermissionRecord
from identity_api.db.tenant_limits import ensure_within
from identity_api.errors import BadInput, Conflict, NotFound, Problems, Refused
from identity_api.permissions.delegation import Actor
from identity_api.permissions.names import check_permission_name
from identity_api.permissions.service import SERVICE_PREFIX

MAX_DESCRIPTION = 500


async def create(
    database: Database, actor: Actor, name: str, description: str, *, delegable: bool = True
) -> PermissionRecord:
    """Add a permission to the catalogue; nobody holds it yet.

    Raises:
        BadInput: the name is not `noun:verb`, or the description is too long.
        Refused: `FORBIDDEN` for names under `identity:`, which the service itself defines; and for a delegable permission
            under a name that was not delegable when it was deleted: to delete it would be a way to make it delegable.
        Conflict: `PERMISSION_EXISTS`, `LIMIT_REACHED`.
    """
    async with database.transaction() as connection:
        return await insert(connection, database.limits, actor, name, description, delegable=delegable)


async def insert(
    connection: Connection, limits: TenantLimits, actor: Actor, name: str, description: str, *, delegable: bool
) -> PermissionRecord:
    """`create` in the caller's transaction."""
    problems = Problems()
    problems.read("name", lambda: check_permission_name(name))
    problems.read("description", lambda: _check(name, description))
    problems.tell()
    if delegable and not actor.is_operator and await permissions.was_undelegable(connection, actor.tenant_id, name):
        raise Refused(
            f"{name} was not delegable when it was deleted. Make it with `delegable: false`, or ask the operator."
        )
    row = await permissions.insert(connection, actor.tenant_id, name, description, delegable=delegable)
    if row is None:
        raise Conflict("There is a permission of this name already.", code="PERMISSION_EXISTS")
    await ensure_within(connection, limits, "max_permissions", actor.tenant_id)
    event = audit.Event("permission.created", "permission", row.id, new=values_of(row))
    await audit.record(connection, actor.tenant_id, actor.name, [event])
    return row


async def update(
    database: Database,
    actor: Actor,
    permission_id: UUID,
    *,
    description: str | None = None,
    delegable: bool | None = None,
) -> PermissionRecord:
    """Change the given values (None leaves one as it is). The name stays: other systems know the permission by it.

    Raises:
        NotFound, BadInput, Refused: as for `create`. Making a permission delegable that the actor does not hold is refused,
            because it would let them give it.
    """
    async with database.transaction() as connection:
        _, row = await change(connection, actor, permission_id, description=description, delegable=delegable)
        return row


async def change(
    connection: Connection,
    actor: Actor,
    permission_id: UUID,
    *,
    description: str | None = None,
    delegable: bool | None = None,
) -> tuple[PermissionRecord, PermissionRecord]:
    """`update` in the caller's transaction; the permission before and after."""
    before = await _get(connection, actor, permission_id)
    wanted = before.description if description is None else description
    _check(before.name, wanted)
    if delegable and not before.delegable and not actor.is_operator and before.name not in actor.permissions:
        raise Refused(f"Only a holder of {before.name} may make it delegable.")
    row = await permissions.update(
        connection,
        actor.tenant_id,
        permission_id,
        description=wanted,
        delegable=before.delegable if delegable is None else delegable,
    )
    assert row is not None
    event = audit.Event("permission.updated", "permission", row.id, old=values_of(before), new=values_of(row))
    await audit.record(connection, actor.tenant_id, actor.name, [event])
    return before, row


async def delete(database: Database, actor: Actor, permission_id: UUID) -> None:
    """Remove a permission that nothing has ever used.

    Raises:
        NotFound: no such permission.
        Conflict: `PERMISSION_IN_USE`: mappings give it, or grants of it are open or are history that must stay queryable.
    """
    async with database.transaction() as connection:
        await locks.edit_mappings(connection, actor.tenant_id)  # whoever gives it now is done, and nobody begins
        await remove(connection, actor, permission_id)


async def remove(connection: Connection, actor: Actor, permission_id: UUID) -> PermissionRecord:
    """`delete` in the caller's transaction, which has the tenant's mappings to itself; the permission as it was."""
    before = await _get(connection, actor, permission_id)
    _check(before.name, "")
    uses = await permissions.uses(connection, actor.tenant_id, permission_id)
    if uses.mappings or uses.open_grants or uses.past_grants:
        raise Conflict(
            f"{before.name} is given by {uses.mappings} mapping(s) and has {uses.open_grants} open and"
            f" {uses.past_grants} past grant(s), which must stay queryable.",
            code="PERMISSION_IN_USE",
        )
    await permissions.delete(connection, actor.tenant_id, permission_id)
    event = audit.Event("permission.deleted", "permission", permission_id, old=values_of(before))
    await audit.record(connection, actor.tenant_id, actor.name, [event])
    return before


async def _get(connection: Connection, actor: Actor, permission_id: UUID) -> PermissionRecord:
    row = await permissions.get(connection, actor.tenant_id, permission_id)
    if row is None:
        raise NotFound("There is no such permission.")
    return row


def values_of(row: PermissionRecord) -> dict[str, str | bool]:
    """A permission by its settings, for the audit."""
    return {"name": row.name, "description": row.description, "delegable": row.delegable}


def _check(name: str, description: str) -> None:
    if name.startswith(SERVICE_PREFIX):
        raise Refused(f"Permissions under {SERVICE_PREFIX} belong to this service and cannot be edited.")
    if len(description) > MAX_DESCRIPTION:
        raise BadInput(f"A description has at most {MAX_DESCRIPTION} characters.", field="description")
