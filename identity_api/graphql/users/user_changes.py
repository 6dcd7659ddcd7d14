"""Mutations of users, for admins."""

from uuid import UUID

import msgspec
import strawberry

from identity_api.accounts import administration, erasure
from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import is_row_of
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.summaries import user_id
from identity_api.graphql.users.users import User, UserRow, find_user


@object_type(description="The user as they are now.")
class UserChanged:
    """Of every mutation of one user."""

    user: User | None = strawberry.field(
        description="The user after the change. Null, beside an error, if the query selects more than the actor may "
        "read of the user."
    )

    is_type_of = is_row_of(lambda: UserChangedRow)


class UserChangedRow(msgspec.Struct, frozen=True):
    """The row behind `UserChanged`."""

    user: UserRow


async def changed_user(context: Context, row_id: UUID) -> UserChangedRow:
    """The user after a mutation.

    Raises:
        NotFound: the tenant has no such row.
    """
    found = await find_user(context, row_id)
    if found is None:
        raise ids.not_found("User")
    return UserChangedRow(found)


@strawberry.input(description="Which user to disable.")
class DisableUserInput:
    """Whom."""

    id: strawberry.ID = strawberry.field(description="The id of the user.")


@strawberry.input(description="Which user to erase.")
class EraseUserInput:
    """Whom."""

    id: strawberry.ID = strawberry.field(description="The id of the user. It cannot be oneself.")


@object_type(description="The person's data is gone. The id stays in the record of the past.")
class UserErased:
    """Of `eraseUser`."""

    erased_id: strawberry.ID = strawberry.field(description="The id of the user.")

    is_type_of = is_row_of(lambda: UserErasedRow)


class UserErasedRow(msgspec.Struct, frozen=True):
    """The row behind `UserErased`."""

    erased_id: str


@strawberry.input(description="Which user to enable.")
class EnableUserInput:
    """Whom."""

    id: strawberry.ID = strawberry.field(description="The id of the user.")


@strawberry.input(description="Which user to sync.")
class SyncUserInput:
    """Whom."""

    id: strawberry.ID = strawberry.field(description="The id of the user.")


@object_type("Mutation")
class UserMutations:
    """Root fields that change users."""

    @mutation(
        "DisableUserPayload",
        UserChanged,
        "Disable a user: nothing of theirs is in force, and all their sessions and tokens end.",
    )
    async def disable_user(self, info: Info, input: DisableUserInput) -> UserChangedRow:
        """Twice is once."""
        context, row_id = info.context, ids.row_id(input.id, "User")
        await administration.disable_user(context.deps.database, context.actor, row_id)
        return await changed_user(context, row_id)

    @mutation("EnableUserPayload", UserChanged, "Enable a disabled user.")
    async def enable_user(self, info: Info, input: EnableUserInput) -> UserChangedRow:
        """Twice is once."""
        context, row_id = info.context, ids.row_id(input.id, "User")
        await administration.enable_user(context.deps.database, context.actor, row_id)
        return await changed_user(context, row_id)

    @mutation(
        "EraseUserPayload",
        UserErased,
        "Remove a person's data from every table and from the audit, and disable what is left of the user; it cannot be undone.",
    )
    async def erase_user(self, info: Info, input: EraseUserInput) -> UserErasedRow:
        """Never oneself."""
        context, row_id = info.context, ids.row_id(input.id, "User")
        await erasure.erase_user(context.deps.database, context.actor, row_id)
        return UserErasedRow(user_id(row_id))

    @mutation(
        "SyncUserPayload",
        UserChanged,
        "Ask the user's providers now; the result is in the identities of the user.",
    )
    async def sync_user(self, info: Info, input: SyncUserInput) -> UserChangedRow:
        """Checks that the user is this tenant's before any provider is called."""
        context, row_id = info.context, ids.row_id(input.id, "User")
        await changed_user(context, row_id)
        await context.deps.sync_user(context.tenant_id, row_id)
        return await changed_user(context, row_id)
