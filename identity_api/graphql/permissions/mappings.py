"""Group mappings: which provider groups give which permissions."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import strawberry

from identity_api.claims import MatchKind
from identity_api.claims.groups import MAX_GROUP_LENGTH
from identity_api.db import mapping_search, mappings
from identity_api.db.mapping_search import Search
from identity_api.db.mappings import MappingRecord
from identity_api.errors import BadInput
from identity_api.graphql import connections, ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.audit.events import HISTORY, AuditEvent, AuditEventRow, history_of
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import ManagedBy, enum_type
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.summaries import (
    PermissionReference,
    PermissionReferenceRow,
    ProviderSummary,
    ProviderSummaryRow,
    Row,
    mapping_id,
    provider_summary,
)
from identity_api.permissions.service import GROUPS_READ

enum_type(
    "How a mapping's pattern is compared with the name of a group.",
    {
        "EXACT": "The name equals the pattern, character by character.",
        "GLOB": "The pattern has wildcards: `*` is any run of characters, `?` is one character, and `\\` "
        "escapes the next character.",
    },
)(MatchKind)


@object_type(description="A rule from groups at a provider, or at every provider, to permissions.")
class GroupMapping(Node):
    """What an edit gives and takes is in force when it is answered."""

    provider: ProviderSummary | None = strawberry.field(
        description="The provider whose groups it matches; null if it matches those of every provider."
    )
    pattern: str = strawberry.field(description="The group's name, or a pattern of names.")
    match: MatchKind = strawberry.field(description="How the pattern is compared with group names.")
    permissions: list[PermissionReference] = strawberry.field(description="The permissions that it gives, by name.")
    enabled: bool = strawberry.field(description="Whether it gives its permissions.")
    version: int = strawberry.field(
        description="Raised by each edit; an edit has to name it, and is refused if it has changed."
    )
    managed_by: ManagedBy = strawberry.field(description="Where it is edited.")
    group_count: int = strawberry.field(description="How many groups seen so far it matches.")
    pending: int = strawberry.field(
        description="How many identities have grants that are still to be recorded. What the edit does is in force."
    )
    created_at: datetime = strawberry.field(description="When the mapping was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")

    @resolved(list[AuditEvent] | None, HISTORY)
    async def history(self, info: Info) -> list[AuditEventRow]:
        """One statement for all of a page."""
        source: Any = self  # what is resolved is the row
        return await history_of(info.context, source.record.id)

    is_type_of = is_row_of(lambda: GroupMappingRow)


class GroupMappingRow(Row, frozen=True):
    """The row behind `GroupMapping`; the record is a `db.mappings.MappingRecord`."""

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


async def _count(context: Context, search: Search | None) -> int:
    async with context.reading() as connection:
        return await mapping_search.count(connection, context.tenant_id, search)


def _search(context: Context, text: str | None) -> Search | None:
    """A text that finds the mappings of a group tells that there is such a group.

    Raises:
        BadInput: it is longer than anything that is searched.
    """
    if not text:
        return None
    if len(text) > MAX_GROUP_LENGTH:
        raise BadInput(f"A text to search for has at most {MAX_GROUP_LENGTH} characters.", field="search")
    return Search(text, text if GROUPS_READ in context.permissions else None)


@object_type("Query")
class MappingQueries:
    """Root fields about mappings."""

    @resolved(Connection[GroupMapping] | None, "The tenant's mappings, oldest first.")
    async def group_mappings(
        self,
        info: Info,
        search: Annotated[
            str | None,
            strawberry.argument(
                description="Only mappings with this text in their pattern or in the name of a permission that they give, in "
                "capitals or not; and, with `identity:groups:read`, those that match the group of exactly this name."
            ),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page."""
        context, page = info.context, connections.asked(first, after, last, before)
        wanted = _search(context, search)
        of = connections.listing(context, "groupMappings", _position, where=wanted)
        position = await connections.opened(context, of, page, UUID)
        async with context.reading() as connection:
            found = await mappings.page(
                connection,
                context.tenant_id,
                search=wanted,
                after=position,
                first=page.size,
                backward=page.is_backward,
            )
        rows = [GroupMappingRow(record) for record in found]
        return connections.paged(of, rows, page, count=partial(_count, context, wanted))

    @resolved(GroupMapping | None, "One group mapping.")
    async def group_mapping(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id of the mapping.")]
    ) -> GroupMappingRow:
        """One statement."""
        return await load_mapping(info.context, ids.row_id(id, "GroupMapping"))


async def load_mapping(context: Context, row_id: UUID) -> GroupMappingRow:
    """The mapping, for users who may read mappings.

    Raises:
        Refused, NotFound: the permission is missing; the tenant has no such row.
    """
    require(NODES["GroupMapping"], context)
    return GroupMappingRow(await read_mapping(context, row_id))


async def load_mappings(context: Context, row_ids: Sequence[UUID]) -> list[GroupMappingRow]:
    """Those of these mappings that are this tenant's. Raises Refused: the permission is missing."""
    require(NODES["GroupMapping"], context)
    async with context.reading() as connection:
        return [GroupMappingRow(one) for one in await mappings.by_ids(connection, context.tenant_id, row_ids)]


async def read_mapping(context: Context, row_id: UUID) -> MappingRecord:
    async with context.reading() as connection:
        record = await mappings.get(connection, context.tenant_id, row_id)
    if record is None:
        raise ids.not_found("GroupMapping")
    return record
