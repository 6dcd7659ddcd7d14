"""Groups as providers assert them, and which mappings match them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import strawberry

from identity_api.claims.groups import MAX_GROUP_LENGTH
from identity_api.db import listings, mappings
from identity_api.db.database import Connection as DatabaseConnection
from identity_api.db.listings import GroupPosition, GroupRecord
from identity_api.errors import BadInput
from identity_api.graphql import connections, ids
from identity_api.graphql.access import ACCESS, NODES, object_type, require
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.permissions.mappings import GroupMapping, GroupMappingRow
from identity_api.graphql.summaries import ProviderSummary, ProviderSummaryRow, Row, group_id


@object_type(description="A group as a provider asserted it, exactly.")
class Group(Node):
    """Kept from when it was first seen, also while nobody is in it."""

    name: str = strawberry.field(description="The group as the provider asserted it, character by character.")
    provider: ProviderSummary = strawberry.field(description="The provider that asserted it.")
    first_seen_at: datetime = strawberry.field(description="When it was first seen.")
    mapped: bool = strawberry.field(description="Whether any mapping matches it, enabled or not.")
    mappings: list[GroupMapping] | None = strawberry.field(
        description="The mappings that match it, enabled or not. Needs `identity:mappings:read`."
    )

    @resolved(int, "How many identities are in it, as last asserted completely.")
    async def member_count(self, info: Info) -> int:
        """One statement for all groups of a page, and none where nobody asks: it goes through all members."""
        source: Any = self  # what is resolved is the row
        return await info.context.member_counts.load(source.record.id)

    is_type_of = is_row_of(lambda: GroupRow)


class GroupRow(Row, frozen=True):
    """The row behind `Group`; the record is a `GroupRecord`."""

    mappings: list[GroupMappingRow]

    @property
    def id(self) -> str:
        """The global id."""
        return group_id(self.record.id)

    @property
    def provider(self) -> ProviderSummaryRow:
        """Where it was seen."""
        return ProviderSummaryRow(self.record.provider_id, self.record.provider_slug, self.record.provider_label)

    @property
    def mapped(self) -> bool:
        """Whether anything matches it."""
        return bool(self.record.mapping_ids)


class _Where(msgspec.Struct, frozen=True):
    provider_id: UUID | None
    is_mapped: bool | None
    name_prefix: str | None


def _position(row: GroupRow) -> GroupPosition:
    return GroupPosition(row.record.provider_id, row.record.name)


@object_type("Query")
class GroupQueries:
    """Root fields about groups."""

    @resolved(
        Connection[Group] | None,
        "Groups seen at the tenant's providers, by provider and name; compared exactly.",
    )
    async def groups(
        self,
        info: Info,
        provider: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only groups of the provider with this id.")
        ] = None,
        mapped: Annotated[
            bool | None,
            strawberry.argument(description="True lists only groups that a mapping matches, false only the others."),
        ] = None,
        name_prefix: Annotated[
            str | None,
            strawberry.argument(description="Only groups whose name begins with this text, compared exactly."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page: one statement, and one more for the mappings that match anything on it."""
        context, page = info.context, connections.asked(first, after, last, before)
        if len(name_prefix or "") > MAX_GROUP_LENGTH:
            raise BadInput(f"A group's name has at most {MAX_GROUP_LENGTH} characters.", field="namePrefix")
        where = _Where(ids.row_id(provider, "Provider") if provider is not None else None, mapped, name_prefix)
        of = connections.listing(context, "groups", _position, where=where)
        position = await connections.opened(context, of, page, GroupPosition)
        async with context.reading() as connection:
            found = await listings.groups(
                connection,
                context.tenant_id,
                provider_id=where.provider_id,
                name_prefix=where.name_prefix,
                is_mapped=where.is_mapped,
                after=position,
                first=page.size,
                backward=page.is_backward,
            )
            if not found and where.provider_id is not None:
                await ids.check_exists(connection, context.tenant_id, "Provider", where.provider_id)
            rows = await _rows(connection, context, found)
        return connections.paged(of, rows, page)


async def _rows(connection: DatabaseConnection, context: Context, found: list[GroupRecord]) -> list[GroupRow]:
    wanted = {mapping_id for group in found for mapping_id in group.mapping_ids}
    if not wanted or not ACCESS["Group.mappings"].allows(context.permissions):
        return [GroupRow(group, []) for group in found]
    read = await mappings.by_ids(connection, context.tenant_id, wanted)
    rows = {record.id: GroupMappingRow(record) for record in read}
    return [GroupRow(group, [rows[one] for one in group.mapping_ids if one in rows]) for group in found]


async def load_group(context: Context, row_id: UUID) -> GroupRow:
    """The group, for users who may read groups.

    Raises:
        Refused, NotFound: the permission is missing; the tenant has no such row.
    """
    rows = await load_groups(context, [row_id])
    if not rows:
        raise ids.not_found("Group")
    return rows[0]


async def load_groups(context: Context, row_ids: Sequence[UUID]) -> list[GroupRow]:
    """Those of these groups that are this tenant's. Raises Refused: the permission is missing."""
    require(NODES["Group"], context)
    async with context.reading() as connection:
        found = await listings.groups(connection, context.tenant_id, group_ids=row_ids, first=len(row_ids))
        return await _rows(connection, context, found)
