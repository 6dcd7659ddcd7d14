"""The rows of the tenant in memory (`tests.permissions.reach`): a few numbers each, and permissions as bits."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from identity_api.permissions import provider_authority
from identity_api.permissions.service import ADMINISTERING, MAPPINGS_WRITE, SERVICE_PERMISSIONS
from identity_api.permissions.ways_in import Right, Rights

RIGHTS = (*[Right(name) for name in SERVICE_PERMISSIONS], Right("docs:read"), Right("vault:open", delegable=False))
BIT = {right.name: 1 << place for place, right in enumerate(RIGHTS)}
SERVICE = sum(BIT[name] for name in SERVICE_PERMISSIONS)
DOCS, VAULT = BIT["docs:read"], BIT["vault:open"]
ALL = SERVICE | DOCS | VAULT
ADMIN_BITS = [BIT[name] for name in sorted(ADMINISTERING)]
TENANT = UUID(int=1)
HONEST = -1
"""Where a provider answers that nobody here controls."""
GROUPS = (0, 1)


@cache
def rights(bits: int) -> Rights:
    return frozenset([right for right in RIGHTS if bits & BIT[right.name]])


@cache
def names(bits: int) -> frozenset[str]:
    return frozenset([right.name for right in rights(bits)])


@cache
def bits_of(found: Rights) -> int:
    return sum(BIT[right.name] for right in found)


def may_give(bits: int) -> int:
    """What somebody who holds these may give, said in bits: the bound of what an action of theirs may add anywhere."""
    return bits | (DOCS if bits & BIT[MAPPINGS_WRITE] else 0)


@dataclass(slots=True)
class Identity:
    """A person of a provider, linked to an account; without a subject it waits."""

    id: int
    provider: int
    anchor: int
    subject: int | None = None
    issuer: int = HONEST
    groups: frozenset[int] = frozenset()
    grants: dict[tuple[int, int], int] = field(default_factory=dict)
    """What each mapping gave for each group."""
    state: str = "WAITING"

    def copy(self) -> "Identity":
        return Identity(
            self.id, self.provider, self.anchor, self.subject, self.issuer, self.groups, dict(self.grants), self.state
        )


class Invitation(NamedTuple):
    """Who has its link, whose account made it, and where they are to sign in; None: by a password."""

    holder: int
    maker: int
    provider: int | None


@dataclass(slots=True)
class Account:
    """A user. Who knows the password, has the link, the token, the invitation or a session is a person's number."""

    id: int
    name: int | None
    enabled: bool = True
    manual: int = 0
    password: int | None = None
    factor: int | None = None
    link: int | None = None
    token: int | None = None
    invitation: "Invitation | None" = None
    sessions: frozenset[tuple[int, int | None]] = frozenset()
    """Whose, and by which identity; None: by the password."""
    identities: list[Identity] = field(default_factory=list)
    was_linked: bool = False
    was_bound: bool = False

    def copy(self) -> "Account":
        return Account(
            self.id, self.name, self.enabled, self.manual, self.password, self.factor, self.link, self.token,
            self.invitation, self.sessions, [one.copy() for one in self.identities], self.was_linked, self.was_bound,
        )  # fmt: skip

    @property
    def awaits_guest(self) -> bool:
        """Whether an invitation opens it, if its maker may."""
        return self.invitation is not None and self.enabled and self.password is None and not self.was_linked

    @property
    def held(self) -> int:
        found = self.manual
        for identity in self.identities:
            for given in identity.grants.values():
                found |= given
        return found


@dataclass(slots=True)
class Provider:
    """Where it answers, and which of its claims people there choose themselves."""

    id: int
    issuer: int = HONEST
    place: int = HONEST
    free: frozenset[str] = frozenset()
    provisioning: str = "JIT"
    adopts: bool = False
    mode: str = "ADDITIVE"
    enabled: bool = True
    sync: str = "REFRESH_TOKEN"
    is_new: bool = False
    """Made by an admin: what it would say once more of it counts is for whoever lets it count."""

    def copy(self) -> "Provider":
        return Provider(
            self.id,
            self.issuer,
            self.place,
            self.free,
            self.provisioning,
            self.adopts,
            self.mode,
            self.enabled,
            self.sync,
            self.is_new,
        )

    @property
    def matches_names(self) -> bool:
        return self.adopts or self.provisioning == "KNOWN_USERS"

    def settings(self) -> dict[str, Any]:
        """As the real rule reads a provider's settings."""
        return {
            **_SETTINGS,
            "issuer": self.issuer,
            "discovery_url": self.place,
            "claims.anchor": "anchor" in self.free,
            "claims.username": "name" in self.free,
            "claims.groups": "groups" in self.free,
            "provisioning": self.provisioning,
            "adopt_by_name": self.adopts,
            "sync_mode": self.mode,
            "enabled": self.enabled,
            "sync": self.sync,
        }


_SETTINGS: dict[str, Any] = {
    **dict.fromkeys(provider_authority.SETTINGS, None),
    "scopes": (),
    "sync_interval_seconds": 300,
    "outage_grace_seconds": 14_400,
    "unsynced_lease_seconds": 86_400,
    "max_concurrent": 20,
    "absent_groups": "EMPTY",
}


@dataclass(slots=True)
class GroupMapping:
    provider: int | None
    group: int
    given: int
    live: bool = True
