"""API tokens: what programs of a user may do, until when, and who makes and ends them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, get_args
from uuid import UUID

import msgspec
import strawberry

from identity_api.accounts import api_tokens
from identity_api.accounts.api_tokens import MAX_API_TOKEN_DAYS, TokenWish
from identity_api.db import clients, permissions
from identity_api.db.clients import ApiTokenLine
from identity_api.errors import Problems
from identity_api.graphql import connections, ids
from identity_api.graphql.access import ACCESS, NODES, PermissionRule, object_type, require
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.summaries import (
    PermissionReference,
    PermissionReferenceRow,
    Row,
    UserSummary,
    UserSummaryRow,
)
from identity_api.lifecycle.end_login import OlderWaysReason

api_token_id = ids.encoder("ApiToken")


@enum_type(
    "Why an API token was ended before it expired.",
    {
        "REVOKED": "Somebody revoked it.",
        "ROTATED": "Another one has taken its place.",
        "USER_DISABLED": "Its user was disabled.",
        "USER_ERASED": "Its user was erased.",
        "BREAK_GLASS_REVOKED": "Its user was let in for an emergency, and that was revoked.",
        "NO_WAY_IN": "Its user was left without a way to sign in: the audit says what ended the last one.",
        "NEW_OWNER": "Its user's first login at a provider showed whose account it is, which ends the earlier ways in.",
        "OPERATOR": "The operator ended all tokens of the tenant.",
    },
)
class ApiTokenEndReason(StrEnum):
    """Fewer than rows have: what ended a login is the login's own matter."""

    REVOKED = "REVOKED"
    ROTATED = "ROTATED"
    USER_DISABLED = "USER_DISABLED"
    USER_ERASED = "USER_ERASED"
    BREAK_GLASS_REVOKED = "BREAK_GLASS_REVOKED"
    NO_WAY_IN = "NO_WAY_IN"
    NEW_OWNER = "NEW_OWNER"
    OPERATOR = "OPERATOR"


_END_REASONS: Final = {
    "revoked": ApiTokenEndReason.REVOKED,
    "rotated": ApiTokenEndReason.ROTATED,
    "user_disabled": ApiTokenEndReason.USER_DISABLED,
    "user_erased": ApiTokenEndReason.USER_ERASED,
    "break_glass_revoked": ApiTokenEndReason.BREAK_GLASS_REVOKED,
    "operator": ApiTokenEndReason.OPERATOR,
    **dict.fromkeys(get_args(OlderWaysReason), ApiTokenEndReason.NEW_OWNER),
}
"""As rows have it; every other reason is one for which a login or a password ended."""


