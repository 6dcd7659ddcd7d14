"""Sessions of a user, and the end of one."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
import strawberry

from identity_api.db import listings
from identity_api.db.listings import LiveSession
from identity_api.graphql import ids
from identity_api.graphql.access import ACCESS, NODES, PermissionRule, object_type, require
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import is_row_of
from identity_api.graphql.ids import Node
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.summaries import ProviderSummary, ProviderSummaryRow, Row, provider_summary
from identity_api.sessions.logout import logout
from identity_api.sessions.step_up import STEP_UP_AGE

session_id = ids.encoder("Session")


@enum_type(
    "How a session is carried.",
    {
        "COOKIE": "In a cookie of the browser.",
        "BEARER": "As a bearer token that a frontend sends.",
    },
)
class SessionKind(StrEnum):
    """In a browser's cookie, or as a bearer token of a frontend."""

    COOKIE = "COOKIE"
    BEARER = "BEARER"


@object_type(description="A browser or a frontend that is signed in as the user. Only live sessions are shown.")
class Session(Node):
    """A session as its user and admins see it."""

    kind: SessionKind = strawberry.field(description="How the session is carried.")
    provider: ProviderSummary | None = strawberry.field(
        description="The provider at which the user signed in; null for a local password."
    )
    device: str | None = strawberry.field(
        description=(
            "The browser and the system that it was begun with, as the browser calls itself, such as `Firefox (Linux)`;"
            " null if it names none that is known, as programs do. It proves nothing."
        )
    )
    address: str | None = strawberry.field(
        description=(
            "Where it was begun: an IPv4 address, or an IPv6 network of 64 bits; null if it is not known. A browser names no"
            " place, and none is looked up."
        )
    )
    is_current: bool = strawberry.field(description="Whether it is the session of this request.")
    created_at: datetime = strawberry.field(description="When the session began.")
    seen_at: datetime = strawberry.field(description="When the session last made a request, to the minute.")
    authenticated_at: datetime = strawberry.field(
        description="When the user last authenticated; 1970 if the provider could have sent `auth_time` and did not."
    )
    elevated_until: datetime | None = strawberry.field(
        description="Until when sensitive mutations need no step-up; null if they need one now."
    )
    expires_at: datetime = strawberry.field(description="When the session ends at the latest.")
    idle_until: datetime = strawberry.field(description="When the session ends unless it is used before.")

    is_type_of = is_row_of(lambda: SessionRow)


class SessionRow(Row, frozen=True):
    """The row behind `Session`; the record is a `LiveSession`."""

    is_current: bool
    elevated_until: datetime | None

    @property
    def id(self) -> str:
        """The global id."""
        return session_id(self.record.id)

    @property
    def provider(self) -> ProviderSummaryRow | None:
        """Where it signed in."""
        return provider_summary(self.record.provider_id, self.record.provider_slug, self.record.provider_label)


def session_row(context: Context, session: LiveSession) -> SessionRow:
    """A session as the request at hand sees it."""
    until = session.authenticated_at + STEP_UP_AGE
    is_current = session.id == context.authenticated.session_id
    return SessionRow(session, is_current, until if context.authenticated.at < until else None)


def current_session(context: Context) -> SessionRow | None:
    """The session of the request, as authentication has read it; None for an API token."""
    authenticated = context.authenticated
    kind = authenticated.kind
    if kind == "API_TOKEN" or authenticated.seen_at is None or authenticated.idle_until is None:
        return None
    provider = None
    for fact in authenticated.user.facts.identities:
        if fact.id == str(authenticated.identity_id):
            provider = authenticated.tenant.providers[fact.provider_id]
    session = LiveSession(
        id=authenticated.session_id,
        user_id=context.user_id,
        kind=kind,
        device=authenticated.device,
        address=authenticated.address,
        provider_id=UUID(provider.id) if provider else None,
        provider_slug=provider.slug if provider else None,
        provider_label=provider.label if provider else None,
        created_at=authenticated.issued_at,
        seen_at=authenticated.seen_at,
        authenticated_at=authenticated.authenticated_at,
        expires_at=authenticated.expires_at,
        idle_until=authenticated.idle_until,
    )
    return session_row(context, session)


@strawberry.input(description="Which session to end.")
class EndSessionInput:
    """Which session."""

    id: strawberry.ID = strawberry.field(
        description="The id of the session. Sessions of other users need `identity:users:write`."
    )


@object_type(description="The session has ended.")
class SessionEnded:
    """Of `endSession`."""

    ended_id: strawberry.ID = strawberry.field(description="The id of the session that has ended.")

    is_type_of = is_row_of(lambda: SessionEndedRow)


class SessionEndedRow(msgspec.Struct, frozen=True):
    """The row behind `SessionEnded`."""

    ended_id: str


@object_type("Mutation")
class SessionMutations:
    """Root fields that change sessions."""

    @mutation("EndSessionPayload", SessionEnded, "End a session: one's own, or anybody's.")
    async def end_session(self, info: Info, input: EndSessionInput) -> SessionEndedRow:
        """The session's next request is answered 401."""
        context = info.context
        session = await load_session(context, ids.row_id(input.id, "Session"), ACCESS["Mutation.endSession"])
        database, row_id = context.deps.database, session.record.id
        if session.record.user_id == context.user_id:
            actor = context.authenticated.actor
            await logout.end_session(database, context.tenant_id, row_id, reason="signed_out", actor=actor)
        else:
            await logout.end_session_of_user(database, context.actor, row_id)
        return SessionEndedRow(session.id)


async def load_session(context: Context, row_id: UUID, rule: PermissionRule = NODES["Session"]) -> SessionRow:
    """The session, for its own user or for users whom the rule allows.

    Raises:
        Refused: it is not the actor's own, whether or not it exists.
        NotFound: the tenant has no live session with this id.
    """
    async with context.reading() as connection:
        session = await listings.live_session(
            connection, context.tenant_id, row_id, idle_seconds=context.deps.session_idle_seconds
        )
    require(rule, context, about=session.user_id if session is not None else None)
    if session is None:
        raise ids.not_found("Session")
    return session_row(context, session)
