"""Identities: the links from users to their accounts at providers, and whether each can still be relied on."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, get_args
from uuid import UUID

import msgspec
import strawberry

from identity_api.claims import Completeness
from identity_api.db import listings
from identity_api.db.listings import IdentityState as StateName
from identity_api.db.told_ends import BY_PROVIDER, ToldEnd
from identity_api.db.user_read_model import UserRecord
from identity_api.graphql import connections, ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.audit.events import HISTORY, AuditEvent, AuditEventRow, history_of
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.summaries import ProviderSummary, ProviderSummaryRow, Row, UserSummary, UserSummaryRow
from identity_api.oidc.login_end_cause import LoginEndCause, login_end_cause
from identity_api.permissions.grant_snapshot import IdentityFact, ProviderCircumstances, needs_sign_in

identity_id = ids.encoder("Identity")


@enum_type(
    "Whether an identity can be counted on.",
    {
        "FRESH": "The provider has confirmed it lately.",
        "STALE": "It is not confirmed now; `stateReason` says why. What it gives stays in force until its lease ends.",
        "REVOKED": "The login has ended; the person has to sign in again.",
        "QUARANTINED": "The provider's claims for this identity are now about another person. An admin can end this "
        "with `releaseIdentity`.",
        "UNSYNCED": "The provider is not asked between logins.",
        "SUSPENDED": "It is stale and its lease has ended, so its groups give nothing now.",
        "DISABLED": "Its user or its provider is disabled.",
    },
)
class IdentityState(StrEnum):
    """Stored, but for the last two, which follow from leases and switches."""

    FRESH = "FRESH"
    STALE = "STALE"
    REVOKED = "REVOKED"
    QUARANTINED = "QUARANTINED"
    UNSYNCED = "UNSYNCED"
    SUSPENDED = "SUSPENDED"
    DISABLED = "DISABLED"


assert {state.value for state in IdentityState} == set(get_args(StateName))
enum_type(
    "How far the last reading of groups can be trusted.",
    {
        "COMPLETE": "All groups were read.",
        "EMPTY": "The provider says that the person is in no group.",
        "TRUNCATED": "Some groups were read, but the list is cut off.",
        "UNREADABLE": "The groups claim could not be read.",
        "UNKNOWN": "Nothing is known of the groups.",
    },
    name="GroupsCompleteness",
)(Completeness)


enum_type(
    "Why a provider ended a login, as far as its message tells. It is for people to read and decides nothing.",
    {
        "REMOVED": "The person was removed or locked, or may not use this application any more.",
        "INACTIVE": "The refresh token was not used for too long, or is too old.",
        "SESSION_ENDED": "The person's session at the provider has ended.",
        "CREDENTIALS_CHANGED": "The person's password was changed, reset or has expired.",
        "NOT_TOLD": "The message does not tell.",
    },
)(LoginEndCause)


@object_type(description="How the provider ended a login.")
class LoginEnd:
    """As the audit has it."""

    cause: LoginEndCause = strawberry.field(
        description="Why the provider ended the login, as far as its message tells."
    )
    at: datetime = strawberry.field(description="When the provider ended it.")
    said: str | None = strawberry.field(
        description="The provider's own words, without control characters, at most 600 characters. Null if it said "
        "nothing."
    )


class LoginEndRow(msgspec.Struct, frozen=True):
    """The row behind `LoginEnd`."""

    told: ToldEnd

    @property
    def cause(self) -> LoginEndCause:
        """By the words."""
        return login_end_cause(self.told.said)

    @property
    def at(self) -> datetime:
        """Of the event."""
        return self.told.at

    @property
    def said(self) -> str | None:
        """Cleaned when it was recorded."""
        return self.told.said


@object_type(description="The link from a user to one person at one provider.")
class Identity(Node):
    """Its last verified state, and until when that counts."""

    user: UserSummary = strawberry.field(description="Whose identity it is.")
    provider: ProviderSummary = strawberry.field(description="The provider at which the person signs in.")
    issuer: str = strawberry.field(description="The issuer URL of that provider.")
    subject: str | None = strawberry.field(
        description="The provider's id of the person. Null for a waiting identity, until its first login."
    )
    state: IdentityState = strawberry.field(description="Whether the identity can be counted on.")
    state_reason: str | None = strawberry.field(
        description="Why it is in this state, as a code; null if there is nothing to explain."
    )
    needs_sign_in: bool = strawberry.field(
        description="Whether only a new login can confirm it again. What its groups give may stay in force until the lease "
        "ends."
    )
    state_since: datetime = strawberry.field(
        description="When it entered its stored state. `SUSPENDED` and `DISABLED` are not stored."
    )
    signed_in_at: datetime = strawberry.field(description="When the person last signed in with it.")
    permissions_valid_until: datetime | None = strawberry.field(
        description="Until when its groups count, unless a sync extends it. Null if they have not been confirmed."
    )
    signed_in_until: datetime | None = strawberry.field(
        description="Until when it counts as a way in; null if it does not."
    )
    verified_at: datetime | None = strawberry.field(
        description="When its provider last confirmed it; null if it never did."
    )
    next_sync_at: datetime | None = strawberry.field(description="When the next sync is due; null if none is.")
    groups_completeness: Completeness = strawberry.field(
        description="How far the last reading of its groups can be trusted."
    )

    @resolved(
        LoginEnd | None,
        "How the provider ended the login; null if it did not, or if its audit event is gone. Needs `identity:users:read`.",
    )
    async def login_end(self, info: Info) -> LoginEndRow | None:
        """One statement for all identities of a page."""
        source: Any = self  # what is resolved is the row
        if source.state != "REVOKED" or source.state_reason not in BY_PROVIDER:
            return None
        told = await info.context.told_ends.load(source.row_id)
        return None if told is None else LoginEndRow(told)

    @resolved(list[AuditEvent] | None, HISTORY)
    async def history(self, info: Info) -> list[AuditEventRow]:
        """One statement for all of a page."""
        source: Any = self  # what is resolved is the row
        return await history_of(info.context, source.record.id)

    is_type_of = is_row_of(lambda: IdentityRow | ListedIdentityRow)


class IdentityRow(msgspec.Struct, frozen=True, gc=False):
    """The row behind `Identity`, from the facts and leases of a user who has been read."""

    owner: UserRecord
    fact: IdentityFact
    provider: ProviderSummaryRow
    state: str

    @property
    def id(self) -> str:
        """The global id."""
        return identity_id(self.fact.id)

    @property
    def row_id(self) -> UUID:
        """Of the table."""
        return UUID(self.fact.id)

    @property
    def user(self) -> UserSummaryRow:
        """Its user. A new row each time: a row that held its owner's row would be a cycle for the collector."""
        return UserSummaryRow(self.owner.id, self.owner.username, self.owner.display_label)

    @property
    def issuer(self) -> str:
        """As the provider is named."""
        return self.fact.issuer

    @property
    def subject(self) -> str | None:
        """As the provider names the person."""
        return self.fact.subject

    @property
    def state_reason(self) -> str | None:
        """A code."""
        return self.fact.state_reason

    @property
    def needs_sign_in(self) -> bool:
        """By its stored state."""
        return needs_sign_in(self.fact.state, self.fact.state_reason)

    @property
    def state_since(self) -> datetime:
        """When the stored state was entered."""
        return datetime.fromisoformat(self.fact.state_since)

    @property
    def signed_in_at(self) -> datetime:
        """The last login."""
        return datetime.fromisoformat(self.fact.signed_in_at)

    @property
    def permissions_valid_until(self) -> datetime | None:
        """The lease of its groups."""
        return self.owner.circumstances.leases[self.fact.id].groups_valid_until

    @property
    def signed_in_until(self) -> datetime | None:
        """The lease of the login."""
        return self.owner.circumstances.leases[self.fact.id].signed_in_until

    @property
    def verified_at(self) -> datetime | None:
        """The last confirmation."""
        return self.owner.syncs[self.fact.id].verified_at

    @property
    def next_sync_at(self) -> datetime | None:
        """When a sync is due."""
        return self.owner.syncs[self.fact.id].due_at

    @property
    def groups_completeness(self) -> str:
        """Of the last reading."""
        return self.owner.syncs[self.fact.id].groups_completeness


