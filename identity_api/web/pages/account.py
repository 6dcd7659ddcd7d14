"""The content of the account page: profile, permissions with their reasons, identities and their sync, sessions."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from identity_api.claims import Reason
from identity_api.db import providers
from identity_api.db.database import Database
from identity_api.db.ended_ways import EndedWays
from identity_api.db.sessions import SessionRecord
from identity_api.db.tenants import Tenant
from identity_api.db.user_columns import SyncStatus
from identity_api.db.user_read_model import UserRecord
from identity_api.permissions.effective import Cause, Standing
from identity_api.permissions.grant_snapshot import (
    GrantFact,
    IdentityFact,
    ProviderCircumstances,
    TenantCircumstances,
    needs_sign_in,
    whole,
)
from identity_api.permissions.service import PROVIDERS_READ, SCHEMA_READ, SERVICE_PREFIX
from identity_api.web.pages.account_times import in_words
from identity_api.web.pages.ended_ways import tell_ended

_CAUSES: Final[dict[Cause, str]] = {
    "USER_DISABLED": "the account is disabled",
    "NO_WAY_IN": "there is no living sign-in",
    "IDENTITY_REVOKED": "the sign-in it comes from has ended; signing in again brings it back",
    "IDENTITY_QUARANTINED": "the sign-in it comes from needs an administrator's attention",
    "PROVIDER_DISABLED": "the provider is switched off",
    "LEASE_OVER": "the provider has not confirmed it for too long",
    "MAPPING_CHANGED": "the mapping has been changed",
}
_STATES: Final = {
    "FRESH": ("up to date", "good", "The provider is asked for your groups regularly."),
    "UNSYNCED": ("from your last sign-in", "", "Groups are read when you sign in."),
    "STALE": ("waiting for the provider", "warn", "The last check did not succeed."),
    "REVOKED": ("ended", "bad", "The sign-in has ended. Sign in again to bring its permissions back."),
    "QUARANTINED": ("held", "bad", "An administrator has to look at this identity."),
}
_GROUPS_GIVE_NOTHING: Final = "Permissions do not follow groups here."
_GROUPS_NOT_TOLD: Final = ("groups not told", "warn", "The provider did not say which groups you are in.")
_NOT_ASKED: Final = (
    "from your last sign-in",
    "warn",
    "The provider is not asked between sign-ins, as it gave nothing to ask with. Sign in again to have your groups read.",
)
_UNTOLD: Final = frozenset([reason.value for reason in Reason])
"""Reasons that are no failure of a check: it was made, and its answer had no groups that can be used."""
_SIGN_IN_AGAIN = (
    "please sign in again",
    "warn",
    "The provider cannot be asked about this sign-in any more. What you may do holds for a while; signing in again keeps it.",
)


class PermissionView(msgspec.Struct, frozen=True):
    """A permission and, as text, where it comes from or why it is not in force."""

    name: str
    reasons: tuple[str, ...]


class IdentityView(msgspec.Struct, frozen=True, kw_only=True):
    """An identity with the state of its sync."""

    provider: str
    state: str
    tone: str
    explanation: str
    signed_in_at: datetime
    verified_at: datetime | None
    groups: tuple[str, ...]


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A live session."""

    id: str
    kind: str
    device: str | None
    address: str | None
    is_this_one: bool
    created_at: datetime
    seen_at: datetime | None


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """The account page's content."""

    user_id: str
    username: str
    display_label: str
    email: str | None
    email_verified: bool | None
    permissions: tuple[PermissionView, ...]
    dormant: tuple[PermissionView, ...]
    identities: tuple[IdentityView, ...]
    sessions: tuple[SessionView, ...]
    ended: tuple[str, ...]
    """What a new way in has ended lately, the newest first."""
    sets_up: bool
    """May see how far the tenant's single sign-on has been set up."""
    reads_schema: bool
    """May read the documentation in GraphiQL."""
    administers: bool
    """Holds a permission that the console is about."""

    @property
    def version(self) -> str:
        """Changes whenever the page's content changes; a time that only advances does not count as a change."""
        identities = tuple([replace(one, verified_at=None) for one in self.identities])
        sessions = tuple([replace(one, seen_at=None) for one in self.sessions])
        content = msgspec.json.encode(replace(self, identities=identities, sessions=sessions))
        return hashlib.sha256(content).hexdigest()[:16]


def mapping_ids(user: UserRecord) -> set[str]:
    """The mappings that the user's grants name."""
    return {grant.mapping_id for grant in user.facts.grants if grant.mapping_id is not None}


