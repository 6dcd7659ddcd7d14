"""Past grants: what somebody had been given, and when."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import strawberry

from identity_api.db import past_grants, user_state
from identity_api.errors import BadInput
from identity_api.graphql import connections, ids
from identity_api.graphql.access import object_type
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import resolved
from identity_api.graphql.moments import aware
from identity_api.graphql.permissions.grants import GrantSource
from identity_api.graphql.summaries import (
    GroupSummary,
    GroupSummaryRow,
    PermissionReference,
    PermissionReferenceRow,
    Row,
    UserSummary,
    UserSummaryRow,
    mapping_id,
    provider_summary,
)


@enum_type(
    "Why a grant was closed.",
    {
        "ADMIN": "Somebody took it, unlinked the identity, or erased the user.",
        "GROUP_LEFT": "The provider no longer names the user in the group.",
        "MAPPING_CHANGED": "The mapping no longer gives the permission.",
        "MODE_NONE": "The provider no longer gives permissions by groups.",
        "STRICT_PROVIDER": "It was given by hand to somebody to whom groups alone give permissions.",
    },
)
class GrantEndReason(StrEnum):
    """As grants store it."""

    ADMIN = "ADMIN"
    GROUP_LEFT = "GROUP_LEFT"
    MAPPING_CHANGED = "MAPPING_CHANGED"
    MODE_NONE = "MODE_NONE"
    STRICT_PROVIDER = "STRICT_PROVIDER"


@object_type(
    description="A grant as it was given, and how it ended if it has. It does not say whether its lease had ended."
)
class PastGrant:
    """Of the history of grants."""

    id: strawberry.ID = strawberry.field(description="The id of the grant in the audit. `node(id)` does not know it.")
    user: UserSummary = strawberry.field(description="The user who had it, by their present names.")
    permission: PermissionReference = strawberry.field(description="The permission that was given.")
    source: GrantSource = strawberry.field(description="Whether it was given by hand or by a group.")
    mapping_id: strawberry.ID | None = strawberry.field(
        description="The id of the mapping that gave it, which may be gone. Null if it was given by hand."
    )
    pattern: str | None = strawberry.field(
        description="That mapping's present pattern, or its last one if it is gone. Null if the grant was given by "
        "hand."
    )
    group: GroupSummary | None = strawberry.field(
        description="The group that it was given for; null if it was given by hand, and if its provider is gone."
    )
    granted_at: datetime = strawberry.field(description="When it was given.")
    granted_by: str = strawberry.field(description="Who gave it, as in the audit.")

    @resolved(str, "Who gave it, in words: a username, `operator:<name>` ...; as `grantedBy` if they are gone.")
    async def granted_by_name(self, info: Info) -> str:
        """One statement for all of a page."""
        source: Any = self  # what is resolved is the row
        return await info.context.actor_names.load(source.granted_by)

    revoked_at: datetime | None = strawberry.field(description="When it was closed; null if it is open.")
    revoked_by: str | None = strawberry.field(description="Who closed it, as in the audit; null if it is open.")

    @resolved(str | None, "Who closed it, in words; as `revokedBy` if they are gone.")
    async def revoked_by_name(self, info: Info) -> str | None:
        """Of the same statement."""
        source: Any = self
        return None if source.revoked_by is None else await info.context.actor_names.load(source.revoked_by)

    revoked_reason: GrantEndReason | None = strawberry.field(description="Why it was closed; null if it is open.")


class PastGrantRow(Row, frozen=True):
    """The row behind `PastGrant`; the record is a `db.past_grants.PastGrant`."""

    @property
    def id(self) -> str:
        """Of the grant."""
        return str(self.record.id)

    @property
    def user(self) -> UserSummaryRow:
        """To whom."""
        return UserSummaryRow(self.record.user_id, self.record.username, self.record.display_label)

    @property
    def permission(self) -> PermissionReferenceRow:
        """What."""
        return PermissionReferenceRow(self.record.permission_id, self.record.permission)

    @property
    def mapping_id(self) -> str | None:
        """The global id."""
        return None if self.record.mapping_id is None else mapping_id(self.record.mapping_id)

    @property
    def group(self) -> GroupSummaryRow | None:
        """With its provider."""
        one = self.record
        provider = provider_summary(one.provider_id, one.provider, one.provider_label)
        return (
            None
            if provider is None or one.group_id is None
            else GroupSummaryRow(str(one.group_id), one.group, provider)
        )

    @property
    def revoked_reason(self) -> GrantEndReason | None:
        """As a value of the enum."""
        return None if self.record.revoked_reason is None else GrantEndReason(self.record.revoked_reason)


def _position(row: PastGrantRow) -> UUID:
    found: UUID = row.record.id
    return found


@object_type("Query")
class PastGrantQueries:
    """Root fields about the history of grants."""

    @resolved(list[PastGrant] | None, "What a user had been given at a moment, the latest first; at most 1,000 grants.")
    async def access_at(
        self,
        info: Info,
        user: Annotated[strawberry.ID, strawberry.argument(description="The id of the user.")],
        at: Annotated[datetime, strawberry.argument(description="The moment, with its offset from UTC.")],
    ) -> list[PastGrantRow]:
        """One statement, and one more for nobody."""
        context, user_id, moment = info.context, ids.row_id(user, "User"), aware(at, "at")
        async with context.reading() as connection:
            found = await past_grants.of_user(connection, context.tenant_id, user_id, moment)
            if not found and not await user_state.has_existed(connection, context.tenant_id, user_id):
                raise ids.not_found("User")
        return [PastGrantRow(one) for one in found]

    @resolved(
        Connection[PastGrant] | None,
        "Grants of a permission that were open at any time from `since` to before `until`, the latest first.",
    )
    async def who_held(
        self,
        info: Info,
        permission: Annotated[strawberry.ID, strawberry.argument(description="The id of the permission.")],
        since: Annotated[
            datetime, strawberry.argument(description="The beginning of the time, with its offset from UTC.")
        ],
        until: Annotated[
            datetime,
            strawberry.argument(description="The end of the time, exclusive, with its offset from UTC."),
        ],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page."""
        context, page = info.context, connections.asked(first, after, last, before)
        row_id = ids.row_id(permission, "Permission")
        begin, end = aware(since, "since"), aware(until, "until")
        if begin >= end:
            raise BadInput("The time ends before it begins.", field="until")
        of = connections.listing(context, "whoHeld", _position, where=[row_id, begin, end])
        position = await connections.opened(context, of, page, UUID)
        async with context.reading() as connection:
            found = await past_grants.of_permission(
                connection,
                context.tenant_id,
                row_id,
                begin,
                end,
                after=position,
                first=page.size,
                backward=page.is_backward,
            )
            if not found:
                await ids.check_exists(connection, context.tenant_id, "Permission", row_id)
        return connections.paged(of, [PastGrantRow(one) for one in found], page)
