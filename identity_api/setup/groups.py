"""Map groups of a set-up's provider: whole names, at this provider alone, to permissions that the link may give."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from identity_api.claims import MatchKind
from identity_api.db import mappings, permissions
from identity_api.db.mappings import MappingRecord
from identity_api.db.permissions import PermissionRecord
from identity_api.errors import BadInput, NotFound, Refused
from identity_api.group_mappings.edit import Deletion, make, preview
from identity_api.group_mappings.impact import Effect
from identity_api.group_mappings.rules import Rule
from identity_api.setup.links import Setup
from identity_api.setup.provider import SetupDeps


class Mapped(msgspec.Struct, frozen=True):
    """What can be given, and what groups of the provider are given now."""

    offered: list[PermissionRecord]
    mappings: list[MappingRecord]


class Given(msgspec.Struct, frozen=True):
    """A group, and the names of the permissions that its members shall have."""

    group: str
    permissions: tuple[str, ...]


async def mapped(deps: SetupDeps, setup: Setup) -> Mapped:
    """What the step shows. Mappings for every provider are not among them."""
    async with deps.database.reading() as connection:
        found = await permissions.by_names(connection, setup.tenant.id, setup.actor.permissions)
        own = await mappings.of_provider(connection, setup.tenant.id, setup.link.provider_id)
    return Mapped(sorted(found.values(), key=lambda one: one.name), own)


async def preview_mapping(deps: SetupDeps, setup: Setup, given: Given) -> Effect:
    """Whom the mapping would affect now. Raises as `add_mapping`."""
    return await preview(deps.database, setup.actor, await _rule(deps, setup, given))


async def add_mapping(deps: SetupDeps, setup: Setup, given: Given) -> None:
    """Give members of a group of this provider these permissions.

    Raises:
        BadInput: no group, or no permission, is named.
        Refused: `FORBIDDEN`: a permission that the link may not give; `SETUP_STEP_MISSING`.
        Conflict: `MAPPING_EXISTS`, `LIMIT_REACHED`.
    """
    await make(deps.database, setup.actor, await _rule(deps, setup, given))


async def remove_mapping(deps: SetupDeps, setup: Setup, mapping_id: UUID) -> None:
    """Delete a mapping of this provider.

    Raises:
        NotFound: there is none; it is another provider's.
        Refused: `FORBIDDEN`: it gives a permission that the link may not give or take; `SETUP_PROVIDER_ENABLED`.
    """
    _check_not_enabled(setup)
    async with deps.database.reading() as connection:
        found = await mappings.get(connection, setup.tenant.id, mapping_id)
    if found is None or found.provider_id != setup.link.provider_id:
        raise NotFound("There is no such mapping at this provider.")
    await make(deps.database, setup.actor, Deletion(mapping_id, found.version))


async def _rule(deps: SetupDeps, setup: Setup, given: Given) -> Rule:
    _check_not_enabled(setup)
    if not given.group:
        raise BadInput("Enter the name of a group.", field="group")
    if not given.permissions:
        raise BadInput("Choose a permission.", field="permissions")
    ids = await _ids(deps, setup, given.permissions)
    return Rule(setup.link.provider_id, given.group, MatchKind.EXACT, ids)


async def _ids(deps: SetupDeps, setup: Setup, names: Sequence[str]) -> tuple[UUID, ...]:
    """Of the named permissions. One that the link may not give is refused like one that does not exist."""
    beyond = sorted(set(names) - setup.actor.permissions)
    if beyond:
        raise Refused(f"This link may not give {', '.join(beyond)}.")
    async with deps.database.reading() as connection:
        found = await permissions.by_names(connection, setup.tenant.id, names)
    return tuple([one.id for one in found.values()])


def _check_not_enabled(setup: Setup) -> None:
    if setup.provider is None:
        raise Refused("Enter the connection first.", code="SETUP_STEP_MISSING")
    if setup.provider.enabled:
        raise Refused("The provider is enabled. An admin can change it.", code="SETUP_PROVIDER_ENABLED")
