"""Apply a provider's verified answers to its people: profile, groups, grants, leases.

Logins and syncs both end here, in the caller's transaction. A login wins over a sync in flight: it raises the generation,
and a sync applies only if the generation is still the one it claimed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from identity_api.claims import Completeness, GroupsReading, Profile, Reason, unverified
from identity_api.clock import jitter
from identity_api.config import DEFAULT_LIMITS, TenantLimits
from identity_api.db import audit, identities, outbox
from identity_api.db.database import Connection
from identity_api.db.identities import LeaseRenewal, ProfileChange, Renewal, StoredIdentity
from identity_api.db.providers import Provider
from identity_api.lifecycle.emptied_mappings import tell_emptied
from identity_api.lifecycle.grants import apply_decision
from identity_api.lifecycle.memberships import changes_of, moved_event, write_changes
from identity_api.oidc.id_token import Deviation

DEVIATIONS = "deviations"
"""The key in an identity's claims for the claims of its refreshed ID Tokens that do not repeat the login's."""
JITTER = 0.2
"""Share of the interval by which due times vary, earlier or later, so that simultaneous logins do not stay
simultaneous.
"""


class Verified(msgspec.Struct, frozen=True):
    """A verified answer about one identity."""

    identity_id: UUID
    profile: Profile
    groups: GroupsReading
    generation: int | None
    """The generation that a sync claimed; None for a login, which always applies."""
    can_be_asked: bool = True
    """Whether the provider can be asked about the person between logins: False after a login without a token for that.
    """
    deviations: tuple[Deviation, ...] | None = None
    """The claims of a refreshed ID Token that do not repeat the login's; None if there was no ID Token."""
    was_due_at: datetime | None = None
    """When a sync was due, as it was claimed."""


class Outcome(msgspec.Struct, frozen=True):
    """The applied answers, and those that came too late."""

    applied: frozenset[UUID]
    superseded: frozenset[UUID]
    opened: int
    closed: int
    left: frozenset[str] = frozenset()
    """Names of groups that people have left. A login reports mappings that lose their last member; a sync does so after
    its commit."""


async def apply_verified(
    connection: Connection,
    tenant_id: UUID,
    provider: Provider,
    answers: Sequence[Verified],
    *,
    is_login: bool,
    actor: str,
    limits: TenantLimits = DEFAULT_LIMITS,
) -> Outcome:
    """Write profile, groups, grants and leases for these identities of one provider, all together.

    The caller holds `locks.share_mappings` and the users' locks. A sync does not change an identity that is revoked,
    quarantined or has been claimed again since; a login brings a revoked identity back.
    """
    stored = await identities.standings(connection, tenant_id, [answer.identity_id for answer in answers])
    current = [answer for answer in answers if is_login or _is_still_claimed(answer, stored.get(answer.identity_id))]
    ids = frozenset([answer.identity_id for answer in current])
    superseded = frozenset([answer.identity_id for answer in answers]) - ids
    if not current:
        return Outcome(ids, superseded, 0, 0)
    asserted = {answer.identity_id: answer.groups.groups for answer in current if answer.groups.is_verified}
    changes, beyond = await changes_of(connection, tenant_id, provider.id, asserted, limits)
    current = [_without_groups(answer) if answer.identity_id in beyond else answer for answer in current]
    written = _judge_profiles(provider, current, stored, is_login=is_login)
    await identities.write_profiles(connection, tenant_id, written.profiles)
    moved = await write_changes(connection, tenant_id, provider.id, changes)
    left = frozenset([name for change in changes for name in change.left])
    if is_login:
        await tell_emptied(connection, tenant_id, provider.id, left, actor=actor)
    leases = [_lease(provider, answer, stored[answer.identity_id]) for answer in current]
    await identities.renew(
        connection, tenant_id, written.renewals, leases, lease_seconds=provider.lease_seconds, begins_login=is_login
    )
    changed_users = {stored[identity_id].user_id for identity_id in (*[one.id for one in written.renewals], *moved)}
    applied = await apply_decision(
        connection,
        tenant_id,
        [answer.identity_id for answer in current],
        actor=actor,
        also_changed=changed_users,
        after=[*written.events, *[moved_event(change) for change in changes]],
    )
    await outbox.record(connection, tenant_id, "user.permissions_changed", _back_in_force(current, stored))
    return Outcome(ids, superseded, applied.opened, applied.closed, left)


def _back_in_force(answers: Sequence[Verified], stored: dict[UUID, StoredIdentity]) -> set[UUID]:
    """The users whose leases had run out and are renewed: they have more permissions than before, though no fact has
    changed.
    """
    return {
        stored[one.identity_id].user_id
        for one in answers
        if stored[one.identity_id].has_lapsed or (one.groups.is_verified and stored[one.identity_id].groups_have_lapsed)
    }


def _without_groups(answer: Verified) -> Verified:
    """Groups beyond the limit count as unknown: they change nothing and extend nothing (I7)."""
    reading = unverified(Completeness.TRUNCATED, Reason.GROUPS_LIMIT_REACHED, answer.groups.diagnostics)
    return msgspec.structs.replace(answer, groups=reading)


