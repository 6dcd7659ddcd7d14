"""Write the groups that a provider asserted completely, in the caller's transaction.

Only `COMPLETE` and `EMPTY` readings come here: unknown is never empty (I7).
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from identity_api.config import TenantLimits
from identity_api.db import audit, groups, locks
from identity_api.db.database import Connection
from identity_api.db.groups import Membership
from identity_api.db.tenant_limits import count
from identity_api.lifecycle.mapping_matches import match_new_groups

NEAR: Final = 10_000
"""The distance to the limit from which only one login or sync at a time adds groups."""


async def changes_of(
    connection: Connection,
    tenant_id: UUID,
    provider_id: UUID,
    asserted: Mapping[UUID, Sequence[str]],
    limits: TenantLimits,
) -> tuple[list[Membership], frozenset[UUID]]:
    """The differences of each identity's stored groups from those asserted, and the identities whose groups are left out.

    Their groups would exceed the limit of groups that a provider may name over time (`max_provider_groups`).
    """
    changes = await groups.compare(connection, tenant_id, provider_id, asserted) if asserted else []
    joined = {name for change in changes for name in change.joined}
    new = await groups.unseen(connection, tenant_id, provider_id, joined) if joined else set()
    if not new:
        return changes, frozenset()
    room = limits.max_provider_groups - await count(connection, "max_provider_groups", tenant_id, provider_id)
    if room < len(new) + NEAR:  # others may be adding groups as well
        await locks.limit(connection, "max_provider_groups", tenant_id, provider_id)
        room = limits.max_provider_groups - await count(connection, "max_provider_groups", tenant_id, provider_id)
    if len(new) <= room:
        return changes, frozenset()
    beyond = frozenset([change.identity_id for change in changes if not new.isdisjoint(change.joined)])
    return [change for change in changes if change.identity_id not in beyond], beyond


async def write_changes(
    connection: Connection, tenant_id: UUID, provider_id: UUID, changes: Sequence[Membership]
) -> frozenset[UUID]:
    """Write what `changes_of` found, but for the audit; returns the identities whose groups changed.

    A group seen for the first time is matched against the tenant's mappings here, once. The caller holds
    `locks.share_mappings` and the users' locks.
    """
    if not changes:
        return frozenset()
    joined = {name for change in changes for name in change.joined}
    if joined:
        new = await groups.remember(connection, tenant_id, provider_id, joined)
        if new:
            await match_new_groups(connection, tenant_id, provider_id, new)
    await groups.move(connection, tenant_id, provider_id, changes)
    return frozenset([change.identity_id for change in changes])


def moved_event(change: Membership) -> audit.Event:
    """The audit event of an identity whose groups changed."""
    payload = {"joined": len(change.joined), "left": len(change.left)}
    return audit.Event("identity.groups_changed", "identity", change.identity_id, payload)