class ListedIdentityRow(Row, frozen=True):
    """The row behind `Identity`, from the statement that lists them; the record is an `IdentityRecord`."""

    @property
    def id(self) -> str:
        """The global id."""
        return identity_id(self.record.id)

    @property
    def row_id(self) -> UUID:
        """Of the table."""
        value: UUID = self.record.id
        return value

    @property
    def user(self) -> UserSummaryRow:
        """Whose it is."""
        return UserSummaryRow(self.record.user_id, self.record.username, self.record.display_label)

    @property
    def provider(self) -> ProviderSummaryRow:
        """Where it is."""
        return ProviderSummaryRow(self.record.provider_id, self.record.provider_slug, self.record.provider_label)

    @property
    def needs_sign_in(self) -> bool:
        """By its state."""
        return needs_sign_in(self.record.state, self.record.state_reason)

    @property
    def permissions_valid_until(self) -> datetime | None:
        """The lease of its groups."""
        value: datetime | None = self.record.groups_valid_until
        return value

    @property
    def next_sync_at(self) -> datetime | None:
        """When a sync is due."""
        value: datetime | None = self.record.due_at
        return value


def state_of(user: UserRecord, fact: IdentityFact, provider: ProviderCircumstances, at: datetime) -> str:
    """The state shown of a user's identity; the twin of the statement in `db.listings`."""
    if fact.state in ("REVOKED", "QUARANTINED"):
        return fact.state
    if user.disabled_at is not None or not provider.enabled:
        return "DISABLED"
    lease = user.circumstances.leases.get(fact.id)
    is_over = lease is None or lease.groups_valid_until is None or lease.groups_valid_until <= at
    return "SUSPENDED" if fact.state == "STALE" and is_over else fact.state


