"""Which grants are in force at a moment, and why the others are not (I1).

The pure twin of the SQL function `effective_permission`; a property test holds the two together at random instants around
every boundary.
"""

from datetime import datetime
from typing import Literal

import msgspec

from identity_api.permissions.grant_snapshot import (
    GrantFact,
    GrantSnapshot,
    IdentityFact,
    TenantCircumstances,
    UserCircumstances,
)

Cause = Literal[
    "USER_DISABLED",
    "NO_WAY_IN",
    "IDENTITY_REVOKED",
    "IDENTITY_QUARANTINED",
    "PROVIDER_DISABLED",
    "LEASE_OVER",
    "MAPPING_CHANGED",
]
"""Why a grant has no force. Nothing is lost by it: when the cause goes, the force is back without a write."""

_DEAD_STATES = {"REVOKED": "IDENTITY_REVOKED", "QUARANTINED": "IDENTITY_QUARANTINED"}


class EffectivePermission(msgspec.Struct, frozen=True, gc=False):
    """A permission in force, with every grant that holds it up."""

    name: str
    reasons: tuple[GrantFact, ...]


class DormantGrant(msgspec.Struct, frozen=True, gc=False):
    """An open grant without force, and what takes the force away."""

    grant: GrantFact
    cause: Cause


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What a user may do at a moment, and what they would if not for a cause."""

    permissions: tuple[EffectivePermission, ...]
    dormant: tuple[DormantGrant, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of the permissions in force."""
        return frozenset([permission.name for permission in self.permissions])


def standing(facts: GrantSnapshot, user: UserCircumstances, tenant: TenantCircumstances, at: datetime) -> Standing:
    """Sort a user's open grants into those in force at `at` and those that are not, by permission name.

    Args:
        facts: the user's facts, as the read model holds them.
        user: whether the user is enabled, has a local password, their leases, and grants that an edit withdraws.
        tenant: the tenant's providers.
        at: aware time, by the database's clock.
    """
    if not facts.grants:
        return _NOTHING
    judge = _Judge(facts, user, tenant, at)
    held: dict[str, list[GrantFact]] = {}
    dormant: list[DormantGrant] = []
    for grant in facts.grants:
        cause = judge.cause_against(grant)
        if cause is not None:
            dormant.append(DormantGrant(grant, cause))
        elif grant.permission in held:
            held[grant.permission].append(grant)
        else:
            held[grant.permission] = [grant]
    permissions = tuple([EffectivePermission(name, tuple(held[name])) for name in sorted(held)])
    return Standing(permissions, tuple(dormant))


_NOTHING = Standing((), ())


class _Judge:
    """The rules of I1 for one user at one moment; what several grants share is worked out once."""

    def __init__(
        self, facts: GrantSnapshot, user: UserCircumstances, tenant: TenantCircumstances, at: datetime
    ) -> None:
        self._user, self._tenant, self._at = user, tenant, at
        self._identities = facts.identities
        self._way_in: bool | None = None
        self._against_identity = {identity.id: self._cause_against_identity(identity) for identity in facts.identities}
        self._against_groups = {id: cause or self._lease_over(id) for id, cause in self._against_identity.items()}

    def cause_against(self, grant: GrantFact) -> Cause | None:
        if not self._user.enabled:
            return "USER_DISABLED"
        if grant.source == "MANUAL":
            return None if self._has_way_in() else "NO_WAY_IN"
        assert grant.identity_id is not None
        cause = self._against_groups[grant.identity_id]
        # A dead identity weighs more than a changed mapping, and that more than a lease that has run out.
        if cause in (None, "LEASE_OVER") and grant.id in self._user.withdrawn:
            return "MAPPING_CHANGED"
        return cause

    def _has_way_in(self) -> bool:
        if self._way_in is None:  # asked for manual grants only
            self._way_in = self._user.has_password or any(self._is_way_in(one) for one in self._identities)
        return self._way_in

    def _lease_over(self, identity_id: str) -> Cause | None:
        lease = self._user.leases.get(identity_id)
        is_over = lease is None or lease.groups_valid_until is None or lease.groups_valid_until <= self._at
        return "LEASE_OVER" if is_over else None

    def _cause_against_identity(self, identity: IdentityFact) -> Cause | None:
        dead = _DEAD_STATES.get(identity.state)
        if dead is not None:
            return dead  # type: ignore[return-value]  # the table's values are members of Cause
        return None if self._tenant.providers[identity.provider_id].enabled else "PROVIDER_DISABLED"

    def _is_way_in(self, identity: IdentityFact) -> bool:
        if self._against_identity[identity.id] is not None:
            return False
        if self._tenant.providers[identity.provider_id].sync == "OFF":
            return True
        lease = self._user.leases.get(identity.id)
        return lease is not None and lease.signed_in_until is not None and lease.signed_in_until > self._at
