"""Dependencies of the administration of providers, and the steps that its changes share."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from identity_api.db import audit, provider_changes, tenants
from identity_api.db.database import Connection, Database
from identity_api.db.providers import Provider
from identity_api.errors import Conflict, NotFound, Refused
from identity_api.permissions.delegation import Actor
from identity_api.providers.checks import Bounds
from identity_api.providers.provider_row import Defaults, Owner
from identity_api.relying_party.connection import Documents
from identity_api.upstream.addresses import AllowList
from identity_api.vault import Vault


class ProviderDeps(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the process that the administration of providers uses."""

    database: Database
    vault: Vault
    documents: Documents
    allow: AllowList
    defaults: Defaults
    bounds: Bounds = Bounds()


def unknown() -> NotFound:
    """The error for an id that is not a provider of the tenant."""
    return NotFound("There is no such provider.")


async def load(
    connection: Connection,
    actor: Actor,
    provider_id: UUID,
    *,
    expected_version: int | None = None,
    to_delete: bool = False,
) -> Provider:
    """The provider, locked, if it may be changed here.

    Raises:
        NotFound: the tenant has no such provider.
        Refused: `MANAGED_BY_FILE`.
        Conflict: it is no longer at `expected_version`.
    """
    found = await provider_changes.locked(connection, actor.tenant_id, provider_id, to_delete=to_delete)
    if found is None:
        raise unknown()
    if found.managed_by == "FILE":
        raise Refused("This provider is managed by a file; change it there.", code="MANAGED_BY_FILE")
    check_seen_version(found, expected_version)
    return found


def check_seen_version(found: Provider, expected: int | None) -> None:
    """Check that the provider is as the actor has seen it; None expects nothing.

    Raises:
        Conflict: it is at another version.
    """
    if expected not in (None, found.version):
        message = f"The provider is now at version {found.version}; read it again."
        raise Conflict(message, current_version=found.version)


async def owner_of(connection: Connection, actor: Actor) -> Owner:
    """The actor's tenant, with its hosts.

    Raises:
        NotFound: it has been deleted.
    """
    tenant = await tenants.get(connection, actor.tenant_id)
    if tenant is None:
        raise NotFound("There is no such tenant.")
    return Owner(tenant.id, tenant.slug, await tenants.hosts(connection, tenant.id))


async def record(
    connection: Connection,
    actor: Actor,
    verb: str,
    provider_id: UUID,
    payload: Mapping[str, Any],
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    """The audit event, with the settings of a declaration before and after; none of them is a secret."""
    event = audit.Event(f"provider.{verb}", "provider", provider_id, payload, old=old, new=new)
    await audit.record(connection, actor.tenant_id, actor.name, [event])
