"""Why a user has a permission, and why an open grant of it may not be in force (I1)."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, get_args

import msgspec
import strawberry

from identity_api.graphql.access import object_type
from identity_api.graphql.context import Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import resolved
from identity_api.graphql.summaries import (
    GroupSummary,
    MappingReference,
    MappingReferenceRow,
    PermissionReference,
    PermissionReferenceRow,
    ProviderSummary,
    ProviderSummaryRow,
    group_id,
)
from identity_api.graphql.users.identities import Identity, IdentityRow
from identity_api.permissions.effective import Cause, DormantGrant, shown
from identity_api.permissions.grant_snapshot import BriefGrant, BriefSnapshot, HeldPermission, whole


@enum_type(
    "Where a grant comes from.",
    {
        "MANUAL": "An admin or an operator gave the permission by hand.",
        "GROUP": "A group mapping gave the permission because of a group.",
    },
)
class GrantSource(StrEnum):
    """By hand, or by a group that a mapping matches."""

    MANUAL = "MANUAL"
    GROUP = "GROUP"


@enum_type(
    "Why an open grant has no effect now. When the cause goes away, the grant is in force again.",
    {
        "USER_DISABLED": "The user is disabled.",
        "NO_WAY_IN": "The grant was given by hand, and the user has neither a password nor an identity to sign in "
        "with.",
        "IDENTITY_REVOKED": "The login of the identity has ended.",
        "IDENTITY_QUARANTINED": "The provider's claims for this identity are now about another person.",
        "PROVIDER_DISABLED": "The provider is disabled.",
        "LEASE_OVER": "The provider has not confirmed the groups in time.",
        "MAPPING_CHANGED": "The mapping no longer gives the permission; the grant is closed soon.",
    },
)
class DormantCause(StrEnum):
    """The causes of `permissions.effective`."""

    USER_DISABLED = "USER_DISABLED"
    NO_WAY_IN = "NO_WAY_IN"
    IDENTITY_REVOKED = "IDENTITY_REVOKED"
    IDENTITY_QUARANTINED = "IDENTITY_QUARANTINED"
    PROVIDER_DISABLED = "PROVIDER_DISABLED"
    LEASE_OVER = "LEASE_OVER"
    MAPPING_CHANGED = "MAPPING_CHANGED"


assert {cause.value for cause in DormantCause} == set(get_args(Cause))


@object_type(description="One grant, and where it comes from.")
class GrantReason:
    """All of it is facts; whether it has force is said by where it stands."""

    source: GrantSource = strawberry.field(description="Whether it was given by hand or by a group.")
    granted_at: datetime = strawberry.field(description="When it was given.")
    granted_by: str = strawberry.field(
        description="Who gave it: `user:<id>`, `operator:<name>`, `sync` or `system`, as in the audit."
    )

    @resolved(str, "Who gave it, in words: a username, `operator:<name>` ...; as `grantedBy` if they are gone.")
    async def granted_by_name(self, info: Info) -> str:
        """One statement for all of a page."""
        source: Any = self  # what is resolved is the row
        return await info.context.actor_names.load(source.granted_by)

    provider: ProviderSummary | None = strawberry.field(
        description="The provider that asserted the group; null if it was given by hand."
    )
    mapping: MappingReference | None = strawberry.field(
        description="The mapping that gave it; null if it was given by hand."
    )
    group: GroupSummary | None = strawberry.field(
        description="The group that it was given for; null if it was given by hand."
    )
    identity: Identity | None = strawberry.field(
        description="The identity that is in the group; null if it was given by hand."
    )


async def _reference(info: Info, permission: Any) -> PermissionReferenceRow | None:
    """Of a row with a permission's name; None if it is being deleted."""
    found = await info.context.permissions_named.load(permission.name)
    return None if found is None else PermissionReferenceRow(found.id, found.name)


@object_type(description="A permission in force, with every grant that gives it.")
class EffectivePermission:
    """Of a user, at the moment of reading."""

    name: str = strawberry.field(description="The name of the permission, `noun:verb`.")

    @resolved(PermissionReference | None, "The permission with its id, for `explainPermission` and `holders`.")
    async def permission(self, info: Info) -> PermissionReferenceRow | None:
        """One statement for all of a page."""
        return await _reference(info, self)

    reasons: list[GrantReason] = strawberry.field(description="Every grant that gives it now.")


