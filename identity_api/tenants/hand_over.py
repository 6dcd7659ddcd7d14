"""Change who manages a tenant's providers and mappings: the operator's file, or its admins through GraphQL.

Only a file can change what a file made, until the operator hands it over; after that, files leave it unchanged.
"""

from collections.abc import Collection
from typing import Literal
from uuid import UUID

import msgspec

from identity_api.db import audit, hand_over, locks
from identity_api.db.database import Database
from identity_api.errors import NotFound
from identity_api.permissions.delegation import Actor

Manager = Literal["FILE", "API"]


class HandedOver(msgspec.Struct, frozen=True):
    """A provider or mapping whose manager has changed."""

    kind: Literal["provider", "mapping"]
    id: UUID
    name: str


async def hand_over_to(
    database: Database,
    actor: Actor,
    manager: Manager,
    *,
    providers: Collection[str] | None = None,
    groups: Collection[str] | None = None,
    dry_run: bool = False,
) -> list[HandedOver]:
    """Make `manager` the manager of these; returns those that had the other manager.

    Without names, a file takes back only what was handed over before: mappings that admins made in GraphQL must be
    named, since the next `apply --prune` would delete them.

    Args:
        database: where.
        actor: the operator, in the tenant.
        manager: from now on.
        providers: slugs; None for all.
        groups: patterns of mappings; None for all.
        dry_run: return them, and change nothing.

    Raises:
        NotFound: naming a provider or mapping that does not exist.
    """
    async with database.transaction(is_trial=dry_run) as connection:
        await locks.edit_mappings(connection, actor.tenant_id)
        for kind, names in (("provider", providers), ("mapping", groups)):
            there = await hand_over.names(connection, actor.tenant_id, kind)
            if missing := sorted(set(names or ()) - there):
                raise NotFound(f"There is no {kind} {missing[0]}.")
        found = [
            HandedOver("provider", row_id, name)
            for row_id, name in await hand_over.providers(connection, actor.tenant_id, manager, providers)
        ]
        found += [
            HandedOver("mapping", row_id, name)
            for row_id, name in await hand_over.mappings(connection, actor.tenant_id, manager, groups)
        ]
        events = [audit.Event(f"{one.kind}.handed_over", one.kind, one.id, {"to": manager}) for one in found]
        await audit.record(connection, actor.tenant_id, actor.name, events)
    return found
