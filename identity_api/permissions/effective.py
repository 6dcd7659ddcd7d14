"""Which grants are in force at a moment, and why the others are not (I1).

The same rules as the SQL of `db.in_force`, in pure Python; a property test compares the two at random
instants around every boundary.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from identity_api.permissions.grant_snapshot import (
    BriefGrant,
    BriefIdentity,
    BriefSnapshot,
    GrantFact,
    GrantSnapshot,
    HeldPermission,
    Lease,
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
"""Why a grant is not in force. When the cause goes away, the grant is in force again without a write."""

_DEAD_STATES: dict[str, Cause] = {"REVOKED": "IDENTITY_REVOKED", "QUARANTINED": "IDENTITY_QUARANTINED"}


class DormantGrant(msgspec.Struct, frozen=True, gc=False):
    """An open grant that is not in force, and the cause."""

    grant: BriefGrant
    cause: Cause


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A user's permissions in force at a moment, and their grants that are not in force, with causes."""

    permissions: tuple[HeldPermission, ...]
    dormant: tuple[DormantGrant, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of the permissions in force."""
        return frozenset([permission.name for permission in self.permissions])


def standing(
    facts: BriefSnapshot | GrantSnapshot, user: UserCircumstances, tenant: TenantCircumstances, at: datetime
) -> Standing:
    """Sort a user's open grants into those in force at `at` and those that are not, by permission name.

    Args:
        facts: the user's facts, as the read model holds them; brief ones do while no edit withdraws grants.
        user: whether the user is enabled, has a local password, their leases, and grants that an edit withdraws.
        tenant: the tenant's providers.
        at: aware time, by the database's clock.
    """
    if isinstance(facts, BriefSnapshot) and shown(facts, user, tenant, at) is not None:
        return Standing(facts.permissions, ())
    if not facts.grants:
        return _NOTHING
    against = {one.id: _cause_against_identity(one, tenant) for one in facts.identities}
    by_hand: Cause | None = None if _has_way_in(facts, against, user, tenant, at) else "NO_WAY_IN"
    by_group = {id: cause or _lease_over(user.leases.get(id), at) for id, cause in against.items()}
    held: dict[str, list[BriefGrant]] = {}
    dormant: list[DormantGrant] = []
    for grant in facts.grants:
        cause = by_hand if grant.identity_id is None else by_group[grant.identity_id]
        if not user.enabled:
            cause = "USER_DISABLED"
        # A dead identity takes precedence over a changed mapping, and that over a lease that has ended.
        elif user.withdrawn and cause in _LIGHTER and isinstance(grant, GrantFact) and grant.id in user.withdrawn:
            cause = "MAPPING_CHANGED"
        if cause is not None:
            dormant.append(DormantGrant(grant, cause))
        elif grant.permission in held:
            held[grant.permission].append(grant)
        else:
            held[grant.permission] = [grant]
    return Standing(tuple([HeldPermission(name, tuple(held[name])) for name in sorted(held)]), tuple(dormant))


def shown(
    facts: BriefSnapshot, user: UserCircumstances, tenant: TenantCircumstances, at: datetime
) -> msgspec.Raw | None:
    """The permissions in force as JSON of `ShownPermission`s, where every open grant is in force; otherwise None."""
    return facts.shown if not user.withdrawn and _nothing_is_against(facts, user, tenant, at) else None


_NOTHING = Standing((), ())
_LIGHTER: tuple[Cause | None, ...] = (None, "LEASE_OVER")


def _nothing_is_against(
    facts: BriefSnapshot, user: UserCircumstances, tenant: TenantCircumstances, at: datetime
) -> bool:
    """Whether every open grant is in force: an enabled user, and identities that live and were confirmed in time."""
    for identity in facts.identities:
        lease = user.leases.get(identity.id)
        if lease is None or lease.groups_valid_until is None or lease.groups_valid_until <= at:
            return False
        if lease.signed_in_until is None or lease.signed_in_until <= at:
            return False
        if identity.state in _DEAD_STATES or not tenant.providers[identity.provider_id].enabled:
            return False
    return user.enabled and bool(facts.identities)


def _cause_against_identity(identity: BriefIdentity, tenant: TenantCircumstances) -> Cause | None:
    dead = _DEAD_STATES.get(identity.state)
    if dead is not None:
        return dead
    return None if tenant.providers[identity.provider_id].enabled else "PROVIDER_DISABLED"


def _lease_over(lease: Lease | None, at: datetime) -> Cause | None:
    is_over = lease is None or lease.groups_valid_until is None or lease.groups_valid_until <= at
    return "LEASE_OVER" if is_over else None


def _has_way_in(
    facts: BriefSnapshot | GrantSnapshot,
    against: Mapping[str, Cause | None],
    user: UserCircumstances,
    tenant: TenantCircumstances,
    at: datetime,
) -> bool:
    if user.has_password or (user.admitted_until is not None and user.admitted_until > at):
        return True
    for identity in facts.identities:
        if against[identity.id] is not None:
            continue
        lease = user.leases.get(identity.id)
        if tenant.providers[identity.provider_id].sync == "OFF" or (
            lease is not None and lease.signed_in_until is not None and lease.signed_in_until > at
        ):
            return True
    return False
