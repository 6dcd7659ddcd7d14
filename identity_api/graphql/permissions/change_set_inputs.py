"""The input of a change set: each change is the input of the mutation that makes this change alone."""

from typing import Any
from uuid import UUID

import strawberry
from msgspec import UNSET

from identity_api.change_sets import changes
from identity_api.change_sets.errors import ChangesRefused
from identity_api.errors import BadInput, IdentityAPIError, Located, NotFound, SeveralProblems
from identity_api.graphql import ids
from identity_api.graphql.permissions.mapping_changes import (
    CreateGroupMappingInput,
    DeleteGroupMappingInput,
    UpdateGroupMappingInput,
)
from identity_api.graphql.permissions.permissions import (
    CreatePermissionInput,
    DeletePermissionInput,
    GrantPermissionInput,
    RevokePermissionInput,
    UpdatePermissionInput,
)


@strawberry.input(description="Which change of the record to undo.")
class UndoInput:
    """An event."""

    event: strawberry.ID = strawberry.field(
        description="The id of the event, as in `auditEvents`. It must have changed a mapping or a permission, or given or "
        "taken a permission by hand."
    )


def _one(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input(
    one_of=True,
    description="One change of a set: just one of these. Where a permission's id is asked for, its name will do, also of one "
    "that an earlier change of the set makes.",
)
class ChangeInput:
    """As the mutation of the same name takes it."""

    create_group_mapping: CreateGroupMappingInput | None = _one("Make a group mapping.")
    update_group_mapping: UpdateGroupMappingInput | None = _one("Change a group mapping.")
    delete_group_mapping: DeleteGroupMappingInput | None = _one("Delete a group mapping.")
    create_permission: CreatePermissionInput | None = _one("Add a permission.")
    update_permission: UpdatePermissionInput | None = _one("Change a permission.")
    delete_permission: DeletePermissionInput | None = _one("Delete an unused permission.")
    grant_permission: GrantPermissionInput | None = _one("Give a permission by hand.")
    revoke_permission: RevokePermissionInput | None = _one("Take back a permission that was given by hand.")
    undo: UndoInput | None = _one("Put back what an event of the record changed. Needs `identity:audit:read` too.")


@strawberry.input(description="Changes to preview together.")
class ChangeSetInput:
    """For a preview."""

    changes: list[ChangeInput] = strawberry.field(
        description=f"The changes, in the order in which they are made; at most {changes.MAX_CHANGES}."
    )


@strawberry.input(description="Changes to be made together, as they were previewed.")
class ApplyChangeSetInput:
    """A set with its preview."""

    changes: list[ChangeInput] = strawberry.field(description="The changes, as they were given to `previewChangeSet`.")
    as_previewed: str = strawberry.field(
        description="The digest of the preview. The set is made only if it still does exactly what the preview showed."
    )


class Asked:
    """The changes as `change_sets` takes them, with the name that each has in the input."""

    def __init__(self, given: list[ChangeInput]) -> None:
        """Read every change.

        Raises:
            SeveralProblems: with every change that cannot be read.
        """
        self._names: list[str] = []
        self.changes: list[changes.Change | changes.Undo] = []
        problems: list[Located] = []
        for number, one in enumerate(given):
            python_name, value = _chosen(one)
            self._names.append(_camel(python_name))
            try:
                self.changes.append(_READERS[python_name](value))
            except IdentityAPIError as error:
                problems.append(Located(self._path(number, error), error))
        if problems:
            raise SeveralProblems(problems)

    def refused(self, error: ChangesRefused) -> SeveralProblems:
        """Each problem with its path in the input."""
        return SeveralProblems([Located(self._path(one.number, one.error), one.error) for one in error.problems])

    def _path(self, number: int, error: IdentityAPIError) -> str:
        path = f"changes.{number}.{self._names[number]}"
        return f"{path}.{error.field}" if isinstance(error, BadInput) and error.field else path


def _chosen(one: ChangeInput) -> tuple[str, Any]:
    [found] = [(name, value) for name, value in vars(one).items() if value is not strawberry.UNSET]
    return found


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join([part.capitalize() for part in rest])


def _check_alone(as_previewed: str | None) -> None:
    if as_previewed is not None:
        raise BadInput("Give the digest once for the whole set, beside the changes.", field="asPreviewed")


def _permission(value: strawberry.ID) -> changes.Reference:
    """An id, which has no colon, or a name, which has one.

    Raises:
        NotFound: it is neither.
    """
    return str(value) if ":" in value else ids.row_id(value, "Permission")


def _provider(value: strawberry.ID | None) -> UUID | None:
    return None if value is None else ids.row_id(value, "Provider")


def _create_mapping(given: CreateGroupMappingInput) -> changes.CreateMapping:
    _check_alone(given.as_previewed)
    return changes.CreateMapping(
        provider_id=_provider(given.provider),
        pattern=given.pattern,
        match=given.match,
        permissions=tuple([_permission(one) for one in given.permissions]),
        enabled=given.enabled,
    )


def _update_mapping(given: UpdateGroupMappingInput) -> changes.UpdateMapping:
    _check_alone(given.as_previewed)
    return changes.UpdateMapping(
        mapping_id=ids.row_id(given.id, "GroupMapping"),
        version=given.version,
        provider_id=UNSET if given.provider is strawberry.UNSET else _provider(given.provider),
        pattern=given.pattern,
        match=given.match,
        permissions=None if given.permissions is None else tuple([_permission(one) for one in given.permissions]),
        enabled=given.enabled,
    )


def _delete_mapping(given: DeleteGroupMappingInput) -> changes.DeleteMapping:
    _check_alone(given.as_previewed)
    return changes.DeleteMapping(mapping_id=ids.row_id(given.id, "GroupMapping"), version=given.version)


def _create_permission(given: CreatePermissionInput) -> changes.CreatePermission:
    return changes.CreatePermission(name=given.name, description=given.description, delegable=given.delegable)


def _update_permission(given: UpdatePermissionInput) -> changes.UpdatePermission:
    return changes.UpdatePermission(
        permission=_permission(given.id), description=given.description, delegable=given.delegable
    )


def _delete_permission(given: DeletePermissionInput) -> changes.DeletePermission:
    return changes.DeletePermission(permission=_permission(given.id))


def _grant(given: GrantPermissionInput) -> changes.GrantPermission:
    return changes.GrantPermission(user_id=ids.row_id(given.user, "User"), permission=_permission(given.permission))


def _revoke(given: RevokePermissionInput) -> changes.RevokePermission:
    return changes.RevokePermission(user_id=ids.row_id(given.user, "User"), permission=_permission(given.permission))


def _undo(given: UndoInput) -> changes.Undo:
    try:
        return changes.Undo(event_id=UUID(given.event))
    except ValueError:
        raise NotFound("There is no such event.") from None


_READERS: dict[str, Any] = {
    "create_group_mapping": _create_mapping,
    "update_group_mapping": _update_mapping,
    "delete_group_mapping": _delete_mapping,
    "create_permission": _create_permission,
    "update_permission": _update_permission,
    "delete_permission": _delete_permission,
    "grant_permission": _grant,
    "revoke_permission": _revoke,
    "undo": _undo,
}
