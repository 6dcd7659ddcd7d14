"""Explain why a user has a permission, or what they would need to have it."""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from identity_api.db import permissions, user_read_model, ways_to
from identity_api.db.database import Connection
from identity_api.db.permissions import PermissionRecord
from identity_api.db.user_read_model import UserRecord
from identity_api.db.ways_to import Way
from identity_api.errors import NotFound
from identity_api.permissions.effective import Cause, standing
from identity_api.permissions.grant_snapshot import GrantFact, TenantCircumstances

Missing = Literal["GRANT_DORMANT", "GRANT_NOT_WRITTEN", "GROUP_NOT_SENT", "MAPPING_DISABLED", "NO_IDENTITY"]
"""What keeps a mapping from giving the permission, the nearest first."""
_NEAREST: Final = ("GRANT_DORMANT", "GRANT_NOT_WRITTEN", "GROUP_NOT_SENT", "MAPPING_DISABLED", "NO_IDENTITY")


class ExplainedGrant(msgspec.Struct, frozen=True):
    """An open grant of the permission, with the mapping that gave it as it is now."""

    fact: GrantFact
    cause: Cause | None
    """What takes its force; None if it is in force."""
    valid_until: datetime | None
    """When its lease runs out, or ran out, unless the provider confirms it; None by hand."""
    way: Way | None


class UntakenWay(msgspec.Struct, frozen=True):
    """A mapping that would give the permission, and the missing condition."""

    way: Way
    missing: Missing


class Explanation(msgspec.Struct, frozen=True):
    """Of one permission of one user at one moment."""

    user: UserRecord
    tenant: TenantCircumstances
    permission: PermissionRecord
    at: datetime
    grants: tuple[ExplainedGrant, ...]
    untaken: tuple[UntakenWay, ...]
    """The nearest first; at most `ways_to.MAX_WAYS`."""

    @property
    def is_held(self) -> bool:
        """Whether any grant is in force."""
        return any(one.cause is None for one in self.grants)


async def explain(connection: Connection, tenant_id: UUID, user_id: UUID, permission_id: UUID) -> Explanation:
    """Look at every grant of the permission and every mapping that gives it.

    Raises:
        NotFound: the tenant has no such user or permission.
    """
    reading = await user_read_model.users_by_id(connection, tenant_id, [user_id])
    if not reading.users:
        raise NotFound("There is no such user.")
    permission = await permissions.get(connection, tenant_id, permission_id)
    if permission is None:
        raise NotFound("There is no such permission.")
    user = reading.users[0]
    ways = await ways_to.ways_to(connection, tenant_id, user_id, permission_id)
    stands = standing(user.facts, user.circumstances, reading.tenant, reading.at)
    dormant = {one.grant: one.cause for one in stands.dormant}
    by_mapping = {str(way.mapping_id): way for way in ways}
    grants = tuple(
        [
            ExplainedGrant(fact, dormant.get(fact), _valid_until(user, fact), by_mapping.get(fact.mapping_id or ""))
            for fact in user.facts.grants
            if fact.permission == permission.name
        ]
    )
    taken = {one.fact.mapping_id: one.cause for one in sorted(grants, key=lambda one: one.cause is None)}
    untaken = [
        UntakenWay(way, _missing(user, way, has_grant=str(way.mapping_id) in taken))
        for way in ways
        if taken.get(str(way.mapping_id), "none") is not None
    ]
    untaken.sort(key=lambda one: _NEAREST.index(one.missing))
    return Explanation(user, reading.tenant, permission, reading.at, grants, tuple(untaken))


def _valid_until(user: UserRecord, fact: GrantFact) -> datetime | None:
    lease = user.circumstances.leases.get(fact.identity_id or "")
    return lease.groups_valid_until if lease is not None else None


def _missing(user: UserRecord, way: Way, *, has_grant: bool) -> Missing:
    if has_grant:
        return "GRANT_DORMANT"
    if not any(way.provider_id is None or one.provider_id == str(way.provider_id) for one in user.facts.identities):
        return "NO_IDENTITY"
    if not way.enabled:
        return "MAPPING_DISABLED"
    return "GROUP_NOT_SENT" if way.group is None else "GRANT_NOT_WRITTEN"
