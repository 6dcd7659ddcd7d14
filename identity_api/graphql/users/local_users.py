"""Users that are kept by hand, and mutations of their passwords, for admins (S0-05, S0-06).

An admin never sees or chooses a password: they make a one-time link. Of a second factor the schema shows only whether
there is one, and of a locked password until when; the rest has no field.
"""

from datetime import datetime
from uuid import UUID

import msgspec
import strawberry

from identity_api.accounts import local, local_passwords, second_factor
from identity_api.accounts.local import NewLocalUser, ProfileChange
from identity_api.graphql import ids
from identity_api.graphql.access import ACCESS, object_type, require
from identity_api.graphql.context import Info
from identity_api.graphql.fields import is_row_of
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.users.user_changes import UserChanged, UserChangedRow, changed_user

PASSWORD_PATH = "/auth/password/"  # noqa: S105  # an address


@strawberry.input(description="A new user without any way in.")
class CreateUserInput:
    """Who. Without a display label it is the username."""

    username: str = strawberry.field(description="The username, unique within the tenant.")
    display_label: str | None = strawberry.field(
        default=None, description="The name shown to people. Null takes the username."
    )
    email: str | None = strawberry.field(default=None, description="The e-mail address, if it is known.")


@strawberry.input(description="Changes to a user's names and e-mail address. What is left out stays as it is.")
class UpdateUserProfileInput:
    """A user's names. Also one's own profile, except the username."""

    id: strawberry.ID = strawberry.field(
        description="The id of the user. Other users than oneself need `identity:users:write`."
    )
    username: str | None = strawberry.field(
        default=None, description="The new username. Needs `identity:users:write`, also for oneself."
    )
    display_label: str | None = strawberry.field(default=None, description="The new name shown to people.")
    email: str | None = strawberry.field(
        default=strawberry.UNSET, description="The new e-mail address. Null removes it."
    )


@strawberry.input(description="The user for whom to make a password link.")
class CreatePasswordTokenInput:
    """For whom."""

    id: strawberry.ID = strawberry.field(description="The id of the user.")


@strawberry.input(description="Which user to unlock.")
class UnlockUserInput:
    """Whom."""

    id: strawberry.ID = strawberry.field(description="The id of the user.")


@strawberry.input(description="Whose password and second factor to remove.")
class RemoveUserPasswordInput:
    """Whose."""

    id: strawberry.ID = strawberry.field(description="The id of the user.")


@strawberry.input(description="Whose second factor to remove.")
class ResetUserTotpInput:
    """Whose."""

    id: strawberry.ID = strawberry.field(description="The id of the user.")


@object_type(description="A link by which a user chooses a password, once. It is shown only here.")
class PasswordTokenCreated:
    """Of `createPasswordToken`."""

    url: str = strawberry.field(
        description="The link for the user. Anybody who has it can take over the account, so hand it over safely."
    )
    expires_at: datetime = strawberry.field(description="When the link stops working.")

    is_type_of = is_row_of(lambda: PasswordTokenCreatedRow)


class PasswordTokenCreatedRow(msgspec.Struct, frozen=True):
    """The row behind `PasswordTokenCreated`."""

    url: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"PasswordTokenCreatedRow(expires_at={self.expires_at})"


@object_type("Mutation")
class LocalUserMutations:
    """Root fields that admins keep users with."""

    @mutation("CreateUserPayload", UserChanged, "Make a user, who has no way in yet.")
    async def create_user(self, info: Info, input: CreateUserInput) -> UserChangedRow:
        """Refused with `SSO_MANAGED` if only providers make users."""
        context = info.context
        new = NewLocalUser(username=input.username, display_label=input.display_label, email=input.email)
        return await changed_user(context, await local.create_local_user(context.deps.database, context.actor, new))

    @mutation(
        "UpdateUserProfilePayload",
        UserChanged,
        "Change a user's names and e-mail address, where no provider manages them.",
    )
    async def update_user_profile(self, info: Info, input: UpdateUserProfileInput) -> UserChangedRow:
        """Oneself, or anybody."""
        context, row_id = info.context, _user(input.id)
        require(ACCESS["Mutation.updateUserProfile"], context, about=row_id)
        change = ProfileChange(
            username=msgspec.UNSET if input.username is None else input.username,
            display_label=msgspec.UNSET if input.display_label is None else input.display_label,
            email=msgspec.UNSET if input.email is strawberry.UNSET else input.email,
        )
        await local.update_profile(context.deps.database, context.actor, row_id, change)
        return await changed_user(context, row_id)

    @mutation(
        "CreatePasswordTokenPayload",
        PasswordTokenCreated,
        "Make a link by which a user chooses a password, once, within a day; earlier links stop working.",
    )
    async def create_password_token(self, info: Info, input: CreatePasswordTokenInput) -> PasswordTokenCreatedRow:
        """Never for oneself, nor for a user who holds a permission that the actor may not give (I8)."""
        context = info.context
        made = await local_passwords.create_password_token(context.deps.database, context.actor, _user(input.id))
        return PasswordTokenCreatedRow(f"{context.base_url}{PASSWORD_PATH}{made.token}", made.expires_at)

    @mutation("UnlockUserPayload", UserChanged, "Unlock a user after too many wrong passwords.")
    async def unlock_user(self, info: Info, input: UnlockUserInput) -> UserChangedRow:
        """Twice is once."""
        context, row_id = info.context, _user(input.id)
        await local.unlock_account(context.deps.database, context.actor, row_id)
        return await changed_user(context, row_id)

    @mutation(
        "RemoveUserPasswordPayload",
        UserChanged,
        "Remove a user's password and second factor, and end the sessions that came from them.",
    )
    async def remove_user_password(self, info: Info, input: RemoveUserPasswordInput) -> UserChangedRow:
        """Twice is once."""
        context, row_id = info.context, _user(input.id)
        await local_passwords.remove_password(context.deps.database, context.actor, row_id)
        return await changed_user(context, row_id)

    @mutation("ResetUserTotpPayload", UserChanged, "Remove a user's second factor, for example a lost phone.")
    async def reset_user_totp(self, info: Info, input: ResetUserTotpInput) -> UserChangedRow:
        """Twice is once."""
        context, row_id = info.context, _user(input.id)
        await second_factor.reset_totp(context.deps.database, context.actor, row_id)
        return await changed_user(context, row_id)


def _user(value: str) -> UUID:
    return ids.row_id(value, "User")
