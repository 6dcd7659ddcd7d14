"""Authenticate a request: find the session, its user and permissions, with one statement at the beginning of every request.

A token is a reference: 32 random bytes behind its kind and its tenant (`ids`). Every request reads the row, in
the same snapshot as the user, their facts and leases. Nothing is cached, so the end of a session, a disabled user or a
raised epoch takes effect with the next request.
"""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from identity_api.db import sessions
from identity_api.db.database import Connection
from identity_api.db.sessions import Token
from identity_api.db.user_read_model import UserRecord, WantedUser
from identity_api.ids import token_key
from identity_api.lazy import lazy
from identity_api.permissions.effective import Standing, standing
from identity_api.permissions.grant_snapshot import IdentityFact, TenantCircumstances

MAX_TOKEN_LENGTH = 96
SESSION_PREFIXES = ("ias_", "iab_")
_API_TOKEN_PREFIX = "iat_"  # noqa: S105  # the prefix of a token, not one
_SEEN_EVERY = timedelta(minutes=1)
_ACTIVE_EVERY = timedelta(hours=1)


class Authenticated:
    """A live token, its user, and what they may do as of the statement that read it.

    `session_id` is the session's id, or the API token's; `kind` tells which.
    """

    def __init__(self, token: Token) -> None:
        self._token = token
        self.session_id: UUID = token.id
        self.kind: Literal["COOKIE", "BEARER", "API_TOKEN"] = token.kind
        self.tenant_id: UUID = token.tenant_id
        self.tenant_slug: str = token.tenant_slug
        self.identity_id: UUID | None = token.identity_id
        self.user: UserRecord = token.user
        self.tenant: TenantCircumstances = token.circumstances
        self.authenticated_at: datetime = token.authenticated_at
        self.device: str | None = token.device
        self.address: str | None = token.address
        self.issued_at: datetime = token.issued_at
        self.seen_at: datetime | None = token.seen_at
        self.expires_at: datetime = token.expires_at
        self.idle_until: datetime | None = token.idle_until
        self.at: datetime = token.at
        self.read_ahead = token.read_ahead
        """Wanted users, as of the same moment."""
        self.may_change: bool = token.may_change
        """An API token that may change permissions without a person present."""

    def __repr__(self) -> str:
        return f"Authenticated({self.kind}, session_id={self.session_id}, user_id={self.user.id})"

    @property
    def is_sso(self) -> bool:
        """Whether the session came from a provider, rather than from a local password or an API token."""
        return self.identity_id is not None

    @property
    def identity(self) -> IdentityFact | None:
        """The one they signed in with; None for a local password and an API token."""
        wanted = None if self.identity_id is None else str(self.identity_id)
        return next((one for one in self.user.facts.identities if one.id == wanted), None)

    @property
    def subject(self) -> str:
        """The provider's name for the person; without a provider, this service's id of the user."""
        identity = self.identity
        return identity.subject or str(self.user.id) if identity else str(self.user.id)

    @property
    def actor(self) -> str:
        """The user as an actor in the audit."""
        return f"user:{self.user.id}"

    @property
    def changes_by_itself_at(self) -> datetime:
        """The latest time until which this result is valid if nothing changes: the end of the session or of a lease."""
        leases = [at for one in self.user.syncs.values() for at in (one.signed_in_until, one.groups_valid_until)]
        ends = [self.expires_at, self.idle_until, *leases]
        return min([at for at in ends if at is not None and at > self.at], default=self.expires_at)

    @lazy
    def standing(self) -> Standing:
        """The permissions in force, with their reasons (I1)."""
        return standing(self.user.facts, self.user.circumstances, self.tenant, self.at)

    @property
    def permissions(self) -> frozenset[str]:
        """The names of the permissions in force; with an API token, those of them that it is limited to."""
        names, limited_to = self.standing.names, self._token.limited_to
        return names & limited_to if limited_to else names


async def authenticate(
    connection: Connection, token: str, *, idle_seconds: int, wanted: WantedUser | None = None
) -> Authenticated | None:
    """The user of this live session or API token; None for any other token. The `wanted` user may be in its `read_ahead`.

    The same answer for a token that is unknown, ended, unused for `idle_seconds`, expired, of a past epoch, of a
    disabled user, or of a login whose identity was revoked or quarantined or whose provider was disabled.
    """
    kind = kind_of(token)
    if kind == "SESSION":
        found = await sessions.authenticate_session(
            connection, *token_key(token), idle_seconds=idle_seconds, wanted=wanted
        )
    elif kind == "API_TOKEN":
        found = await sessions.authenticate_api_token(connection, *token_key(token), wanted=wanted)
    else:
        return None
    return None if found is None else Authenticated(found)


def kind_of(token: str) -> Literal["SESSION", "API_TOKEN"] | None:
    """What a text would be if it were a token; None if it cannot be one."""
    if len(token) > MAX_TOKEN_LENGTH:
        return None
    if token.startswith(SESSION_PREFIXES):
        return "SESSION"
    return "API_TOKEN" if token.startswith(_API_TOKEN_PREFIX) else None


def needs_touch(authenticated: Authenticated) -> bool:
    """Whether a write is due: `seen_at` once a minute, the user's `active_at` once an hour. Reads nothing."""
    seen_at, at = authenticated.seen_at, authenticated.at
    is_seen = seen_at is not None and at - seen_at < _SEEN_EVERY
    return not is_seen or at - authenticated.user.active_at >= _ACTIVE_EVERY


async def touch(connection: Connection, authenticated: Authenticated) -> None:
    """Note that the session was used and its user is active. After the answer, and only if `needs_touch`."""
    await sessions.touch(
        connection, authenticated.kind, authenticated.tenant_id, authenticated.session_id, authenticated.user.id
    )