@strawberry.input(description="Which identities to list. All criteria have to hold; null leaves a criterion out.")
class IdentityFilter:
    """What identities to list; null leaves a criterion out."""

    state: IdentityState | None = strawberry.field(default=None, description="Only identities in this state.")
    provider: strawberry.ID | None = strawberry.field(
        default=None, description="Only identities at the provider with this id."
    )


class _Where(msgspec.Struct, frozen=True):
    state: StateName | None
    provider_id: UUID | None


def _position(row: ListedIdentityRow) -> str:
    return str(row.record.id)


@object_type("Query")
class IdentityQueries:
    """Root fields about identities."""

    @resolved(Connection[Identity] | None, "The tenant's identities, oldest first.")
    async def identities(
        self,
        info: Info,
        filter: Annotated[
            IdentityFilter | None, strawberry.argument(description="Which identities to list; null lists all.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page."""
        context, page = info.context, connections.asked(first, after, last, before)
        asked = filter or IdentityFilter()
        where = _Where(
            asked.state.value if asked.state is not None else None,
            ids.row_id(asked.provider, "Provider") if asked.provider is not None else None,
        )
        of = connections.listing(context, "identities", _position, where=where)
        position = await connections.opened(context, of, page, UUID)
        async with context.reading() as connection:
            found = await listings.identities(
                connection,
                context.tenant_id,
                state=where.state,
                provider_id=where.provider_id,
                after=position,
                first=page.size,
                backward=page.is_backward,
            )
            if not found and where.provider_id is not None:
                # Only now, so that an ordinary page stays one statement.
                await ids.check_exists(connection, context.tenant_id, "Provider", where.provider_id)
        return connections.paged(of, [ListedIdentityRow(record) for record in found], page)


async def load_identity(context: Context, row_id: UUID) -> ListedIdentityRow:
    """The identity, for users who may read its user.

    Raises:
        Refused: it is not the actor's own, and they may not read users; the answer does not show whether it exists.
        NotFound: the tenant has no such row.
    """
    found = await load_identities(context, [row_id])
    if not found:
        raise ids.not_found("Identity")
    return found[0]


async def load_identities(context: Context, row_ids: Sequence[UUID]) -> list[ListedIdentityRow]:
    """Those of these identities that are this tenant's.

    Raises:
        Refused: one is not the actor's own, and they may not read users.
    """
    own = {fact.id for fact in context.authenticated.user.facts.identities}
    for row_id in row_ids:
        require(NODES["Identity"], context, about=context.user_id if str(row_id) in own else None)
    async with context.reading() as connection:
        found = await listings.identities_by_id(connection, context.tenant_id, row_ids)
    return [ListedIdentityRow(one) for one in found]
