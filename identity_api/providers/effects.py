"""What changed providers do to the people there, in words: for whoever applies a file, and before that in its dry run."""

from collections.abc import Collection

from identity_api.db import login_ends, ways_in
from identity_api.db.database import Connection
from identity_api.lifecycle.grants import NOTHING
from identity_api.permissions.service import ADMINISTERING
from identity_api.providers.change import ProviderChanged, ProviderChanges
from identity_api.providers.consequences import ends_logins, is_switched_off


async def effects_of(
    connection: Connection, changes: ProviderChanges, admin_rights: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """By the provider's slug; nothing of those that do nothing to anybody. In the transaction of the changes, after them.

    Args:
        admin_rights: permissions that administer the tenant, with a holder in force before the changes.
    """
    told = {one.after.slug: await _told(connection, changes, one) for one in changes.made}
    if not told:
        return {}
    tenant_id = changes.made[0].after.tenant_id
    gone = sorted(set(admin_rights) - await ways_in.held_in_force(connection, tenant_id, sorted(ADMINISTERING)))
    lost = (f"nobody holds {', '.join(gone)} in force any more",) if gone else ()
    return {slug: (*found, *lost) for slug, found in told.items()}


async def _told(connection: Connection, changes: ProviderChanges, changed: ProviderChanged) -> tuple[str, ...]:
    before, after = changed.before, changed.after
    if before is None:
        return ()
    told: list[str] = []
    if is_switched_off(before, after):
        left = await login_ends.count_without_other_way_in(connection, after.tenant_id, after.id)
        if left:
            told.append(f"{left:,} {'person has' if left == 1 else 'people have'} no other way in")
    if ends_logins(before, after):
        told.append("logins there end")
    decided = changes.decided.get(after.id, NOTHING)
    if decided.opened or decided.closed:
        told.append(f"{decided.opened:,} grants open and {decided.closed:,} close")
    return tuple(told)