@object_type(description="A permission that was granted and is not in force now.")
class DormantPermission:
    """Of a user, at the moment of reading."""

    name: str = strawberry.field(description="The name of the permission, `noun:verb`.")

    @resolved(PermissionReference | None, "The permission with its id, for `explainPermission` and `holders`.")
    async def permission(self, info: Info) -> PermissionReferenceRow | None:
        """One statement for all of a page."""
        return await _reference(info, self)

    cause: DormantCause = strawberry.field(description="Why it is not in force.")
    reason: GrantReason = strawberry.field(description="The grant that is not in force.")


class Owner(Protocol):
    """The row of the user who has a grant."""

    @property
    def identities_by_id(self) -> dict[str, IdentityRow]:
        """Their identities."""


class GrantedGroupRow(msgspec.Struct, frozen=True, gc=False):
    """The row behind `GroupSummary`, for the group of a grant."""

    fact: BriefGrant
    owner: Owner

    @property
    def id(self) -> str:
        """The global id."""
        group = whole(self.fact).group_id
        assert group is not None  # the group has a name
        return group_id(group)

    @property
    def name(self) -> str:
        """As the provider asserted it."""
        assert self.fact.group is not None  # see `GrantReasonRow.group`
        return self.fact.group.name

    @property
    def provider(self) -> ProviderSummaryRow:
        """The identity's."""
        assert self.fact.identity_id is not None  # what has a group has an identity
        return self.owner.identities_by_id[self.fact.identity_id].provider


class GrantReasonRow(msgspec.Struct, frozen=True, gc=False):
    """The row behind `GrantReason`."""

    fact: BriefGrant
    owner: Owner

    @property
    def source(self) -> str:
        """A member of `GrantSource`."""
        return self.fact.source

    @property
    def granted_at(self) -> datetime:
        """When it was opened."""
        return datetime.fromisoformat(whole(self.fact).granted_at)

    @property
    def granted_by(self) -> str:
        """The actor."""
        return whole(self.fact).granted_by

    @property
    def identity(self) -> IdentityRow | None:
        """Which is in the group."""
        return self.owner.identities_by_id[self.fact.identity_id] if self.fact.identity_id is not None else None

    @property
    def provider(self) -> ProviderSummaryRow | None:
        """The identity's."""
        identity = self.identity
        return identity.provider if identity is not None else None

    @property
    def mapping(self) -> MappingReferenceRow | None:
        """What gave it."""
        mapping_id = whole(self.fact).mapping_id
        return MappingReferenceRow(mapping_id) if mapping_id is not None else None

    @property
    def group(self) -> GrantedGroupRow | None:
        """What it was given for."""
        return GrantedGroupRow(self.fact, self.owner) if self.fact.group is not None else None


class EffectivePermissionRow(msgspec.Struct, frozen=True, gc=False):
    """The row behind `EffectivePermission`."""

    effective: HeldPermission
    owner: Owner

    @property
    def name(self) -> str:
        """`noun:verb`."""
        return self.effective.name

    @property
    def reasons(self) -> list[GrantReasonRow]:
        """All grants in force."""
        owner = self.owner
        return [GrantReasonRow(fact, owner) for fact in self.effective.reasons]


def shown_permissions(row: Any) -> msgspec.Raw | None:
    """The permissions of a `UserRow` as JSON, if they were written with the user's facts and all of them are in force."""
    facts, now = row.record.facts, row.snapshot
    return shown(facts, row.record.circumstances, now.tenant, now.at) if isinstance(facts, BriefSnapshot) else None


class DormantPermissionRow(msgspec.Struct, frozen=True, gc=False):
    """The row behind `DormantPermission`."""

    dormant: DormantGrant
    owner: Owner

    @property
    def name(self) -> str:
        """`noun:verb`."""
        return self.dormant.grant.permission

    @property
    def cause(self) -> str:
        """A member of `DormantCause`."""
        return self.dormant.cause

    @property
    def reason(self) -> GrantReasonRow:
        """The grant."""
        return GrantReasonRow(self.dormant.grant, self.owner)
