"""Write the groups that a provider asserted completely, in the caller's transaction.

Only `COMPLETE` and `EMPTY` readings come here: unknown is never empty (I7).
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from identity_api.db import audit, groups
from identity_api.db.database import Connection
from identity_api.lifecycle.matching import match_new_groups


async def replace_groups(
    connection: Connection, tenant_id: UUID, provider_id: UUID, asserted: Mapping[UUID, Sequence[str]], *, actor: str
) -> frozenset[UUID]:
    """Make each identity's stored groups equal to those asserted; returns the identities whose groups changed.

    A group seen for the first time is matched against the tenant's mappings here, once. The caller holds
    `locks.share_mappings` and the users' locks.
    """
    changes = await groups.compare(connection, tenant_id, provider_id, asserted)
    if not changes:
        return frozenset()
    joined = {name for change in changes for name in change.joined}
    if joined:
        new = await groups.remember(connection, tenant_id, provider_id, joined)
        if new:
            await match_new_groups(connection, tenant_id, provider_id, new)
    await groups.move(connection, tenant_id, provider_id, changes)
    events = [
        audit.Event(
            "identity.groups_changed",
            "identity",
            change.identity_id,
            {"joined": len(change.joined), "left": len(change.left)},
        )
        for change in changes
    ]
    await audit.record(connection, tenant_id, actor, events)
    return frozenset([change.identity_id for change in changes])
