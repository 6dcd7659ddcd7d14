"""The changes that a set can have, as data: made from GraphQL, files and the record; `steps` applies them."""

from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from identity_api.claims import MatchKind
from identity_api.permissions.service import GRANTS_WRITE, MAPPINGS_WRITE, PERMISSIONS_WRITE

MAX_CHANGES: Final = 500
"""Of one set."""

Reference = UUID | str
"""A permission by its id or its name; by name also one that an earlier change of the set makes."""


class CreateMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A new mapping."""

    provider_id: UUID | None
    pattern: str
    match: MatchKind
    permissions: tuple[Reference, ...]
    enabled: bool = True


class UpdateMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A changed mapping; None and `UNSET` leave as it is. `provider_id` None is every provider."""

    mapping_id: UUID
    version: int
    provider_id: UUID | UnsetType | None = UNSET
    pattern: str | None = None
    match: MatchKind | None = None
    permissions: tuple[Reference, ...] | None = None
    enabled: bool | None = None


class DeleteMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A deleted mapping."""

    mapping_id: UUID
    version: int


MappingChange = CreateMapping | UpdateMapping | DeleteMapping


class CreatePermission(msgspec.Struct, frozen=True, kw_only=True):
    """A new permission of the tenant's own."""

    name: str
    description: str = ""
    delegable: bool = True


class UpdatePermission(msgspec.Struct, frozen=True, kw_only=True):
    """A changed permission; None leaves as it is."""

    permission: Reference
    description: str | None = None
    delegable: bool | None = None


class DeletePermission(msgspec.Struct, frozen=True, kw_only=True):
    """A deleted permission that nothing has used."""

    permission: Reference


class GrantPermission(msgspec.Struct, frozen=True, kw_only=True):
    """A permission given by hand."""

    user_id: UUID
    permission: Reference


class RevokePermission(msgspec.Struct, frozen=True, kw_only=True):
    """A permission given by hand, taken back."""

    user_id: UUID
    permission: Reference


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """The change that would undo an event of the record."""

    event_id: UUID


Change = MappingChange | CreatePermission | UpdatePermission | DeletePermission | GrantPermission | RevokePermission

RIGHTS: Final[dict[type[Any], str]] = {
    CreateMapping: MAPPINGS_WRITE,
    UpdateMapping: MAPPINGS_WRITE,
    DeleteMapping: MAPPINGS_WRITE,
    CreatePermission: PERMISSIONS_WRITE,
    UpdatePermission: PERMISSIONS_WRITE,
    DeletePermission: PERMISSIONS_WRITE,
    GrantPermission: GRANTS_WRITE,
    RevokePermission: GRANTS_WRITE,
}
"""The permission that each change needs, in a set and alone."""
