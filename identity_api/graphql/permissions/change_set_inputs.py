"""The input of a change set: each change is the input of the mutation that makes this change alone."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import strawberry
from msgspec import UNSET

from identity_api.change_sets import changes, table
from identity_api.change_sets.errors import ChangesRefused
from identity_api.db.database import Database
from identity_api.errors import BadInput, IdentityAPIError, Located, NotFound, Problems, Refused, SeveralProblems
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
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import MAPPINGS_READ


@strawberry.input(description="Which change of the record to undo.")
class UndoInput:
    """An event."""

    event: strawberry.ID = strawberry.field(
        description="The id of the event, as in `auditEvents`. It must have changed a mapping or a permission, given or taken a "
        "permission by hand, or be that of a whole change set (`change_set.applied`)."
    )


@strawberry.input(description="Group mappings as a table, in CSV.")
class ImportGroupMappingsInput:
    """The same table as `identity-api mapping import` takes."""

    table: str = strawberry.field(
        description="The first line names the columns: `group` and `permissions` (names between blanks), and if they are there "
        "`match` (`EXACT` or `GLOB`), `provider` (its slug; empty for every provider) and `enabled` (`yes` or `no`). A mapping "
        "with the same `group`, `match` and `provider` gets the permissions of its line."
    )
    prune: bool = strawberry.field(
        default=False,
        description="Also delete the mappings that the table leaves out, except those that a file manages.",
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
    import_group_mappings: ImportGroupMappingsInput | None = _one(
        "Make the group mappings what a table says; a problem's path ends with the number of the line. Needs "
        "`identity:mappings:read` too."
    )
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


class Asked(NamedTuple):
    """The changes as `change_sets` takes them, with the place that each has in the input."""

    changes: list[changes.Change | changes.Undo]
    paths: list[str]

    def refused(self, error: ChangesRefused) -> SeveralProblems:
        """Each problem with its path in the input."""
        return SeveralProblems(
            [place for one in error.problems for place in _places(self.paths[one.number], one.error)]
        )


async def asked_of(database: Database, actor: Actor, given: list[ChangeInput]) -> Asked:
    """Read every change; a table becomes the changes that it makes.

    Raises:
        SeveralProblems: with every change that cannot be read.
        BadInput: the tables change nothing.
        Refused: a table for somebody who may not read mappings.
    """
    asked, problems = Asked([], []), list[Located]()
    for number, one in enumerate(given):
        python_name, value = _chosen(one)
        path = f"changes.{number}.{_camel(python_name)}"
        try:
            if isinstance(value, ImportGroupMappingsInput):
                await _add_table(database, actor, asked, path, value)
            else:
                asked.changes.append(_READERS[python_name](value))
                asked.paths.append(path)
        except table.TableRefused as error:
            problems += [Located(f"{path}.table.{line}" if line else f"{path}.table", one) for line, one in error.lines]
        except IdentityAPIError as error:
            problems += _places(path, error)
    if problems:
        raise SeveralProblems(problems)
    if given and not asked.changes:
        raise BadInput("The table changes nothing: every mapping is as it says.", field="changes")
    return asked


async def _add_table(
    database: Database, actor: Actor, asked: Asked, path: str, given: ImportGroupMappingsInput
) -> None:
    """
    Raises:
        TableRefused: with every line that cannot be read.
        Refused: to somebody who could learn from the answer what mappings there are.
    """
    if MAPPINGS_READ not in actor.permissions:
        raise Refused(f"This needs the permission {MAPPINGS_READ}.")
    made, lines = await table.changes_to(database, actor, table.read_text(given.table), prune=given.prune)
    asked.changes.extend(made)
    asked.paths.extend([f"{path}.table.{line}" if line else f"{path}.prune" for line in lines])


def _places(path: str, error: IdentityAPIError) -> list[Located]:
    """Each problem of a change, with its path. A field of a change is part of it; a line of a table has none."""
    is_line = ".importGroupMappings." in path
    if isinstance(error, SeveralProblems):
        return [Located(path if is_line else f"{path}.{one.path}", one.error) for one in error.problems]
    field = f".{error.field}" if isinstance(error, BadInput) and error.field and not is_line else ""
    return [Located(f"{path}{field}", error)]


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


def _permissions(problems: Problems, values: Sequence[strawberry.ID]) -> tuple[changes.Reference, ...]:
    return tuple(
        [problems.read(f"permissions.{place}", partial(_permission, value)) for place, value in enumerate(values)]
    )


def _provider(value: strawberry.ID | None) -> UUID | None:
    return None if value is None else ids.row_id(value, "Provider")


def _create_mapping(given: CreateGroupMappingInput) -> changes.CreateMapping:
    problems = Problems()
    problems.read("asPreviewed", lambda: _check_alone(given.as_previewed))
    made = changes.CreateMapping(
        provider_id=problems.read("provider", lambda: _provider(given.provider)),
        pattern=given.pattern,
        match=given.match,
        permissions=_permissions(problems, given.permissions),
        enabled=given.enabled,
    )
    problems.tell()
    return made


def _update_mapping(given: UpdateGroupMappingInput) -> changes.UpdateMapping:
    problems, provider = Problems(), given.provider
    problems.read("asPreviewed", lambda: _check_alone(given.as_previewed))
    made = changes.UpdateMapping(
        mapping_id=problems.read("id", lambda: ids.row_id(given.id, "GroupMapping")),
        version=given.version,
        provider_id=UNSET if provider is strawberry.UNSET else problems.read("provider", lambda: _provider(provider)),
        pattern=given.pattern,
        match=given.match,
        permissions=None if given.permissions is None else _permissions(problems, given.permissions),
        enabled=given.enabled,
    )
    problems.tell()
    return made


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
    user_id, permission = _user_and_permission(given)
    return changes.GrantPermission(user_id=user_id, permission=permission)


def _revoke(given: RevokePermissionInput) -> changes.RevokePermission:
    user_id, permission = _user_and_permission(given)
    return changes.RevokePermission(user_id=user_id, permission=permission)


def _user_and_permission(given: GrantPermissionInput | RevokePermissionInput) -> tuple[UUID, changes.Reference]:
    problems = Problems()
    user_id = problems.read("user", lambda: ids.row_id(given.user, "User"))
    permission = problems.read("permission", lambda: _permission(given.permission))
    problems.tell()
    return user_id, permission


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
