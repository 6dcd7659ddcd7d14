"""The tenant's permissions, and grants of them by hand."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import strawberry

from identity_api.accounts import administration
from identity_api.db import permissions
from identity_api.db.grants import OpenGrant
from identity_api.db.permissions import PermissionRecord
from identity_api.errors import Problems
from identity_api.graphql import connections, ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.audit.events import HISTORY, AuditEvent, AuditEventRow, history_of
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.permissions.grants import GrantReason, GrantReasonRow
from identity_api.graphql.summaries import Row, permission_id
from identity_api.graphql.users.user_changes import UserChanged, UserChangedRow, changed_user
from identity_api.graphql.users.users import User, UserRow
from identity_api.group_mappings import catalogue


@object_type(description="A named right, `noun:verb`. Those under `identity:` are this service's own.")
class Permission(Node):
    """In the tenant's catalogue; says nothing about who has it."""

    name: str = strawberry.field(description="The name, `noun:verb`, unique within the tenant.")
    description: str = strawberry.field(description="What the permission allows, for people; it may be empty.")
    delegable: bool = strawberry.field(description="Whether a mapping admin may give it without holding it.")

    @resolved(list[AuditEvent] | None, HISTORY)
    async def history(self, info: Info) -> list[AuditEventRow]:
        """One statement for all of a page."""
        source: Any = self  # what is resolved is the row
        return await history_of(info.context, source.record.id)

    is_type_of = is_row_of(lambda: PermissionRow)


class PermissionRow(Row, frozen=True):
    """The row behind `Permission`; the record is a `db.permissions.PermissionRecord`."""

    @property
    def id(self) -> str:
        """The global id."""
        return permission_id(self.record.id)


def _position(row: PermissionRow) -> str:
    name: str = row.record.name
    return name


@object_type("Query")
class PermissionQueries:
    """Root fields about permissions."""

    @resolved(Connection[Permission] | None, "The tenant's permissions, by name.")
    async def permissions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page."""
        context, page = info.context, connections.asked(first, after, last, before)
        of = connections.listing(context, "permissions", _position)
        position = await connections.opened(context, of, page, str)
        async with context.reading() as connection:
            found = await permissions.page(
                connection, context.tenant_id, after=position, first=page.size, backward=page.is_backward
            )
        return connections.paged(of, [PermissionRow(record) for record in found], page, count=partial(_count, context))


async def _count(context: Context) -> int:
    async with context.reading() as connection:
        return await permissions.count(connection, context.tenant_id)


async def load_permission(context: Context, row_id: UUID) -> PermissionRow:
    """The permission, for users who may read the catalogue.

    Raises:
        Refused, NotFound: the permission is missing; the tenant has no such row.
    """
    require(NODES["Permission"], context)
    async with context.reading() as connection:
        record: PermissionRecord | None = await permissions.get(connection, context.tenant_id, row_id)
    if record is None:
        raise ids.not_found("Permission")
    return PermissionRow(record)


async def load_permissions(context: Context, row_ids: Sequence[UUID]) -> list[PermissionRow]:
    """Those of these permissions that are this tenant's. Raises Refused: the permission is missing."""
    require(NODES["Permission"], context)
    async with context.reading() as connection:
        return [PermissionRow(one) for one in await permissions.by_ids(connection, context.tenant_id, row_ids)]


@strawberry.input(description="A new permission, which nobody has yet.")
class CreatePermissionInput:
    """A new right, which nobody has yet."""

    name: str = strawberry.field(
        description="The name as `noun:verb`. It cannot begin with `identity:` and cannot be changed later."
    )
    description: str = strawberry.field(default="", description="What the permission allows, for people.")
    delegable: bool = strawberry.field(
        default=True, description="Whether a mapping admin may give it without holding it."
    )


@strawberry.input(description="Changes to a permission. What is left out stays as it is; the name cannot be changed.")
class UpdatePermissionInput:
    """What may change."""

    id: strawberry.ID = strawberry.field(description="The id of the permission.")
    description: str | None = strawberry.field(default=None, description="What the permission allows, for people.")
    delegable: bool | None = strawberry.field(
        default=None,
        description="Whether a mapping admin may give it without holding it. Only a holder of the permission can make "
        "it delegable.",
    )


@strawberry.input(description="Which permission to delete. It must never have been granted or mapped.")
class DeletePermissionInput:
    """Which: only one that nothing has ever used."""

    id: strawberry.ID = strawberry.field(description="The id of the permission.")


@strawberry.input(description="Which permission to give by hand, and to which user.")
class GrantPermissionInput:
    """What to whom."""

    user: strawberry.ID = strawberry.field(
        description="The id of the user who gets the permission. It cannot be oneself."
    )
    permission: strawberry.ID = strawberry.field(description="The id of the permission.")


@strawberry.input(description="Which permission to take back, and from whom.")
class RevokePermissionInput:
    """What from whom: what was given by hand. What groups give stays."""

    user: strawberry.ID = strawberry.field(description="The id of the user who loses the permission.")
    permission: strawberry.ID = strawberry.field(description="The id of the permission.")


