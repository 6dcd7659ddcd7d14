"""The part of an object that is shown beside another: its id and names, which the same statement has read."""

from typing import Any
from uuid import UUID

import msgspec
import strawberry

from identity_api.graphql.access import object_type
from identity_api.graphql.ids import encoder
from identity_api.lazy import lazy

user_id = encoder("User")
provider_id = encoder("Provider")
group_id = encoder("Group")
mapping_id = encoder("GroupMapping")
permission_id = encoder("Permission")


class Row(msgspec.Struct, frozen=True, dict=True, eq=False):
    """A record of `db` as the schema shows it: attributes that a subclass does not define are read from the record.

    Everything is an attribute, computed when it is read and without effects, so that compiled completion may read it.
    """

    record: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)


@object_type(description="A user's names. `node(id)` has the rest.")
class UserSummary:
    """Of a user."""

    id: strawberry.ID = strawberry.field(description="The id of the user.")
    username: str = strawberry.field(description="The username.")
    display_label: str = strawberry.field(description="The name shown to people.")


@object_type(description="A provider's names. `node(id)` has the rest.")
class ProviderSummary:
    """Of a provider."""

    id: strawberry.ID = strawberry.field(description="The id of the provider.")
    slug: str = strawberry.field(description="The provider's name in addresses.")
    label: str = strawberry.field(description="The provider's name on the login page.")


@object_type(description="A group and where it was seen. `node(id)` has the rest.")
class GroupSummary:
    """Of a group."""

    id: strawberry.ID = strawberry.field(description="The id of the group.")
    name: str = strawberry.field(description="The group as the provider asserted it.")
    provider: ProviderSummary = strawberry.field(description="The provider that asserted the group.")


@object_type(description="A group mapping's id, for `groupMapping(id)`.")
class MappingReference:
    """Of a group mapping."""

    id: strawberry.ID = strawberry.field(description="The id of the group mapping.")


@object_type(description="A permission's name. `node(id)` has the rest.")
class PermissionReference:
    """Of a permission."""

    id: strawberry.ID = strawberry.field(description="The id of the permission.")
    name: str = strawberry.field(description="The name of the permission, `noun:verb`.")


class UserSummaryRow(msgspec.Struct, frozen=True, gc=False):
    """The row behind `UserSummary`; `UserRow` serves as well."""

    row_id: UUID
    username: str
    display_label: str

    @property
    def id(self) -> str:
        """The global id."""
        return user_id(self.row_id)


class ProviderSummaryRow(msgspec.Struct, frozen=True, dict=True):
    """The row behind `ProviderSummary`. One serves every object of a page."""

    row_id: UUID | str
    slug: str
    label: str

    @lazy
    def id(self) -> str:
        """The global id."""
        return provider_id(self.row_id)


class GroupSummaryRow(msgspec.Struct, frozen=True, gc=False):
    """The row behind `GroupSummary`."""

    row_id: str
    name: str
    provider: ProviderSummaryRow

    @property
    def id(self) -> str:
        """The global id."""
        return group_id(self.row_id)


class MappingReferenceRow(msgspec.Struct, frozen=True, gc=False):
    """The row behind `MappingReference`."""

    row_id: str

    @property
    def id(self) -> str:
        """The global id."""
        return mapping_id(self.row_id)


class PermissionReferenceRow(msgspec.Struct, frozen=True, gc=False):
    """The row behind `PermissionReference`."""

    row_id: UUID
    name: str

    @property
    def id(self) -> str:
        """The global id."""
        return permission_id(self.row_id)


def provider_summary(row_id: UUID | None, slug: str | None, label: str | None) -> ProviderSummaryRow | None:
    """From columns of an outer join: None if it found no provider."""
    if row_id is None or slug is None or label is None:
        return None
    return ProviderSummaryRow(row_id, slug, label)
