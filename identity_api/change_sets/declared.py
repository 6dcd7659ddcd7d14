"""The changes of a tenant's declaration, to look at before it is applied: `apply` itself makes them in its own order."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from identity_api.change_sets.changes import (
    Change,
    CreateMapping,
    CreatePermission,
    DeleteMapping,
    GrantPermission,
    UpdateMapping,
    UpdatePermission,
)
from identity_api.db import enrolment, mappings, permissions, providers
from identity_api.db.database import Connection
from identity_api.db.mappings import MappingRecord
from identity_api.group_mappings.declare import DeclaredMapping
from identity_api.permissions.service import SERVICE_PERMISSIONS


class Declared(msgspec.Struct, frozen=True):
    """The parts of a declaration that decide who holds what."""

    permissions: tuple[CreatePermission, ...] = ()
    mappings: tuple[DeclaredMapping, ...] = ()
    grants: Mapping[str, Sequence[str]] = {}
    """Permissions given by hand, by username."""


async def changes_to(connection: Connection, tenant_id: UUID, declared: Declared, *, prune: bool) -> list[Change]:
    """The changes that make the tenant what is declared. What goes comes first, so that the rest has room.

    Mappings of a provider that is not there yet, and users who are not, are left out: they concern nobody who is there.
    A mapping that GraphQL manages stays as it is.

    Args:
        prune: delete the mappings that a file made and that are left out.
    """
    places = {one.slug: one.id for one in await providers.of_tenant(connection, tenant_id)}
    stored = {_key(one): one for one in await mappings.page(connection, tenant_id, after=None, first=100_000)}
    wanted = {(one.provider or "", one.match.value, one.group): one for one in declared.mappings}
    gone: list[Change] = [
        DeleteMapping(mapping_id=one.id, version=one.version)
        for key, one in stored.items()
        if prune and key not in wanted and one.managed_by == "FILE"
    ]
    changed: list[Change] = [
        UpdateMapping(mapping_id=old.id, version=old.version, permissions=one.permissions, enabled=one.enabled)
        for key, one in wanted.items()
        if (old := stored.get(key)) is not None and old.managed_by == "FILE" and _differs(old, one)
    ]
    new: list[Change] = [
        CreateMapping(
            provider_id=places[one.provider] if one.provider else None,
            pattern=one.group,
            match=one.match,
            permissions=one.permissions,
            enabled=one.enabled,
        )
        for key, one in wanted.items()
        if key not in stored and (one.provider is None or one.provider in places)
    ]
    return [
        *gone,
        *await _permissions(connection, tenant_id, declared),
        *changed,
        *new,
        *await _grants(connection, tenant_id, declared),
    ]


async def _permissions(connection: Connection, tenant_id: UUID, declared: Declared) -> list[Change]:
    """The declared ones, and those that mappings name."""
    named = {name: CreatePermission(name=name) for one in declared.mappings for name in one.permissions}
    named |= {one.name: one for one in declared.permissions}
    there = await permissions.by_names(connection, tenant_id, named)
    new = [one for name, one in named.items() if name not in there and name not in SERVICE_PERMISSIONS]
    changed = [
        UpdatePermission(permission=one.name, description=one.description, delegable=one.delegable)
        for one in declared.permissions
        if (old := there.get(one.name)) is not None
        and (old.description, old.delegable) != (one.description, one.delegable)
    ]
    return [*new, *changed]


async def _grants(connection: Connection, tenant_id: UUID, declared: Declared) -> list[Change]:
    people = await enrolment.people(connection, tenant_id, list(declared.grants))
    return [
        GrantPermission(user_id=people[username].id, permission=name)
        for username, names in declared.grants.items()
        if username in people
        for name in dict.fromkeys(names)
        if name not in people[username].given_by_hand
    ]


def _key(row: MappingRecord) -> tuple[str, str, str]:
    return row.provider_slug or "", row.match, row.pattern


def _differs(row: MappingRecord, declared: DeclaredMapping) -> bool:
    return set(row.permissions) != set(declared.permissions) or row.enabled != declared.enabled