@object_type(description="The permission as it is now.")
class PermissionSaved:
    """Of an edit."""

    permission: Permission = strawberry.field(description="The permission after the change.")

    is_type_of = is_row_of(lambda: PermissionSavedRow)


class PermissionSavedRow(msgspec.Struct, frozen=True):
    """The row behind `PermissionSaved`."""

    permission: PermissionRow


@object_type(description="The permission is deleted.")
class PermissionDeleted:
    """Of a deletion."""

    deleted_id: strawberry.ID = strawberry.field(description="The id of the deleted permission.")

    is_type_of = is_row_of(lambda: PermissionDeletedRow)


class PermissionDeletedRow(msgspec.Struct, frozen=True):
    """The row behind `PermissionDeleted`."""

    deleted_id: str


@object_type(description="Which grants were closed, and which still give the permission.")
class PermissionRevoked:
    """Nothing was closed where `closed` is empty."""

    user: User | None = strawberry.field(
        description="The user after the change. Null, beside an error, if the query selects more than the actor may "
        "read of the user."
    )
    closed: list[GrantReason] | None = strawberry.field(
        description="The grants that were closed. Null, beside an error, without `identity:users:read`."
    )
    remaining: list[GrantReason] | None = strawberry.field(
        description="The grants that still give the permission, because of groups the user is in. Null, beside an "
        "error, without `identity:users:read`."
    )

    is_type_of = is_row_of(lambda: PermissionRevokedRow)


class PermissionRevokedRow(msgspec.Struct, frozen=True):
    """The row behind `PermissionRevoked`."""

    user: UserRow
    closed: list[GrantReasonRow]
    remaining: list[GrantReasonRow]


def _reasons(user: UserRow, found: Sequence[OpenGrant]) -> list[GrantReasonRow]:
    """These grants, as the user's facts have them."""
    ids_found = {str(one.id) for one in found}
    return [GrantReasonRow(fact, user) for fact in user.whole.facts.grants if fact.id in ids_found]


def _user_and_permission(asked: GrantPermissionInput | RevokePermissionInput) -> tuple[UUID, UUID]:
    problems = Problems()
    found = (
        problems.read("user", lambda: ids.row_id(asked.user, "User")),
        problems.read("permission", lambda: ids.row_id(asked.permission, "Permission")),
    )
    problems.tell()
    return found


@object_type("Mutation")
class PermissionMutations:
    """Root fields that change the catalogue, and grants by hand."""

    @mutation("CreatePermissionPayload", PermissionSaved, "Add a permission.")
    async def create_permission(self, info: Info, input: CreatePermissionInput) -> PermissionSavedRow:
        """Never under `identity:`."""
        context = info.context
        record = await catalogue.create(
            context.deps.database, context.actor, input.name, input.description, delegable=input.delegable
        )
        return PermissionSavedRow(PermissionRow(record))

    @mutation("UpdatePermissionPayload", PermissionSaved, "Change a permission.")
    async def update_permission(self, info: Info, input: UpdatePermissionInput) -> PermissionSavedRow:
        """Making it delegable needs its holder."""
        context = info.context
        record = await catalogue.update(
            context.deps.database,
            context.actor,
            ids.row_id(input.id, "Permission"),
            description=input.description,
            delegable=input.delegable,
        )
        return PermissionSavedRow(PermissionRow(record))

    @mutation("DeletePermissionPayload", PermissionDeleted, "Delete an unused permission.")
    async def delete_permission(self, info: Info, input: DeletePermissionInput) -> PermissionDeletedRow:
        """History stays askable."""
        context, row_id = info.context, ids.row_id(input.id, "Permission")
        await catalogue.delete(context.deps.database, context.actor, row_id)
        return PermissionDeletedRow(permission_id(row_id))

    @mutation("GrantPermissionPayload", UserChanged, "Give a permission by hand.")
    async def grant_permission(self, info: Info, input: GrantPermissionInput) -> UserChangedRow:
        """Within what the actor may give, and never to themself (I8)."""
        context, (row_id, wanted) = info.context, _user_and_permission(input)
        await administration.grant_permission(context.deps.database, context.actor, row_id, wanted)
        return await changed_user(context, row_id)

    @mutation(
        "RevokePermissionPayload",
        PermissionRevoked,
        "Take back a grant by hand, and one that an `ADDITIVE` provider left when the person left the group; what a group of"
        " theirs gives stays.",
    )
    async def revoke_permission(self, info: Info, input: RevokePermissionInput) -> PermissionRevokedRow:
        """Within what the actor may give."""
        context, (row_id, wanted) = info.context, _user_and_permission(input)
        before = await changed_user(context, row_id)
        done = await administration.revoke_permission(context.deps.database, context.actor, row_id, wanted)
        after = await changed_user(context, row_id)
        return PermissionRevokedRow(
            after.user, _reasons(before.user, done.closed), _reasons(after.user, done.remaining)
        )
