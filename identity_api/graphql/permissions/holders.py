"""Who holds a permission, in force or dormant, and by which grants."""

from functools import partial
from typing import Annotated, Final
from uuid import UUID

import msgspec
import strawberry

from identity_api.db import holders, user_read_model
from identity_api.db.database import Connection as DatabaseConnection
from identity_api.db.holders import Holder
from identity_api.graphql import connections, ids
from identity_api.graphql.access import object_type
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last, Page
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import resolved
from identity_api.graphql.permissions.grants import (
    DormantPermission,
    DormantPermissionRow,
    GrantReason,
    GrantReasonRow,
)
from identity_api.graphql.users.users import User, UserRow, permission_name, user_rows

MAX_COUNTED: Final = 5_000

PermissionId = Annotated[strawberry.ID, strawberry.argument(description="The id of the permission.")]


@object_type(description="A user with an open grant of a permission.")
class PermissionHolder:
    """One of a page."""

    user: User = strawberry.field(description="The user.")
    in_force: bool = strawberry.field(description="Whether the permission is in force now.")
    reasons: list[GrantReason] = strawberry.field(
        description="Every grant that gives it now, with its mapping and group. Empty if none is in force."
    )
    dormant: list[DormantPermission] = strawberry.field(
        description="The open grants of it that are not in force, each with the cause."
    )


@object_type(description="How many users hold a permission.")
class HolderCount:
    """Counted up to a bound."""

    in_force: int = strawberry.field(description="How many have it in force now.")
    dormant: int = strawberry.field(description="How many have open grants of it, none of which is in force.")
    is_exact: bool = strawberry.field(
        description=f"False if there are more than {MAX_COUNTED:,} holders; only as many are counted then."
    )


class PermissionHolderRow(msgspec.Struct, frozen=True):
    """The row behind `PermissionHolder`."""

    user: UserRow
    name: str

    @property
    def in_force(self) -> bool:
        """Now."""
        return bool(self.reasons)

    @property
    def reasons(self) -> list[GrantReasonRow]:
        """In force."""
        held = [one for one in self.user.standing.permissions if one.name == self.name]
        return [GrantReasonRow(fact, self.user) for one in held for fact in one.reasons]

    @property
    def dormant(self) -> list[DormantPermissionRow]:
        """Not in force."""
        return [one for one in self.user.dormant_permissions if one.name == self.name]


class HolderCountRow(msgspec.Struct, frozen=True):
    """The row behind `HolderCount`."""

    in_force: int
    dormant: int
    is_exact: bool


def _position(row: PermissionHolderRow) -> UUID:
    found: UUID = row.user.user_id
    return found


@object_type("Query")
class HolderQueries:
    """Root fields about who holds a permission."""

    @resolved(
        Connection[PermissionHolder] | None,
        "Who has a permission in force, and who has only open grants of it that are not; ordered by the id of the user.",
    )
    async def holders(
        self,
        info: Info,
        permission: PermissionId,
        in_force: Annotated[
            bool | None,
            strawberry.argument(
                description="True lists only those who have it in force, false only the others. A page may then have fewer "
                "entries than were asked for, and there are more pages while `hasNextPage` is true."
            ),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """Looks at a bounded number of holders."""
        context, page = info.context, connections.asked(first, after, last, before)
        row_id = ids.row_id(permission, "Permission")
        of = connections.listing(context, "holders", _position, where=[row_id, in_force])
        begin = await connections.opened(context, of, page, UUID)
        async with context.reading() as connection:
            name = await permission_name(connection, context.tenant_id, row_id)
            search = _Search(connection, context.tenant_id, row_id)
            found, end = await search.page(begin, page, in_force)
            reading = await user_read_model.users_by_id(connection, context.tenant_id, [one.user_id for one in found])
        rows = [PermissionHolderRow(one, name) for one in user_rows(reading)]  # by id, in either direction
        return connections.placed(of, rows, page, end=end, count=partial(_count, context, row_id, in_force))

    @resolved(HolderCount | None, "How many users hold a permission.")
    async def holder_count(self, info: Info, permission: PermissionId) -> HolderCountRow:
        """Up to a bound."""
        context, row_id = info.context, ids.row_id(permission, "Permission")
        async with context.reading() as connection:
            await ids.check_exists(connection, context.tenant_id, "Permission", row_id)
            return await _Search(connection, context.tenant_id, row_id).count()


async def _count(context: Context, permission_id: UUID, in_force: bool | None) -> int | None:
    async with context.reading() as connection:
        found = await _Search(connection, context.tenant_id, permission_id).count()
    if not found.is_exact:
        return None
    return {True: found.in_force, False: found.dormant, None: found.in_force + found.dormant}[in_force]


class _Search(msgspec.Struct, frozen=True):
    """Goes through the holders of a permission, batch by batch."""

    connection: DatabaseConnection
    tenant_id: UUID
    permission_id: UUID

    async def page(self, begin: UUID | None, page: Page, in_force: bool | None) -> tuple[list[Holder], UUID | None]:
        """The matching holders, and after whom the next page begins; None at the end of the list."""
        limit = page.size + 1 if in_force is None else connections.BATCH

        async def read(last: UUID | None) -> tuple[list[Holder], bool]:
            batch = await self._batch(last, limit, backward=page.is_backward)
            return batch, len(batch) == limit

        return await connections.searched(
            page,
            begin,
            read,
            matches=lambda one: in_force in (None, one.is_in_force),
            position=lambda one: one.user_id,
        )

    async def count(self) -> HolderCountRow:
        """Of the first ones."""
        found: list[Holder] = []
        while len(found) < MAX_COUNTED:
            batch = await self._batch(found[-1].user_id if found else None, connections.BATCH)
            found += batch
            if len(batch) < connections.BATCH:
                break
        in_force = len([one for one in found if one.is_in_force])
        is_exact = len(found) < MAX_COUNTED or not await self._batch(found[-1].user_id, 1)
        return HolderCountRow(in_force, len(found) - in_force, is_exact)

    async def _batch(self, user_id: UUID | None, limit: int, *, backward: bool = False) -> list[Holder]:
        return await holders.after(
            self.connection, self.tenant_id, self.permission_id, user_id=user_id, limit=limit, backward=backward
        )
