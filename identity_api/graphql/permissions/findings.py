"""What an admin of mappings should look at: `group_mappings.findings`, as the schema shows it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import strawberry

from identity_api.graphql.access import ACCESS, object_type
from identity_api.graphql.context import Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import resolved
from identity_api.graphql.summaries import (
    GroupSummary,
    GroupSummaryRow,
    MappingReference,
    MappingReferenceRow,
    PermissionReference,
    PermissionReferenceRow,
    ProviderSummary,
    ProviderSummaryRow,
    Row,
)
from identity_api.group_mappings.findings import MAX_AGE_SECONDS, MAX_OF_A_KIND, Finding, FindingKind

enum_type(
    "What kind of finding it is.",
    {
        "NOBODY_ADMINISTERS": "Permissions that administer the tenant were given to somebody, and nobody holds them in force.",
        "GROUP_LIKELY_RENAMED": "A mapped group lost all its members, and most of them appeared in a new group of the same "
        "provider.",
        "MAPPING_REACHES_NOBODY": "A mapping matches groups, but none of them has a member now.",
        "MAPPING_NEVER_MATCHED": "A mapping has matched no group so far.",
        "GROUPS_NEVER_READ": "A provider has mappings, but no groups of anybody have been read from it.",
        "PERMISSION_REACHES_NOBODY": "A permission that no mapping gives to anybody and that nobody was given by hand.",
        "GROUP_WITHOUT_MAPPING": "A group with members that no mapping matches.",
    },
    name="AccessFindingKind",
)(FindingKind)
_ABOUT_GROUPS = frozenset((FindingKind.GROUP_LIKELY_RENAMED, FindingKind.GROUP_WITHOUT_MAPPING))


@object_type(description="One thing that a mapping admin should look at.")
class AccessFinding:
    """In words, and what it is about."""

    kind: FindingKind = strawberry.field(description="What kind of finding it is.")
    message: str = strawberry.field(description="What was found, as a sentence for people.")
    remedy: str = strawberry.field(description="What to do about it, as a sentence for people.")
    is_certain: bool = strawberry.field(
        description="False if it may be wrong because the groups of some people could not be read."
    )
    since: datetime | None = strawberry.field(
        description="When the last member left, or when the group was first seen; null if it is not known."
    )
    provider: ProviderSummary | None = strawberry.field(
        description="The provider that it is about; null if it is about every provider."
    )
    mappings: list[MappingReference] = strawberry.field(description="The mappings that it is about.")
    group: GroupSummary | None = strawberry.field(
        description="The group that it is about, or the old one of a renamed group. Null if it is about no group."
    )
    new_group: GroupSummary | None = strawberry.field(
        description="What a renamed group is probably called now; null otherwise."
    )
    people_in_common: int | None = strawberry.field(
        description="How many people left the old group and are in the new one; null if no group was renamed."
    )
    permission: PermissionReference | None = strawberry.field(
        description="The permission that it is about; null if it is about no permission."
    )


@object_type(description="What a mapping admin should look at, the most urgent first.")
class AccessFindings:
    """Of a tenant."""

    computed_at: datetime = strawberry.field(
        description=f"When they were computed; each process does it at most once in {MAX_AGE_SECONDS:.0f} seconds."
    )
    findings: list[AccessFinding] = strawberry.field(
        description=f"The findings, at most {MAX_OF_A_KIND} of each kind. Those about groups need `identity:groups:read` as well."
    )
    has_more: bool = strawberry.field(description="Whether there are more findings of some kind than are shown.")


class AccessFindingRow(Row, frozen=True):
    """The row behind `AccessFinding`; the record is a `group_mappings.findings.Finding`."""

    @property
    def provider(self) -> ProviderSummaryRow | None:
        """Where it is."""
        found = self.record.provider
        return None if found is None else ProviderSummaryRow(found.id, found.slug, found.label)

    @property
    def is_certain(self) -> bool:
        """Whether everybody's groups could be read."""
        finding: Finding = self.record
        return finding.is_certain

    @property
    def group(self) -> GroupSummaryRow | None:
        """What it is about."""
        finding: Finding = self.record
        return self._group(finding.group_id, finding.group)

    @property
    def new_group(self) -> GroupSummaryRow | None:
        """Its likely new name."""
        finding: Finding = self.record
        return self._group(finding.new_group_id, finding.new_group)

    def _group(self, row_id: UUID | None, name: str | None) -> GroupSummaryRow | None:
        provider = self.provider
        if row_id is None or name is None or provider is None:
            return None
        return GroupSummaryRow(str(row_id), name, provider)

    @property
    def people_in_common(self) -> int | None:
        """Of a likely rename."""
        finding: Finding = self.record
        return finding.people_in_common

    @property
    def mappings(self) -> list[MappingReferenceRow]:
        """What it is about."""
        return [MappingReferenceRow(str(one)) for one in self.record.mapping_ids]

    @property
    def permission(self) -> PermissionReferenceRow | None:
        """What it is about."""
        record: Finding = self.record
        if record.permission_id is None or record.permission is None:
            return None
        return PermissionReferenceRow(record.permission_id, record.permission)


class AccessFindingsRow(msgspec.Struct, frozen=True):
    """The row behind `AccessFindings`."""

    computed_at: datetime
    findings: list[AccessFindingRow]
    has_more: bool


@object_type("Query")
class FindingQueries:
    """Root fields about what to look at."""

    @resolved(
        AccessFindings | None,
        "Mappings that reach nobody, groups that no mapping matches, permissions that nobody can get, and groups that were "
        "probably renamed at their provider; each with what to do.",
    )
    async def access_findings(self, info: Info) -> AccessFindingsRow:
        """Remembered for a moment."""
        context: Any = info.context
        async with context.turn:
            found = await context.deps.access_findings.of(context.tenant_id)
        may_read_groups = ACCESS["Query.groups"].allows(context.permissions)
        told = [one for one in found.findings if may_read_groups or one.kind not in _ABOUT_GROUPS]
        return AccessFindingsRow(found.computed_at, [AccessFindingRow(one) for one in told], found.has_more)
