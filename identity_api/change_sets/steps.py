"""One change of a set, made in the set's transaction by the use case for this change alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET

from identity_api.accounts import administration
from identity_api.change_sets.changes import (
    RIGHTS,
    Change,
    CreateMapping,
    CreatePermission,
    DeleteMapping,
    DeletePermission,
    GrantPermission,
    MappingChange,
    Reference,
    RevokePermission,
    UpdateMapping,
    UpdatePermission,
)
from identity_api.claims import MatchKind
from identity_api.db import mappings, permissions
from identity_api.db.mappings import MappingRecord
from identity_api.db.permissions import PermissionRecord
from identity_api.errors import NotFound, Refused
from identity_api.group_mappings import catalogue, edit
from identity_api.group_mappings.rules import Edit, Edited, Rule, values_of
from identity_api.permissions.delegation import Actor

Kind = Literal["mapping", "permission", "grant"]


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was made."""

    kind: Kind
    action: str
    """As the audit has it."""
    name: str
    """The pattern of a mapping, or the permission's name."""
    old: Mapping[str, Any] | None = None
    new: Mapping[str, Any] | None = None
    mapping_id: UUID | None = None
    permission_id: UUID | None = None
    user_id: UUID | None = None
    """To whom, or from whom, a permission is given or taken by hand."""
    opened: tuple[UUID, ...] = ()
    """Grants by hand."""
    closed: tuple[UUID, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """Given to somebody who has it by hand already, or taken from somebody who does not."""
        return self.kind == "grant" and not self.opened and not self.closed


async def make(one: Edit, change: Change, *, managed_by: str = "API") -> Done:
    """Make the change; `managed_by` is who makes and may change its mapping.

    Raises:
        Refused: `FORBIDDEN` without the permission that the change needs alone; and what its use case raises.
        NotFound, BadInput, Conflict: as its use case.
    """
    actor = one.actor
    _check_right(actor, change)
    match change:
        case CreateMapping() | UpdateMapping() | DeleteMapping():
            [done] = await make_mappings(one, [change], managed_by=managed_by)
            return done
        case CreatePermission():
            row = await catalogue.insert(
                one.connection, one.limits, actor, change.name, change.description, delegable=change.delegable
            )
            return _permission_done("permission.created", None, row)
        case UpdatePermission():
            row_id = await _permission_id(one, change.permission)
            before, row = await catalogue.change(
                one.connection, actor, row_id, description=change.description, delegable=change.delegable
            )
            return _permission_done("permission.updated", before, row)
        case DeletePermission():
            row_id = await _permission_id(one, change.permission)
            return _permission_done("permission.deleted", await catalogue.remove(one.connection, actor, row_id), None)
        case GrantPermission() | RevokePermission():
            return await _by_hand(one, change)


async def make_mappings(one: Edit, changes: Sequence[MappingChange], *, managed_by: str = "API") -> list[Done]:
    """Make changes of mappings at once, in the statements of one. Raises as `make`."""
    for change in changes:
        _check_right(one.actor, change)
    tenant_id = one.actor.tenant_id
    names = {name for change in changes for name in _references(change) if isinstance(name, str)}
    known = await permissions.by_names(one.connection, tenant_id, names) if names else {}
    updated = [change.mapping_id for change in changes if isinstance(change, UpdateMapping)]
    stored = {row.id: row for row in await mappings.by_ids(one.connection, tenant_id, updated)} if updated else {}
    edits = [_edit_of(change, known, stored) for change in changes]
    return [_mapping_done(made) for made in await edit.make_all(one, edits, managed_by=managed_by)]


def _references(change: MappingChange) -> Sequence[Reference]:
    return () if isinstance(change, DeleteMapping) else change.permissions or ()


def _edit_of(
    change: MappingChange, known: Mapping[str, PermissionRecord], stored: Mapping[UUID, MappingRecord]
) -> edit.MappingEdit:
    if isinstance(change, DeleteMapping):
        return edit.Deletion(change.mapping_id, change.version)
    if isinstance(change, CreateMapping):
        return Rule(change.provider_id, change.pattern, change.match, _ids(change.permissions, known), change.enabled)
    before = stored.get(change.mapping_id)
    if before is None:
        raise NotFound("There is no such group mapping.")
    rule = Rule(
        before.provider_id if change.provider_id is UNSET else change.provider_id,
        before.pattern if change.pattern is None else change.pattern,
        MatchKind(before.match) if change.match is None else change.match,
        before.permission_ids if change.permissions is None else _ids(change.permissions, known),
        before.enabled if change.enabled is None else change.enabled,
    )
    return edit.Update(change.mapping_id, rule, change.version)


def _check_right(actor: Actor, change: Change) -> None:
    needed = RIGHTS[type(change)]
    if not actor.is_operator and needed not in actor.permissions:
        raise Refused(f"This needs the permission {needed}.")


def _mapping_done(edited: Edited) -> Done:
    shown = edited.after or edited.before
    assert shown is not None  # an edit has one of the two
    return Done(
        kind="mapping",
        action=edited.action,
        name=shown.pattern,
        old=None if edited.before is None else values_of(edited.before),
        new=None if edited.after is None else values_of(edited.after),
        mapping_id=edited.mapping_id,
    )


def _permission_done(action: str, before: PermissionRecord | None, after: PermissionRecord | None) -> Done:
    shown = after or before
    assert shown is not None  # one of the two
    return Done(
        kind="permission",
        action=action,
        name=shown.name,
        old=None if before is None else catalogue.values_of(before),
        new=None if after is None else catalogue.values_of(after),
        permission_id=shown.id,
    )


async def _by_hand(one: Edit, change: GrantPermission | RevokePermission) -> Done:
    connection, actor = one.connection, one.actor
    permission = await _permission(one, change.permission)
    opened: tuple[UUID, ...] = ()
    closed: tuple[UUID, ...] = ()
    if isinstance(change, GrantPermission):
        grant_id = await administration.open_grant(connection, one.limits, actor, change.user_id, permission.id)
        opened = () if grant_id is None else (grant_id,)
    else:
        done = await administration.close_grants(connection, actor, change.user_id, permission.id)
        closed = tuple([grant.id for grant in done.closed])
    return Done(
        kind="grant",
        action="grant.opened" if isinstance(change, GrantPermission) else "grant.closed",
        name=permission.name,
        permission_id=permission.id,
        user_id=change.user_id,
        opened=opened,
        closed=closed,
    )


async def _permission(one: Edit, reference: Reference) -> PermissionRecord:
    connection, tenant_id = one.connection, one.actor.tenant_id
    if isinstance(reference, UUID):
        row = await permissions.get(connection, tenant_id, reference)
    else:
        row = (await permissions.by_names(connection, tenant_id, [reference])).get(reference)
    if row is None:
        raise NotFound("There is no such permission.")
    return row


async def _permission_id(one: Edit, reference: Reference) -> UUID:
    return (await _permission(one, reference)).id


def _ids(references: Sequence[Reference], known: Mapping[str, PermissionRecord]) -> tuple[UUID, ...]:
    """Each once, in the order given. Names must exist; the edit itself checks that ids do."""
    if any(isinstance(reference, str) and reference not in known for reference in references):
        raise NotFound("There is no such permission.")
    found = [known[reference].id if isinstance(reference, str) else reference for reference in references]
    return tuple(dict.fromkeys(found))
