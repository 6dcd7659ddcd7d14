"""Why a user has a permission, and what is missing if they do not have it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, get_args

import msgspec
import strawberry

from identity_api.accounts.explain import ExplainedGrant as Explained
from identity_api.accounts.explain import Explanation, Missing, explain
from identity_api.accounts.explain import UntakenWay as Untaken
from identity_api.db.ways_to import Way
from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import resolved
from identity_api.graphql.permissions.grants import DormantCause, GrantReason, GrantReasonRow
from identity_api.graphql.summaries import (
    GroupSummary,
    GroupSummaryRow,
    PermissionReference,
    PermissionReferenceRow,
    ProviderSummary,
    ProviderSummaryRow,
    UserSummary,
    mapping_id,
)
from identity_api.graphql.users.users import Snapshot, UserRow


@enum_type(
    "What keeps a mapping from giving a user a permission, the nearest to success first.",
    {
        "GRANT_DORMANT": "The mapping has given the permission, but the grant is dormant; `grants` has the cause.",
        "GRANT_NOT_WRITTEN": "The user is in a matching group, but there is no grant: the provider's sync mode "
        "or an admin keeps it closed.",
        "GROUP_NOT_SENT": "The provider names no group of the user that the mapping matches.",
        "MAPPING_DISABLED": "The mapping is disabled.",
        "NO_IDENTITY": "The user has no identity at the mapping's provider.",
    },
)
class MissingForPermission(StrEnum):
    """Of `accounts.explain`."""

    GRANT_DORMANT = "GRANT_DORMANT"
    GRANT_NOT_WRITTEN = "GRANT_NOT_WRITTEN"
    GROUP_NOT_SENT = "GROUP_NOT_SENT"
    MAPPING_DISABLED = "MAPPING_DISABLED"
    NO_IDENTITY = "NO_IDENTITY"


assert {one.value for one in MissingForPermission} == set(get_args(Missing))


@object_type(description="A mapping that gives the permission, as it is now.")
class GivingMapping:
    """Of an explanation."""

    id: strawberry.ID = strawberry.field(description="The id of the mapping, for `groupMapping(id)`.")
    provider: ProviderSummary | None = strawberry.field(
        description="The provider whose groups it matches; null if it matches those of every provider."
    )
    pattern: str = strawberry.field(description="The group's name, or a pattern of names.")
    enabled: bool = strawberry.field(description="Whether the mapping gives its permissions.")
    version: int = strawberry.field(description="Raised by each edit; an edit has to name it.")


@object_type(description="One grant of the permission, and whether it is in force.")
class ExplainedGrant:
    """Of an explanation."""

    in_force: bool = strawberry.field(description="Whether the grant counts now.")
    cause: DormantCause | None = strawberry.field(description="Why it is not in force; null if it is.")
    valid_until: datetime | None = strawberry.field(
        description="When its lease ends unless the provider confirms the groups again; null for a grant by hand."
    )
    reason: GrantReason = strawberry.field(description="Where the grant comes from, since when, and who gave it.")
    mapping: GivingMapping | None = strawberry.field(
        description="The mapping as it is now; null for a grant by hand, and if the mapping no longer gives the "
        "permission. Needs `identity:mappings:read`."
    )


@object_type(description="A mapping that would give the permission, and what is missing for it.")
class UntakenWay:
    """Of an explanation."""

    mapping: GivingMapping = strawberry.field(description="The mapping that would give the permission.")
    missing: MissingForPermission = strawberry.field(description="What keeps it from giving the permission.")
    group: GroupSummary | None = strawberry.field(
        description="A group of the user that the mapping matches; null if there is none."
    )


@object_type(description="Why a user has a permission now, or does not.")
class PermissionExplanation:
    """At the moment of reading."""

    user: UserSummary = strawberry.field(description="The user.")
    permission: PermissionReference = strawberry.field(description="The permission.")
    held: bool = strawberry.field(description="Whether the permission is in force now.")
    at: datetime = strawberry.field(description="The moment that this answer describes.")
    grants: list[ExplainedGrant] = strawberry.field(
        description="Every open grant of the permission, in force or dormant."
    )
    untaken_ways: list[UntakenWay] | None = strawberry.field(
        description="Mappings that would give the permission but do not, the nearest to success first, at most 50. It "
        "needs `identity:mappings:read`."
    )


class GivingMappingRow(msgspec.Struct, frozen=True):
    """The row behind `GivingMapping`."""

    way: Way
    provider: ProviderSummaryRow | None

    @property
    def id(self) -> str:
        """The global id."""
        return mapping_id(self.way.mapping_id)

    @property
    def pattern(self) -> str:
        """Of group names."""
        return self.way.pattern

    @property
    def enabled(self) -> bool:
        """The switch."""
        return self.way.enabled

    @property
    def version(self) -> int:
        """Of the last edit."""
        return self.way.version


class ExplainedGrantRow(msgspec.Struct, frozen=True):
    """The row behind `ExplainedGrant`."""

    explained: Explained
    reason: GrantReasonRow
    mapping: GivingMappingRow | None

    @property
    def in_force(self) -> bool:
        """Without a cause against it."""
        return self.explained.cause is None

    @property
    def cause(self) -> str | None:
        """A member of `DormantCause`."""
        return self.explained.cause

    @property
    def valid_until(self) -> datetime | None:
        """The lease."""
        return self.explained.valid_until


class UntakenWayRow(msgspec.Struct, frozen=True):
    """The row behind `UntakenWay`."""

    mapping: GivingMappingRow
    missing: str
    group: GroupSummaryRow | None


class PermissionExplanationRow(msgspec.Struct, frozen=True):
    """The row behind `PermissionExplanation`."""

    user: UserRow
    permission: PermissionReferenceRow
    held: bool
    at: datetime
    grants: list[ExplainedGrantRow]
    untaken_ways: list[UntakenWayRow]


def _row(found: Explanation) -> PermissionExplanationRow:
    snapshot = Snapshot(found.tenant, found.at)
    user = UserRow(found.user, snapshot)

    def mapping(way: Way) -> GivingMappingRow:
        return GivingMappingRow(way, snapshot.providers.get(str(way.provider_id)))

    def grant(one: Explained) -> ExplainedGrantRow:
        way = None if one.way is None else mapping(one.way)
        return ExplainedGrantRow(one, GrantReasonRow(one.fact, user), way)

    def untaken(one: Untaken) -> UntakenWayRow:
        return UntakenWayRow(mapping(one.way), one.missing, group(one.way))

    def group(way: Way) -> GroupSummaryRow | None:
        provider = snapshot.providers.get(str(way.group_provider_id))
        if way.group is None or provider is None:
            return None
        return GroupSummaryRow(str(way.group_id), way.group, provider)

    return PermissionExplanationRow(
        user,
        PermissionReferenceRow(found.permission.id, found.permission.name),
        found.is_held,
        found.at,
        [grant(one) for one in found.grants],
        [untaken(one) for one in found.untaken],
    )


@object_type("Query")
class ExplanationQueries:
    """Root fields that say why."""

    @resolved(PermissionExplanation | None, "Why a user has a permission now, or what is missing for it.")
    async def explain_permission(
        self,
        info: Info,
        user: Annotated[strawberry.ID, strawberry.argument(description="The id of the user.")],
        permission: Annotated[strawberry.ID, strawberry.argument(description="The id of the permission.")],
    ) -> PermissionExplanationRow:
        """Three statements."""
        context = info.context
        user_id, permission_id = ids.row_id(user, "User"), ids.row_id(permission, "Permission")
        async with context.reading() as connection:
            return _row(await explain(connection, context.tenant_id, user_id, permission_id))