def _is_still_claimed(answer: Verified, stored: StoredIdentity | None) -> bool:
    return (
        stored is not None and stored.generation == answer.generation and stored.state not in ("REVOKED", "QUARANTINED")
    )


def state_after(provider: Provider, groups: GroupsReading, *, can_be_asked: bool = True) -> tuple[str, str | None]:
    """The identity's state and its reason after a verified answer: groups that cannot be trusted make it stale (I7).

    If groups give no permissions (`sync_mode` NONE), their completeness does not matter.
    """
    if not _is_enough(provider, groups):
        return "STALE", groups.reason.value.lower()
    if provider.sync == "OFF":
        return "UNSYNCED", None
    return ("FRESH", None) if can_be_asked else ("UNSYNCED", "no_refresh_token")


def _is_enough(provider: Provider, groups: GroupsReading) -> bool:
    return groups.is_verified or provider.sync_mode == "NONE"


class _Written(msgspec.Struct, frozen=True):
    """Claims, states and profiles that differ from what is stored, and the audit events of it."""

    renewals: list[Renewal]
    profiles: list[ProfileChange]
    events: list[audit.Event]


def _judge_profiles(
    provider: Provider, answers: Sequence[Verified], stored: dict[UUID, StoredIdentity], *, is_login: bool
) -> _Written:
    renewals: list[Renewal] = []
    profiles: list[ProfileChange] = []
    events: list[audit.Event] = []
    for answer in answers:
        before = stored[answer.identity_id]
        # A login's documents are complete. A refresh may bring fewer: a claim that it leaves out is unknown, not
        # removed.
        is_unknown = not is_login and answer.profile.email is None and not answer.profile.has_no_email
        claims = _claims(answer, before, keeps_email=is_unknown, keeps_names=not is_login)
        if answer.deviations and claims[DEVIATIONS] != before.claims.get(DEVIATIONS):
            noted = {"claims": [msgspec.structs.asdict(one) for one in answer.deviations]}
            events.append(audit.Event("identity.token_deviates", "identity", answer.identity_id, noted))
        state, reason = state_after(provider, answer.groups, can_be_asked=answer.can_be_asked)
        if is_login or (claims, state, reason) != (before.claims, before.state, before.state_reason):
            renewals.append(Renewal(answer.identity_id, claims, state, reason))
        if (state, reason) != (before.state, before.state_reason):
            payload: dict[str, Any] = {"from": before.state, "to": state, "reason": reason}
            if not answer.groups.is_verified and answer.groups.remarks:
                payload["remarks"] = list(answer.groups.remarks)  # which entry of a list it was, say; never a value
            events.append(audit.Event("identity.state_changed", "identity", answer.identity_id, payload))
        if is_login or before.leads:
            fields, change = _profile_change(before, answer.profile, keeps_email=is_unknown)
            if fields:
                profiles.append(change)
                events.append(audit.Event("user.profile_changed", "user", before.user_id, {"fields": fields}))
    return _Written(renewals, profiles, events)


def _claims(answer: Verified, before: StoredIdentity, *, keeps_email: bool, keeps_names: bool) -> dict[str, Any]:
    profile, known = answer.profile, before.claims
    email = known if keeps_email else {"email": profile.email, "email_verified": profile.email_verified}
    names = known if keeps_names else {}
    claims: dict[str, Any] = {
        "anchor": profile.anchor,
        "username": profile.username or names.get("username"),
        "display_label": profile.display_label or names.get("display_label"),
        "email": email.get("email"),
        "email_verified": email.get("email_verified"),
    }
    # By name only, so that a provider which sends another time at every sync is noted once.
    deviating = before.claims.get(DEVIATIONS) if answer.deviations is None else [one.claim for one in answer.deviations]
    return {**claims, DEVIATIONS: deviating} if deviating else claims


def _profile_change(before: StoredIdentity, profile: Profile, *, keeps_email: bool) -> tuple[list[str], ProfileChange]:
    """The changes of the provider's profile to the user's. A provider that sends no name does not remove the label."""
    change = ProfileChange(
        before.user_id,
        profile.display_label or before.display_label,
        before.email if keeps_email else profile.email,
        before.email_verified if keeps_email else profile.email_verified,
    )
    fields = [
        name for name in ("display_label", "email", "email_verified") if getattr(before, name) != getattr(change, name)
    ]
    return fields, change


def _lease(provider: Provider, answer: Verified, before: StoredIdentity) -> LeaseRenewal:
    spread = 1 + jitter(-JITTER, JITTER)
    verified = answer.groups.is_verified
    return LeaseRenewal(
        id=answer.identity_id,
        groups_are_verified=verified,
        forget_groups_lease=not verified and before.state in ("REVOKED", "QUARANTINED"),
        groups_completeness=answer.groups.completeness.value,
        outcome="ok" if _is_enough(provider, answer.groups) else answer.groups.reason.value.lower(),
        seconds_until_due=provider.sync_interval_seconds * spread
        if provider.sync != "OFF" and answer.can_be_asked
        else None,
        was_due_at=answer.was_due_at,
    )
