"""Mutations of identities, for admins (S3-22)."""

import msgspec
import strawberry

from identity_api.accounts import linking
from identity_api.errors import Problems
from identity_api.graphql import ids
from identity_api.graphql.access import object_type
from identity_api.graphql.context import Info
from identity_api.graphql.fields import is_row_of
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.users.identities import identity_id
from identity_api.graphql.users.user_changes import UserChanged, UserChangedRow, changed_user
from identity_api.graphql.users.users import User, UserRow


@strawberry.input(description="Which user to link to which person at a provider.")
class LinkIdentityInput:
    """Whose it shall be, where, and who it is there."""

    user: strawberry.ID = strawberry.field(description="The id of the user who gets the identity.")
    provider: strawberry.ID = strawberry.field(description="The id of the provider at which the person signs in.")
    anchor: str = strawberry.field(
        description="The person's value of the provider's anchor claim. It is compared exactly at the login."
    )
    accept_closing: bool = strawberry.field(
        default=False,
        description="Must be true if a `STRICT` provider closes grants that were given by hand. Otherwise the mutation "
        "is refused with `CLOSES_GRANTS`, which names them.",
    )


@strawberry.input(description="Which identity to take from its user.")
class UnlinkIdentityInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The id of the identity. It cannot be one's own.")


@strawberry.input(description="Which identity to release from quarantine.")
class ReleaseIdentityInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The id of the identity. It cannot be one's own.")


@object_type(description="The user has a waiting identity, until its person signs in for the first time.")
class IdentityLinked:
    """Of `linkIdentity`."""

    identity_id: strawberry.ID = strawberry.field(description="The id of the new identity.")
    closed: list[str] = strawberry.field(
        description="The names of the permissions given by hand that a `STRICT` provider has closed."
    )
    user: User | None = strawberry.field(
        description="The user after the change. Null, beside an error, if the query selects more than the actor may "
        "read of the user."
    )

    is_type_of = is_row_of(lambda: IdentityLinkedRow)


class IdentityLinkedRow(msgspec.Struct, frozen=True):
    """The row behind `IdentityLinked`."""

    identity_id: str
    closed: list[str]
    user: UserRow


@object_type("Mutation")
class IdentityMutations:
    """Root fields that change identities."""

    @mutation(
        "LinkIdentityPayload",
        IdentityLinked,
        "Link a user to the person with an anchor value at a provider, who can then sign in as this user.",
    )
    async def link_identity(self, info: Info, input: LinkIdentityInput) -> IdentityLinkedRow:
        """Grants that a STRICT provider would close are named before they are closed."""
        context, problems = info.context, Problems()
        user_id = problems.read("user", lambda: ids.row_id(input.user, "User"))
        provider_id = problems.read("provider", lambda: ids.row_id(input.provider, "Provider"))
        problems.read("anchor", lambda: linking.check_anchor(input.anchor))
        problems.tell()
        linked = await linking.link_identity(
            context.deps.database,
            context.actor,
            user_id,
            provider_id,
            input.anchor,
            accepts_closing=input.accept_closing,
        )
        changed = await changed_user(context, user_id)
        return IdentityLinkedRow(identity_id(linked.identity_id), list(linked.closed), changed.user)

    @mutation(
        "UnlinkIdentityPayload",
        UserChanged,
        "Remove an identity from its user; its logins end, and the grants from its groups are closed.",
    )
    async def unlink_identity(self, info: Info, input: UnlinkIdentityInput) -> UserChangedRow:
        """Never one's own."""
        context = info.context
        row_id = ids.row_id(input.id, "Identity")
        return await changed_user(context, await linking.unlink_identity(context.deps.database, context.actor, row_id))

    @mutation(
        "ReleaseIdentityPayload",
        UserChanged,
        "End a quarantine, so that the person whom the identity has always meant can sign in again.",
    )
    async def release_identity(self, info: Info, input: ReleaseIdentityInput) -> UserChangedRow:
        """Never one's own."""
        context = info.context
        row_id = ids.row_id(input.id, "Identity")
        return await changed_user(context, await linking.release_identity(context.deps.database, context.actor, row_id))