@object_type(description="A token with which a program acts as a user. The token itself is shown only when it is made.")
class ApiToken(Node):
    """Of a user; it ends with their logins."""

    name: str = strawberry.field(description="What it is for, for people.")
    user: UserSummary = strawberry.field(description="The user as whom it acts.")
    may_change: bool = strawberry.field(
        description="Whether it may change mappings, permissions and grants by hand without a step-up."
    )
    is_live: bool = strawberry.field(description="Whether it works now.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime = strawberry.field(description="When it ends at the latest.")
    seen_at: datetime | None = strawberry.field(
        description="When it was last used, to the minute; null if it never was."
    )
    ended_at: datetime | None = strawberry.field(description="When it was ended before it expired; null if it was not.")
    ended_reason: ApiTokenEndReason | None = strawberry.field(
        description="Why it was ended before it expired; null if it was not."
    )

    @resolved(
        list[PermissionReference] | None,
        "The permissions that it is limited to, by name, as far as they still exist. Null if it may do all that its user "
        "may.",
    )
    async def permissions(self, info: Info) -> list[PermissionReferenceRow] | None:
        """One statement for all of a page."""
        source: Any = self  # what is resolved is the row
        names: tuple[str, ...] = source.record.permissions
        if not names:
            return None
        found = await info.context.permissions_named.load_many(names)
        return [PermissionReferenceRow(one.id, one.name) for one in found if one is not None]

    is_type_of = is_row_of(lambda: ApiTokenRow)


class ApiTokenRow(Row, frozen=True):
    """The row behind `ApiToken`; the record is an `ApiTokenLine`."""

    @property
    def id(self) -> str:
        """The global id."""
        return api_token_id(self.record.id)

    @property
    def ended_reason(self) -> ApiTokenEndReason | None:
        """By what has ended for its user."""
        stored = self.record.ended_reason
        return None if stored is None else _END_REASONS.get(stored, ApiTokenEndReason.NO_WAY_IN)

    @property
    def user(self) -> UserSummaryRow:
        """As whom it acts."""
        one = self.record
        return UserSummaryRow(one.user_id, one.username, one.display_label)


@strawberry.input(description="A token to make for a user. It cannot be oneself.")
class CreateApiTokenInput:
    """For whom, and what it may do."""

    user: strawberry.ID = strawberry.field(description="The id of the user as whom it acts.")
    name: str = strawberry.field(description="What it is for, for people.")
    days: int = strawberry.field(description=f"How long it lasts, from 1 to {MAX_API_TOKEN_DAYS} days.")
    permissions: list[strawberry.ID] = strawberry.field(
        description="The ids of the permissions that it is limited to, at least one. The actor holds each of them."
    )
    may_change: bool = strawberry.field(
        default=False, description="Whether it may change mappings, permissions and grants by hand without a step-up."
    )


@strawberry.input(description="Which token to replace.")
class RotateApiTokenInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The id of the token.")
    days: int = strawberry.field(description=f"How long the new one lasts, from 1 to {MAX_API_TOKEN_DAYS} days.")


@strawberry.input(description="Which token to end.")
class RevokeApiTokenInput:
    """Which."""

    id: strawberry.ID = strawberry.field(
        description="The id of the token. Tokens of other users need `identity:users:write`."
    )


@object_type(description="A new token. It is shown only here.")
class ApiTokenMade:
    """Of `createApiToken` and `rotateApiToken`."""

    api_token: ApiToken = strawberry.field(description="The token's settings.")
    value: str = strawberry.field(
        description="What the program sends as `Authorization: Bearer`. Anybody who has it can act as the user."
    )

    is_type_of = is_row_of(lambda: ApiTokenMadeRow)


class ApiTokenMadeRow(msgspec.Struct, frozen=True):
    """The row behind `ApiTokenMade`."""

    api_token: ApiTokenRow
    value: str

    def __repr__(self) -> str:
        return f"ApiTokenMadeRow({self.api_token!r})"


@object_type(description="The token has ended.")
class ApiTokenRevoked:
    """Of `revokeApiToken`."""

    api_token: ApiToken = strawberry.field(description="The token as it is now.")

    is_type_of = is_row_of(lambda: ApiTokenRevokedRow)


class ApiTokenRevokedRow(msgspec.Struct, frozen=True):
    """The row behind `ApiTokenRevoked`."""

    api_token: ApiTokenRow


def _position(row: ApiTokenRow) -> UUID:
    row_id: UUID = row.record.id
    return row_id


@object_type("Query")
class ApiTokenQueries:
    """Root fields about API tokens."""

    @resolved(Connection[ApiToken] | None, "The API tokens of the tenant's users, the oldest first.")
    async def api_tokens(
        self,
        info: Info,
        user: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Only tokens of the user with this id; null lists those of every user."),
        ] = None,
        live: Annotated[
            bool | None,
            strawberry.argument(description="True lists only tokens that work now, false only those that are over."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page."""
        context, page = info.context, connections.asked(first, after, last, before)
        user_id = None if user is None else ids.row_id(user, "User")
        of = connections.listing(context, "apiTokens", _position, where=[user_id, live])
        position = await connections.opened(context, of, page, UUID)
        async with context.reading() as connection:
            found = await clients.api_tokens(
                connection,
                context.tenant_id,
                after=position,
                first=page.size,
                backward=page.is_backward,
                live=live,
                user_id=user_id,
            )
            if not found and user_id is not None:
                await ids.check_exists(connection, context.tenant_id, "User", user_id)
        return connections.paged(of, [ApiTokenRow(one) for one in found], page)


@object_type("Mutation")
class ApiTokenMutations:
    """Root fields that make and end API tokens."""

    @mutation(
        "CreateApiTokenPayload",
        ApiTokenMade,
        "Make an API token for another user, which ends with their logins.",
    )
    async def create_api_token(self, info: Info, input: CreateApiTokenInput) -> ApiTokenMadeRow:
        """The answer has the token."""
        context, problems = info.context, Problems()
        user_id = problems.read("user", lambda: ids.row_id(input.user, "User"))
        wish = TokenWish(name=input.name, days=input.days, permissions=(), may_change=input.may_change)
        problems.read("name", lambda: api_tokens.check_wish(wish))
        wanted = ids.row_ids(problems, "permissions", input.permissions, "Permission")
        problems.tell()
        wish = msgspec.structs.replace(wish, permissions=await _names(context, wanted))
        made = await api_tokens.create_api_token(context.deps.database, context.actor, user_id, wish)
        return ApiTokenMadeRow(ApiTokenRow(made.line), made.token)

    @mutation(
        "RotateApiTokenPayload",
        ApiTokenMade,
        "Make another API token with the name, user and limits of an existing one, which ends at once.",
    )
    async def rotate_api_token(self, info: Info, input: RotateApiTokenInput) -> ApiTokenMadeRow:
        """The answer has the new token."""
        context, row_id = info.context, ids.row_id(input.id, "ApiToken")
        made = await api_tokens.rotate_api_token(context.deps.database, context.actor, row_id, days=input.days)
        return ApiTokenMadeRow(ApiTokenRow(made.line), made.token)

    @mutation("RevokeApiTokenPayload", ApiTokenRevoked, "End an API token: one's own, or anybody's.")
    async def revoke_api_token(self, info: Info, input: RevokeApiTokenInput) -> ApiTokenRevokedRow:
        """The token's next request is answered 401."""
        context, row_id = info.context, ids.row_id(input.id, "ApiToken")
        await load_api_token(context, row_id, ACCESS["Mutation.revokeApiToken"])
        line = await api_tokens.revoke_api_token(context.deps.database, context.actor, row_id)
        return ApiTokenRevokedRow(ApiTokenRow(line))


async def load_api_token(context: Context, row_id: UUID, rule: PermissionRule = NODES["ApiToken"]) -> ApiTokenRow:
    """The token, for its own user or for users whom the rule allows.

    Raises:
        Refused: it is not the actor's own, whether or not it exists.
        NotFound: the tenant has no such token.
    """
    async with context.reading() as connection:
        found: ApiTokenLine | None = await clients.api_token(connection, context.tenant_id, row_id)
    require(rule, context, about=None if found is None else found.user_id)
    if found is None:
        raise ids.not_found("ApiToken")
    return ApiTokenRow(found)


async def _names(context: Context, row_ids: list[UUID]) -> tuple[str, ...]:
    async with context.reading() as connection:
        found = await permissions.by_ids(connection, context.tenant_id, row_ids)
    if len(found) < len(set(row_ids)):
        raise ids.not_found("Permission")
    return tuple([one.name for one in found])