def view_account(
    user: UserRecord,
    tenant: TenantCircumstances,
    standing: Standing,
    patterns: Mapping[str, str],
    sessions: Sequence[SessionRecord],
    ended: Sequence[EndedWays],
    *,
    this_session_id: object,
) -> AccountView:
    """The page's content. `patterns` are those of `mapping_ids(user)`, by id."""
    told = _Reasons(user, tenant, patterns)
    dormant: dict[str, list[str]] = {}
    for one in standing.dormant:
        dormant.setdefault(one.grant.permission, []).append(f"{told.why(whole(one.grant))}; but {_CAUSES[one.cause]}")
    return AccountView(
        user_id=str(user.id),
        username=user.username,
        display_label=user.display_label,
        email=user.email,
        email_verified=user.email_verified,
        permissions=tuple(
            [PermissionView(held.name, told.all(map(whole, held.reasons))) for held in standing.permissions]
        ),
        dormant=tuple([PermissionView(name, tuple(dict.fromkeys(why))) for name, why in sorted(dormant.items())]),
        identities=tuple([_identity(one, user, tenant) for one in user.facts.identities]),
        sessions=tuple([_session(one, this_session_id) for one in reversed(sessions)]),
        ended=tell_ended(ended),
        sets_up=any(held.name == PROVIDERS_READ for held in standing.permissions),
        reads_schema=any(held.name == SCHEMA_READ for held in standing.permissions),
        administers=any(held.name.startswith(SERVICE_PREFIX) for held in standing.permissions),
    )


async def demo_page(database: Database, tenant: Tenant | None) -> str | None:
    """The demo provider's page for changing its people; None outside the demo, which runs on this machine only."""
    if tenant is None or tenant.slug != "demo":
        return None
    async with database.reading() as connection:
        provider = await providers.by_slug(connection, tenant.id, "demo")
    return f"{provider.issuer}/people" if provider and provider.issuer.startswith("http://127.0.0.1:") else None


class _Reasons:
    """Describes where a grant comes from."""

    def __init__(self, user: UserRecord, tenant: TenantCircumstances, patterns: Mapping[str, str]) -> None:
        self._tenant, self._patterns = tenant, patterns
        self._provider_of = {identity.id: identity.provider_id for identity in user.facts.identities}
        self._member_of = {(group.identity_id, group.group_id) for group in user.facts.groups}

    def all(self, grants: Iterable[GrantFact]) -> tuple[str, ...]:
        return tuple(dict.fromkeys([self.why(grant) for grant in grants]))

    def why(self, grant: GrantFact) -> str:
        if grant.source == "MANUAL":
            return "given by hand"
        provider = self._tenant.providers[self._provider_of[grant.identity_id or ""]].label
        pattern = self._patterns.get(grant.mapping_id or "", "deleted")
        if (grant.identity_id, grant.group_id) not in self._member_of:
            return f"kept from when you were in {grant.group_name} at {provider} (mapping {pattern})"
        return f"because you are in {grant.group_name} at {provider} (mapping {pattern})"


def _identity(identity: IdentityFact, user: UserRecord, tenant: TenantCircumstances) -> IdentityView:
    provider = tenant.providers[identity.provider_id]
    sync = user.syncs.get(identity.id)
    state, tone, explanation = _told(identity, provider, sync)
    return IdentityView(
        provider=provider.label,
        state=state,
        tone=tone,
        explanation=explanation,
        signed_in_at=datetime.fromisoformat(identity.signed_in_at),
        verified_at=sync.verified_at if sync else None,
        groups=tuple([group.name for group in user.facts.groups if group.identity_id == identity.id]),
    )


def _told(identity: IdentityFact, provider: ProviderCircumstances, sync: SyncStatus | None) -> tuple[str, str, str]:
    """State, tone and explanation, also for a provider whose groups give nothing or that gave no token for the sync."""
    reason = (identity.state_reason or "").upper()
    if not provider.enabled:
        return "provider switched off", "bad", "This way of signing in is switched off."
    if reason == "NO_REFRESH_TOKEN":
        return _NOT_ASKED
    state, tone, explanation = _SIGN_IN_AGAIN if _is_lost(identity) else _STATES[identity.state]
    if provider.sync_mode == "NONE" and identity.state in ("FRESH", "UNSYNCED"):
        return state, tone, _GROUPS_GIVE_NOTHING
    if identity.state != "STALE":
        return state, tone, _explain_groups(explanation, sync)
    if reason in _UNTOLD:
        state, tone, explanation = _GROUPS_NOT_TOLD
        explanation = _explain_groups(explanation, sync)
    until = sync.groups_valid_until if sync else None
    if provider.sync_mode == "NONE" or until is None:
        return state, tone, explanation
    return state, tone, f"{explanation} What groups gave you before counts until {in_words(until)}."


def _is_lost(identity: IdentityFact) -> bool:
    return identity.state == "STALE" and needs_sign_in(identity.state, identity.state_reason)


def _explain_groups(explanation: str, sync: SyncStatus | None) -> str:
    if sync is not None and sync.groups_completeness in ("TRUNCATED", "UNREADABLE"):
        return "The provider did not say all of your groups, so they give nothing new."
    return explanation


def _session(session: SessionRecord, this_session_id: object) -> SessionView:
    return SessionView(
        id=str(session.id),
        kind="Browser" if session.kind == "COOKIE" else "Application",
        device=session.device,
        address=session.address,
        is_this_one=session.id == this_session_id,
        created_at=session.created_at,
        seen_at=session.seen_at,
    )
