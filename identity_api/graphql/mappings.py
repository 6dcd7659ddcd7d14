"""Group mappings: which provider groups give which permissions, and edits of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import strawberry

from identity_api.db import mappings
from identity_api.db.mappings import MappingRow as MappingRecord
from identity_api.graphql import connections, ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.connections import Connection, ConnectionRow
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.summaries import (
    PermissionReference,
    PermissionReferenceRow,
    ProviderSummary,
    ProviderSummaryRow,
    Row,
    mapping_id,
    provider_summary,
)
from identity_api.mapping import MatchKind
from identity_api.mappings import edit
from identity_api.mappings.edit import Edited, Rule

APPLY = "apply_mapping_changes"
"""The job that lets grants follow an edit."""

strawberry.enum(
    MatchKind,
    name="MatchKind",
    description="EXACT compares character by character; in a GLOB `*` is any run, `?` one character, `\\` escapes.",
)


@object_type(description="A rule from groups at a provider, or at every provider, to permissions.")
class GroupMapping(Node):
    """What it takes away is out of force at once; what it gives arrives within moments."""

    provider: ProviderSummary | None = strawberry.field(description="Null: groups of every provider.")
    pattern: str
    match: MatchKind
    permissions: list[PermissionReference]
    enabled: bool
    version: int = strawberry.field(description="Name it in an edit: an edit of something else is refused.")
    managed_by: str = strawberry.field(description="`FILE` or `API`: where it is edited.")
    group_count: int = strawberry.field(description="Groups seen so far that it matches.")
    pending: int = strawberry.field(description="Identities whose grants have still to follow the last edit.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def is_type_of(cls, value: Any, _: Any) -> bool:
        """Whether a row is one of these."""
        return isinstance(value, GroupMappingRow)


class GroupMappingRow(Row, frozen=True):
    """The row behind `GroupMapping`; the record is a `db.mappings.MappingRow`."""

    @property
    def id(self) -> str:
        """The global id."""
        return mapping_id(self.record.id)

    @property
    def provider(self) -> ProviderSummaryRow | None:
        """Of which it matches groups."""
        return provider_summary(self.record.provider_id, self.record.provider_slug, self.record.provider_label)

    @property
    def permissions(self) -> list[PermissionReferenceRow]:
        """By name."""
        pairs = zip(self.record.permission_ids, self.record.permissions, strict=True)
        return [PermissionReferenceRow(row_id, name) for row_id, name in pairs]


def _position(row: GroupMappingRow) -> str:
    return str(row.record.id)


@object_type("Query")
class MappingQueries:
    """Root fields about mappings."""

    @resolved(Connection[GroupMapping] | None, "The tenant's mappings, oldest first.")
    async def group_mappings(self, info: Info, first: int | None = 50, after: str | None = None) -> ConnectionRow:
        """A page."""
        context, size = info.context, connections.page_size(first)
        of = connections.listing(context, "groupMappings", _position)
        position = await connections.opened(context, of, after, UUID)
        async with context.reading() as connection:
            found = await mappings.page(connection, context.tenant_id, after=position, first=size)
        rows = [GroupMappingRow(record) for record in found[:size]]
        return connections.connection(of, rows, has_more=len(found) > size, after=after)

    @resolved(GroupMapping | None, "One mapping.")
    async def group_mapping(self, info: Info, id: strawberry.ID) -> GroupMappingRow:
        """One statement."""
        return await load_mapping(info.context, ids.row_id(id, "GroupMapping"))


async def load_mapping(context: Context, row_id: UUID) -> GroupMappingRow:
    """The mapping, for who may read mappings.

    Raises:
        Refused, NotFound: one may not; there is none in this tenant.
    """
    require(NODES["GroupMapping"], context)
    return GroupMappingRow(await _read(context, row_id))


async def _read(context: Context, row_id: UUID) -> MappingRecord:
    async with context.reading() as connection:
        record = await mappings.get(connection, context.tenant_id, row_id)
    if record is None:
        raise ids.not_found("GroupMapping")
    return record


@strawberry.input
class CreateGroupMappingInput:
    """A new rule."""

    pattern: str
    match: MatchKind = MatchKind.EXACT
    permissions: list[strawberry.ID]
    provider: strawberry.ID | None = strawberry.field(default=None, description="Null: groups of every provider.")
    enabled: bool = True


@strawberry.input(description="What is left out stays as it is.")
class UpdateGroupMappingInput:
    """A changed rule."""

    id: strawberry.ID
    version: int
    pattern: str | None = None
    match: MatchKind | None = None
    permissions: list[strawberry.ID] | None = None
    provider: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Null: groups of every provider."
    )
    enabled: bool | None = None


@strawberry.input
class DeleteGroupMappingInput:
    """Which, as it was when it was read."""

    id: strawberry.ID
    version: int


@object_type(description="The mapping as it is now.")
class GroupMappingSaved:
    """Of an edit."""

    mapping: GroupMapping
    concerned: int = strawberry.field(description="Identities whose grants follow the edit.")

    @classmethod
    def is_type_of(cls, value: Any, _: Any) -> bool:
        """Whether a row is one of these."""
        return isinstance(value, GroupMappingSavedRow)


class GroupMappingSavedRow(msgspec.Struct, frozen=True):
    """The row behind `GroupMappingSaved`."""

    mapping: GroupMappingRow
    concerned: int


@object_type(description="The mapping is gone, and what it gave is out of force.")
class GroupMappingDeleted:
    """Of a deletion."""

    deleted_id: strawberry.ID
    concerned: int = strawberry.field(description="Identities whose grants follow the edit.")

    @classmethod
    def is_type_of(cls, value: Any, _: Any) -> bool:
        """Whether a row is one of these."""
        return isinstance(value, GroupMappingDeletedRow)


class GroupMappingDeletedRow(msgspec.Struct, frozen=True):
    """The row behind `GroupMappingDeleted`."""

    deleted_id: str
    concerned: int


@object_type("Mutation")
class MappingMutations:
    """Root fields that change mappings."""

    @mutation("CreateGroupMappingPayload", GroupMappingSaved, "Make a mapping.")
    async def create_group_mapping(self, info: Info, input: CreateGroupMappingInput) -> GroupMappingSavedRow:
        """Within what the actor may give, and never to their own benefit (I8)."""
        context = info.context
        rule = Rule(
            ids.row_id(input.provider, "Provider") if input.provider is not None else None,
            input.pattern,
            input.match,
            _permission_ids(input.permissions),
            input.enabled,
        )
        return await _saved(context, await edit.create(context.parts.database, context.actor, rule))

    @mutation("UpdateGroupMappingPayload", GroupMappingSaved, "Change a mapping.")
    async def update_group_mapping(self, info: Info, input: UpdateGroupMappingInput) -> GroupMappingSavedRow:
        """The version makes reading first and writing after safe: whoever was faster wins."""
        context, row_id = info.context, ids.row_id(input.id, "GroupMapping")
        rule = _changed(await _read(context, row_id), input)
        edited = await edit.update(context.parts.database, context.actor, row_id, rule, expected_version=input.version)
        return await _saved(context, edited)

    @mutation("DeleteGroupMappingPayload", GroupMappingDeleted, "Delete a mapping.")
    async def delete_group_mapping(self, info: Info, input: DeleteGroupMappingInput) -> GroupMappingDeletedRow:
        """What it gave is out of force with the commit."""
        context, row_id = info.context, ids.row_id(input.id, "GroupMapping")
        edited = await edit.delete(context.parts.database, context.actor, row_id, expected_version=input.version)
        await context.parts.nudge(APPLY)
        return GroupMappingDeletedRow(mapping_id(row_id), edited.concerned)


async def _saved(context: Context, edited: Edited) -> GroupMappingSavedRow:
    await context.parts.nudge(APPLY)
    return GroupMappingSavedRow(GroupMappingRow(await _read(context, edited.mapping_id)), edited.concerned)


def _changed(before: MappingRecord, asked: UpdateGroupMappingInput) -> Rule:
    """The rule as it will be. Null leaves as it is what cannot be null; for the provider it means every provider."""
    provider_id = before.provider_id
    if asked.provider is not strawberry.UNSET:
        provider_id = ids.row_id(asked.provider, "Provider") if asked.provider is not None else None
    return Rule(
        provider_id,
        before.pattern if asked.pattern is None else asked.pattern,
        MatchKind(before.match) if asked.match is None else asked.match,
        before.permission_ids if asked.permissions is None else _permission_ids(asked.permissions),
        before.enabled if asked.enabled is None else asked.enabled,
    )


def _permission_ids(values: list[strawberry.ID]) -> tuple[UUID, ...]:
    # Each once, in the order given: a permission named twice is given once.
    return tuple(dict.fromkeys([ids.row_id(value, "Permission") for value in values]))
