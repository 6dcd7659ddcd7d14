"""Whether somebody without any permission may sign in at all: a provider's `deny_unmapped`.

Some products have nothing to show to people who may do nothing, and want them turned away at the door, before an account
of theirs exists. S1-24 leaves it to the provider who may enter; this is for providers that let everybody through.
"""

from uuid import UUID

from identity_api.db import grants, groups
from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.mapping import GroupsReading, MatchKind, matches


async def is_denied(connection: Connection, provider: Provider, user_id: UUID, reading: GroupsReading) -> bool:
    """Whether the provider turns away people whom its groups give nothing, and this is one.

    Only groups that are known completely can give nothing (I7): where they are not, whoever was let in so far stays in,
    and the lease decides. Somebody who holds a permission given by hand does not hold nothing. Call it after
    `provisioning.provision`, which holds the mappings' lock, in the same transaction; the caller rolls that back.
    """
    if not provider.claims.deny_unmapped or not reading.is_verified:
        return False
    if provider.sync_mode != "NONE":
        rules = await groups.giving_rules(connection, provider.tenant_id, provider.id)
        if any(matches(rule.pattern, MatchKind(rule.match), name) for rule in rules for name in reading.groups):
            return False
    return not await grants.holds_by_hand(connection, provider.tenant_id, user_id)
