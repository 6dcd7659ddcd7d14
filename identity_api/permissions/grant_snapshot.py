"""The read model's facts about one user, and the states that decide which of them are in force.

`GrantSnapshot` is what `user_read.facts` holds as JSON, and `BriefSnapshot` what `user_read.brief` does: mostly arrays in
the order of the fields here, written by `db.user_read_model.refresh`. Ids and times stay text: a page of 50 users
decodes hundreds of them, and most are only passed on.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

Source = Literal["MANUAL", "GROUP"]
ASKED_NO_MORE = frozenset(("rotation_lost", "client_changed", "anchor_changed"))
"""Reasons of `STALE` after which a sign-in makes syncs possible again. Not `no_refresh_token`, where the next sign-in
brings no refresh token either."""


class BriefIdentity(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A link from the user to one (issuer, subject): the fields that decide what is in force."""

    id: str
    provider_id: str
    state: str


class IdentityFact(BriefIdentity, frozen=True, array_like=True, gc=False):
    """All of it."""

    issuer: str
    subject: str | None
    anchor: str
    state_reason: str | None
    state_since: str
    created_at: str
    signed_in_at: str


def needs_sign_in(state: str, reason: str | None) -> bool:
    """Whether only a sign-in of its person can confirm an identity again. What it gives may still be in force."""
    return state == "REVOKED" or (state in ("STALE", "SUSPENDED") and reason in ASKED_NO_MORE)


class GrantedGroup(msgspec.Struct, frozen=True, gc=False):
    """The group that a grant was given for."""

    name: str


class BriefGrant(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An open grant: what decides if it is in force, and its group; identity and group for source `GROUP`."""

    permission: str
    source: Source
    identity_id: str | None
    group: GrantedGroup | None

    @property
    def group_name(self) -> str | None:
        """As the provider asserted it."""
        return None if self.group is None else self.group.name


class HeldPermission(msgspec.Struct, frozen=True, gc=False):
    """A permission with grants that give it."""

    name: str
    reasons: tuple[BriefGrant, ...]


class ShownGrant(msgspec.Struct, frozen=True, gc=False):
    """An open grant in the names of `GrantReason` in the schema."""

    source: Source
    identity_id: str | None
    group: GrantedGroup | None


class ShownPermission(msgspec.Struct, frozen=True, gc=False):
    """A permission with its open grants, in the names of `EffectivePermission` in the schema."""

    name: str
    reasons: tuple[ShownGrant, ...]


class GrantFact(BriefGrant, frozen=True, array_like=True, gc=False):
    """All of it; mapping and group are set exactly for source `GROUP`."""

    id: str
    mapping_id: str | None
    group_id: str | None
    granted_at: str
    granted_by: str


def whole(grant: BriefGrant) -> GrantFact:
    """All of a grant; for callers that have read all of its user."""
    assert isinstance(grant, GrantFact)
    return grant


class GroupFact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A group the user is in, by one identity."""

    group_id: str
    name: str
    identity_id: str


_NOTHING_SHOWN = msgspec.Raw(b"[]")


class BriefSnapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Only what decides a user's permissions: a page that selects nothing more reads a quarter of the text."""

    identities: tuple[BriefIdentity, ...] = ()
    shown: msgspec.Raw = _NOTHING_SHOWN
    """All open grants by permission, in the order of their names: JSON of `ShownPermission`s, from which answers are made."""

    @property
    def permissions(self) -> tuple[HeldPermission, ...]:
        """The same, decoded."""
        return tuple([HeldPermission(one.name, _grants(one)) for one in decode_shown(self.shown)])

    @property
    def grants(self) -> list[BriefGrant]:
        """All open grants."""
        return [grant for permission in self.permissions for grant in permission.reasons]


def _grants(shown: ShownPermission) -> tuple[BriefGrant, ...]:
    return tuple([BriefGrant(shown.name, one.source, one.identity_id, one.group) for one in shown.reasons])


class GrantSnapshot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything written about one user; it does not say what is in force."""

    identities: tuple[IdentityFact, ...] = ()
    grants: tuple[GrantFact, ...] = ()
    groups: tuple[GroupFact, ...] = ()


class Lease(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Until when the provider's claims for one identity count; None if it never sent any."""

    signed_in_until: datetime | None
    groups_valid_until: datetime | None


class UserCircumstances(msgspec.Struct, frozen=True, gc=False):
    """What is not in the facts and decides which are in force: one user's part."""

    enabled: bool
    has_password: bool
    leases: Mapping[str, Lease]
    """By identity id."""
    withdrawn: frozenset[str] = frozenset()
    """Ids of open grants that their mapping does not give any more, while its edit is still being applied.
    If a mapping has no unfinished edit, its open grants agree with its rows."""
    admitted_until: datetime | None = None
    """Until when a used break-glass credential is a way in."""


class ProviderCircumstances(msgspec.Struct, frozen=True, array_like=True):
    """A provider: the fields that display, and permissions in force, need."""

    id: str
    slug: str
    label: str
    enabled: bool
    sync: str
    sync_mode: str


class TenantCircumstances(msgspec.Struct, frozen=True):
    """What is not in the facts and decides which are in force: the tenant's part."""

    providers: Mapping[str, ProviderCircumstances]


decode_facts = msgspec.json.Decoder(GrantSnapshot).decode
decode_brief = msgspec.json.Decoder(BriefSnapshot).decode
decode_shown = msgspec.json.Decoder(list[ShownPermission]).decode
