"""Edits of group mappings, and whom an edit would affect."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import strawberry

from identity_api.claims import MatchKind
from identity_api.db import listings, permissions
from identity_api.db.mappings import MappingRecord
from identity_api.errors import Problems, Refused
from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.missing_ids import telling_missing
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.permissions.mappings import GroupMapping, GroupMappingRow, read_mapping
from identity_api.graphql.summaries import (
    PermissionReference,
    PermissionReferenceRow,
    UserSummary,
    UserSummaryRow,
    mapping_id,
)
from identity_api.group_mappings import edit
from identity_api.group_mappings.edit import Deletion, MappingEdit, Update
from identity_api.group_mappings.impact import Effect, Touched, digest_of, touched_by
from identity_api.group_mappings.rules import Edited, Rule, check_values
from identity_api.permissions.service import GROUPS_READ, USERS_READ

APPLY = "apply_mapping_changes"
"""The job that records the grants of an edit."""
MAX_TOUCHED = 100

_AS_PREVIEWED: Any = strawberry.field(
    default=None,
    description="The digest of a preview. The change is made only if it still affects exactly whom the preview showed.",
)


@strawberry.input(description="A new group mapping.")
class CreateGroupMappingInput:
    """A new rule."""

    pattern: str = strawberry.field(description="The group's name, or a pattern of names.")
    match: MatchKind = strawberry.field(
        default=MatchKind.EXACT, description="How the pattern is compared with group names."
    )
    permissions: list[strawberry.ID] = strawberry.field(
        description="The ids of the permissions that the mapping gives."
    )
    provider: strawberry.ID | None = strawberry.field(
        default=None,
        description="The id of the provider whose groups it matches. Null matches groups of every provider.",
    )
    enabled: bool = strawberry.field(default=True, description="Whether the mapping gives its permissions.")
    as_previewed: str | None = _AS_PREVIEWED


@strawberry.input(description="Changes to a group mapping. What is left out stays as it is.")
class UpdateGroupMappingInput:
    """A changed rule."""

    id: strawberry.ID = strawberry.field(description="The id of the mapping.")
    version: int = strawberry.field(
        description="The version that was read. An edit of another version is refused with a `ConflictError`."
    )
    pattern: str | None = strawberry.field(default=None, description="The group's name, or a pattern of names.")
    match: MatchKind | None = strawberry.field(
        default=None, description="How the pattern is compared with group names."
    )
    permissions: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="The ids of all permissions that the mapping gives from now on.",
    )
    provider: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="The id of the provider whose groups it matches. Null matches groups of every provider.",
    )
    enabled: bool | None = strawberry.field(default=None, description="Whether the mapping gives its permissions.")
    as_previewed: str | None = _AS_PREVIEWED


@strawberry.input(description="Which group mapping to delete.")
class DeleteGroupMappingInput:
    """Which, as it was when it was read."""

    id: strawberry.ID = strawberry.field(description="The id of the mapping.")
    version: int = strawberry.field(
        description="The version that was read. An edit of another version is refused with a `ConflictError`."
    )
    as_previewed: str | None = _AS_PREVIEWED


@object_type(description="The mapping as it is now.")
class GroupMappingSaved:
    """Of an edit."""

    mapping: GroupMapping = strawberry.field(description="The mapping after the change.")
    concerned: int = strawberry.field(
        description="How many identities are in the groups of the mapping, before or after."
    )

    is_type_of = is_row_of(lambda: GroupMappingSavedRow)


class GroupMappingSavedRow(msgspec.Struct, frozen=True):
    """The row behind `GroupMappingSaved`."""

    mapping: GroupMappingRow
    concerned: int


@object_type(description="The mapping is deleted, and what it gave is no longer in force.")
class GroupMappingDeleted:
    """Of a deletion."""

    deleted_id: strawberry.ID = strawberry.field(description="The id of the deleted mapping.")
    concerned: int = strawberry.field(
        description="How many identities are in the groups of the mapping, before or after."
    )

    is_type_of = is_row_of(lambda: GroupMappingDeletedRow)


class GroupMappingDeletedRow(msgspec.Struct, frozen=True):
    """The row behind `GroupMappingDeleted`."""

    deleted_id: str
    concerned: int


@object_type(description="A permission that a user would gain or lose.")
class TouchedPermission:
    """By name, and where it is there already with its id."""

    name: str = strawberry.field(description="The name of the permission.")
    permission: PermissionReference | None = strawberry.field(
        description="The permission; null for one that the set itself makes, which has no id before that."
    )


@object_type(description="A user whom a change would affect.")
class TouchedUser:
    """With the permissions, by name, that they would have or no longer have."""

    user: UserSummary = strawberry.field(description="The user.")
    gained: list[str] = strawberry.field(description="The names of the permissions that the user would gain.")
    lost: list[str] = strawberry.field(description="The names of the permissions that the user would lose.")
    gained_permissions: list[TouchedPermission] = strawberry.field(
        description="The permissions that the user would gain, with their ids, in the order of `gained`."
    )
    lost_permissions: list[TouchedPermission] = strawberry.field(
        description="The permissions that the user would lose, with their ids, in the order of `lost`."
    )


@object_type(description="Whom a change would affect if it were made now. Nothing is changed.")
class GroupMappingPreview:
    """Of an edit."""

    digest: str = strawberry.field(
        description="A digest of who gains and loses what, for `asPreviewed` of the mutation."
    )
    concerned: int = strawberry.field(
        description="How many identities are in the mapping's groups, before or after the change."
    )
    gaining: int = strawberry.field(description="How many users would gain a permission that they do not hold now.")
    losing: int = strawberry.field(
        description="How many users would lose a permission, with no other grant that gives it."
    )
    touched: list[TouchedUser] = strawberry.field(
        description=f"The first {MAX_TOUCHED} users who would gain or lose a permission, by username; "
        f"none without `{USERS_READ}`."
    )


class TouchedPermissionRow(msgspec.Struct, frozen=True):
    """The row behind `TouchedPermission`."""

    name: str
    permission: PermissionReferenceRow | None


class TouchedUserRow(msgspec.Struct, frozen=True):
    """The row behind `TouchedUser`."""

    user: UserSummaryRow
    gained_permissions: list[TouchedPermissionRow]
    lost_permissions: list[TouchedPermissionRow]

    @property
    def gained(self) -> list[str]:
        """By name."""
        return [one.name for one in self.gained_permissions]

    @property
    def lost(self) -> list[str]:
        """By name."""
        return [one.name for one in self.lost_permissions]


class GroupMappingPreviewRow(msgspec.Struct, frozen=True):
    """The row behind `GroupMappingPreview`."""

    digest: str
    concerned: int
    gaining: int
    losing: int
    touched: list[TouchedUserRow]


@object_type("Query")
class MappingPreviewQueries:
    """Root fields that take what the mutations take, and change nothing."""

    @resolved(GroupMappingPreview | None, "Whom `createGroupMapping` would affect; nothing is changed.")
    async def preview_group_mapping_creation(
        self,
        info: Info,
        input: Annotated[
            CreateGroupMappingInput, strawberry.argument(description="What `createGroupMapping` would be given.")
        ],
    ) -> GroupMappingPreviewRow:
        """Refused as the mutation would be."""
        async with telling_missing(info.context, input):
            _check_may_search(info.context, input.match)
            return await _preview(info.context, _creating(input))

    @resolved(GroupMappingPreview | None, "Whom `updateGroupMapping` would affect; nothing is changed.")
    async def preview_group_mapping_update(
        self,
        info: Info,
        input: Annotated[
            UpdateGroupMappingInput, strawberry.argument(description="What `updateGroupMapping` would be given.")
        ],
    ) -> GroupMappingPreviewRow:
        """Refused as the mutation would be."""
        async with telling_missing(info.context, input):
            before = await read_mapping(info.context, ids.row_id(input.id, "GroupMapping"))
            _check_may_search(info.context, _changed(before, input).match)
            return await _preview(info.context, await _updating(info.context, input))

    @resolved(GroupMappingPreview | None, "Whom `deleteGroupMapping` would affect; nothing is changed.")
    async def preview_group_mapping_deletion(
        self,
        info: Info,
        input: Annotated[
            DeleteGroupMappingInput, strawberry.argument(description="What `deleteGroupMapping` would be given.")
        ],
    ) -> GroupMappingPreviewRow:
        """Refused as the mutation would be."""
        async with telling_missing(info.context, input):
            return await _preview(info.context, _deleting(input))


@object_type("Mutation")
class MappingMutations:
    """Root fields that change mappings."""

    @mutation("CreateGroupMappingPayload", GroupMappingSaved, "Make a group mapping.")
    async def create_group_mapping(self, info: Info, input: CreateGroupMappingInput) -> GroupMappingSavedRow:
        """Within what the actor may give, and never to their own benefit (I8)."""
        return await _saved(info.context, await _make(info.context, _creating(input), input.as_previewed))

    @mutation("UpdateGroupMappingPayload", GroupMappingSaved, "Change a group mapping.")
    async def update_group_mapping(self, info: Info, input: UpdateGroupMappingInput) -> GroupMappingSavedRow:
        """The version protects a read that is followed by a write: the faster edit wins."""
        edited = await _make(info.context, await _updating(info.context, input), input.as_previewed)
        return await _saved(info.context, edited)

    @mutation("DeleteGroupMappingPayload", GroupMappingDeleted, "Delete a group mapping.")
    async def delete_group_mapping(self, info: Info, input: DeleteGroupMappingInput) -> GroupMappingDeletedRow:
        """What it gave is out of force with the commit."""
        edited = await _make(info.context, _deleting(input), input.as_previewed)
        return GroupMappingDeletedRow(mapping_id(edited.mapping_id), edited.concerned)


async def _make(context: Context, one: MappingEdit, as_previewed: str | None) -> Edited:
    edited = await edit.make(context.deps.database, context.actor, one, as_previewed=as_previewed)
    await context.deps.enqueue(APPLY)
    return edited


async def _saved(context: Context, edited: Edited) -> GroupMappingSavedRow:
    return GroupMappingSavedRow(GroupMappingRow(await read_mapping(context, edited.mapping_id)), edited.concerned)


def _check_may_search(context: Context, match: MatchKind) -> None:
    """An actor who may try patterns and sees how many groups match can find out every group's name.

    Raises:
        Refused: without the right to read groups, for anything but a whole name.
    """
    if match is not MatchKind.EXACT and GROUPS_READ not in context.permissions:
        raise Refused(f"A preview of a pattern shows which groups exist, so it also needs {GROUPS_READ}.")


async def _preview(context: Context, one: MappingEdit) -> GroupMappingPreviewRow:
    async with context.turn:
        effect = await edit.preview(context.deps.database, context.actor, one)
    touched = await touched_by(effect)
    named = await _named(context, effect, touched)
    digest = await digest_of(effect)
    return GroupMappingPreviewRow(digest, effect.concerned, len(touched.gaining), len(touched.losing), named)


async def _named(context: Context, effect: Effect, touched: Touched) -> list[TouchedUserRow]:
    if USERS_READ not in context.permissions:
        return []
    async with context.reading() as connection:
        users = await listings.user_names(
            connection, context.tenant_id, touched.gaining | touched.losing, first=MAX_TOUCHED
        )
        there = await permissions.by_ids(connection, context.tenant_id, touched.permission_ids)
    references = [PermissionReferenceRow(one.id, one.name) for one in sorted(there, key=lambda one: one.name)]
    return [
        TouchedUserRow(
            UserSummaryRow(user.id, user.username, user.display_label),
            [TouchedPermissionRow(one.name, one) for one in references if (user.id, one.row_id) in effect.gained],
            [TouchedPermissionRow(one.name, one) for one in references if (user.id, one.row_id) in effect.lost],
        )
        for user in users[:MAX_TOUCHED]
    ]


def _creating(asked: CreateGroupMappingInput) -> Rule:
    problems = Problems()
    provider_id = problems.read("provider", lambda: _provider_id(asked.provider))
    permission_ids = _permission_ids(problems, asked.permissions)
    return _sound(problems, Rule(provider_id, asked.pattern, asked.match, permission_ids, asked.enabled))


async def _updating(context: Context, asked: UpdateGroupMappingInput) -> Update:
    row_id = ids.row_id(asked.id, "GroupMapping")
    rule = _changed(await read_mapping(context, row_id), asked)
    return Update(row_id, rule, asked.version)


def _deleting(asked: DeleteGroupMappingInput) -> Deletion:
    return Deletion(ids.row_id(asked.id, "GroupMapping"), asked.version)


def _changed(before: MappingRecord, asked: UpdateGroupMappingInput) -> Rule:
    """The rule as it will be. Null leaves as it is what cannot be null; for the provider it means every provider."""
    provider_id, problems = before.provider_id, Problems()
    if asked.provider is not strawberry.UNSET:
        provider_id = problems.read("provider", lambda: _provider_id(asked.provider))
    rule = Rule(
        provider_id,
        before.pattern if asked.pattern is None else asked.pattern,
        MatchKind(before.match) if asked.match is None else asked.match,
        before.permission_ids if asked.permissions is None else _permission_ids(problems, asked.permissions),
        before.enabled if asked.enabled is None else asked.enabled,
    )
    return _sound(problems, rule)


def _provider_id(value: strawberry.ID | None) -> UUID | None:
    return ids.row_id(value, "Provider") if value is not None else None


def _permission_ids(problems: Problems, values: list[strawberry.ID]) -> tuple[UUID, ...]:
    # Each once, in the order given: a permission named twice is given once.
    return tuple(dict.fromkeys(ids.row_ids(problems, "permissions", values, "Permission")))


def _sound(problems: Problems, rule: Rule) -> Rule:
    """The rule, if neither it nor what it was read from has a problem."""
    problems.read("pattern", lambda: check_values(rule))
    problems.tell()
    return rule
