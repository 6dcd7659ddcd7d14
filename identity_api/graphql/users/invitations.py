"""Invitations: an admin makes a user and hands over the link that is their only way in."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, get_args

import msgspec
import strawberry

from identity_api.accounts import invitations
from identity_api.accounts.invitations import MOST_DAYS, MOST_LISTED, PATH, Guest
from identity_api.db.invitations import Invitation as Record
from identity_api.db.invitations import State
from identity_api.errors import Problems
from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.summaries import (
    ProviderSummary,
    ProviderSummaryRow,
    UserSummary,
    UserSummaryRow,
    user_id,
)

DAYS: Final = 7


@enum_type(
    "The state of an invitation.",
    {
        "LIVE": "It works, as long as its maker may let somebody into the account.",
        "USED": "The person has come in with it.",
        "REVOKED": "It was revoked.",
        "EXPIRED": "Its time has passed.",
        "CLOSED": "Its user has another way in by now, or is disabled.",
    },
)
class InvitationState(StrEnum):
    """As `db.invitations` has it."""

    LIVE = "LIVE"
    USED = "USED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    CLOSED = "CLOSED"


assert {str(one) for one in InvitationState} == set(get_args(State))


@object_type(description="A link with which a new user comes in, once. Its address is told once, when it is made.")
class Invitation:
    """Of `db.invitations`."""

    id: strawberry.ID = strawberry.field(description="For `revokeInvitation`. `node(id)` does not know it.")
    user: UserSummary = strawberry.field(description="The user who was made with it.")
    email: str | None = strawberry.field(description="The user's e-mail address, if it is known.")
    provider: ProviderSummary | None = strawberry.field(
        description="The provider at which the person signs in; null if they choose a password."
    )
    state: InvitationState = strawberry.field(description="Whether it works, or why not.")
    made_by: str = strawberry.field(description="Who made it, as the audit names them.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="Until when it works at most.")

    @resolved(str, "Who made it, by name: a username, `operator:<name>` or `system`; `madeBy` if they are gone.")
    async def made_by_name(self, info: Info) -> str:
        """One statement for all of a list."""
        source: Any = self  # what is resolved is the row
        return await info.context.actor_names.load(source.record.made_by)


class InvitationRow(msgspec.Struct, frozen=True):
    """The row behind `Invitation`."""

    record: Record

    def __getattr__(self, name: str) -> object:
        return getattr(self.record, name)

    @property
    def id(self) -> str:
        """Of the row."""
        return str(self.record.id)

    @property
    def state(self) -> str:
        """A member of `InvitationState`."""
        return self.record.state

    @property
    def user(self) -> UserSummaryRow:
        """Who is invited."""
        return UserSummaryRow(self.record.user_id, self.record.username, self.record.display_label)

    @property
    def provider(self) -> ProviderSummaryRow | None:
        """Where they sign in."""
        one = self.record
        if one.provider_id is None:
            return None
        return ProviderSummaryRow(one.provider_id, one.provider_slug or "", one.provider_label or "")


@object_type(description="The user is made, and this is the link for them.")
class InvitationCreated:
    """Of `createInvitation`."""

    invitation_id: strawberry.ID = strawberry.field(description="For `revokeInvitation`.")
    user_id: strawberry.ID = strawberry.field(description="The id of the new user.")
    url: str = strawberry.field(
        description="The link. Whoever has it can come in as the user; it is not shown again, and nothing is sent to anybody."
    )
    expires_at: datetime = strawberry.field(description="When the link stops working.")

    is_type_of = is_row_of(lambda: InvitationCreatedRow)


class InvitationCreatedRow(msgspec.Struct, frozen=True):
    """The row behind `InvitationCreated`."""

    invitation_id: str
    user_id: str
    url: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"InvitationCreatedRow({self.invitation_id})"


@object_type(description="The invitation is revoked. Its user stays, without a way in.")
class InvitationRevoked:
    """Of `revokeInvitation`."""

    invitation_id: strawberry.ID = strawberry.field(description="The id of the invitation.")

    is_type_of = is_row_of(lambda: InvitationRevokedRow)


class InvitationRevokedRow(msgspec.Struct, frozen=True):
    """The row behind `InvitationRevoked`."""

    invitation_id: str


@strawberry.input(description="Whom to invite: a user who is not here yet.")
class CreateInvitationInput:
    """Fields of `accounts.invitations.Guest`."""

    username: str = strawberry.field(
        description="The username of the new user, unique within the tenant; it may be an e-mail address."
    )
    display_label: str | None = strawberry.field(
        default=None, description="The name shown to people. Null takes the username."
    )
    email: str | None = strawberry.field(default=None, description="The e-mail address, if it is known.")
    provider: strawberry.ID | None = strawberry.field(
        default=None,
        description="The id of the provider at which the person signs in. Null lets them choose a password, where the tenant "
        "has passwords.",
    )
    permissions: list[strawberry.ID] = strawberry.field(
        default_factory=list,
        description="The ids of permissions that the user is given by hand; they are in force once the person has come in. "
        "Needs `identity:grants:write` too.",
    )
    days: int = strawberry.field(default=DAYS, description=f"For how many days the link works, from 1 to {MOST_DAYS}.")


@strawberry.input(description="Which invitation to revoke.")
class RevokeInvitationInput:
    """Which."""

    invitation_id: str = strawberry.field(description="The id of the invitation.")


@object_type("Query")
class InvitationQueries:
    """Root fields about invitations."""

    @resolved(
        list[Invitation] | None,
        f"The tenant's invitations: all that wait, then the newest of the others, {MOST_LISTED} at most.",
    )
    async def invitations(self, info: Info) -> list[InvitationRow]:
        """Also those that have ended."""
        context = info.context
        return [
            InvitationRow(one) for one in await invitations.list_invitations(context.deps.database, context.tenant_id)
        ]


@object_type("Mutation")
class InvitationMutations:
    """Root fields that make and revoke invitations."""

    @mutation(
        "CreateInvitationPayload",
        InvitationCreated,
        "Make a user, and a link with which one person comes in as them, once; it never opens an account that has a way in.",
    )
    async def create_invitation(self, info: Info, input: CreateInvitationInput) -> InvitationCreatedRow:
        """The link is worth what its maker may give."""
        context, problems = info.context, Problems()
        guest = Guest(username=input.username, display_label=input.display_label, email=input.email, days=input.days)
        problems.read("username", lambda: invitations.check_guest(guest))
        provider = input.provider
        provider_id = None if provider is None else problems.read("provider", lambda: ids.row_id(provider, "Provider"))
        wanted = tuple(ids.row_ids(problems, "permissions", input.permissions, "Permission"))
        problems.tell()
        guest = msgspec.structs.replace(guest, provider_id=provider_id, permissions=wanted)
        made = await invitations.invite(context.deps.database, context.actor, guest)
        one, url = made.invitation, f"{context.base_url}{PATH}{made.token}"
        return InvitationCreatedRow(str(one.id), user_id(one.user_id), url, one.expires_at)

    @mutation("RevokeInvitationPayload", InvitationRevoked, "End an invitation; its user stays, without a way in.")
    async def revoke_invitation(self, info: Info, input: RevokeInvitationInput) -> InvitationRevokedRow:
        """Once."""
        context = info.context
        ended = await invitations.revoke(context.deps.database, context.actor, ids.plain(input.invitation_id))
        return InvitationRevokedRow(str(ended.id))
