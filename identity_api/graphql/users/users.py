"""Users: their profile, their permissions and the reasons for them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import strawberry

from identity_api.db import permissions, user_read_model
from identity_api.db.database import Connection as DatabaseConnection
from identity_api.db.user_columns import Part
from identity_api.db.user_filters import Filter, fold
from identity_api.db.user_read_model import BriefUser, Order, Position, Reading, UserRecord, WantedUser
from identity_api.graphql import connections, ids
from identity_api.graphql.access import ACCESS, object_type, require
from identity_api.graphql.audit.events import HISTORY, AuditEvent, AuditEventRow, history_about
from identity_api.graphql.clients.api_tokens import ApiToken, ApiTokenRow
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Context, Info
from identity_api.graphql.engine import READ_AHEAD, WRITTEN_AS
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.permissions.grants import (
    DormantPermission,
    DormantPermissionRow,
    EffectivePermission,
    EffectivePermissionRow,
    shown_permissions,
)
from identity_api.graphql.summaries import GroupSummary, GroupSummaryRow, ProviderSummaryRow, user_id
from identity_api.graphql.users.identities import Identity, IdentityRow, state_of
from identity_api.graphql.users.selection import part_of, with_permissions
from identity_api.graphql.users.sessions import Session, SessionRow, session_row
from identity_api.graphql.users.user_filter import OrderDirection, UserFilter, UserOrder, where_of
from identity_api.lazy import lazy
from identity_api.permissions.effective import Standing, standing
from identity_api.permissions.grant_snapshot import HeldPermission, TenantCircumstances

MAX_COUNTED: Final = 5_000
"""A list of more users is not counted."""


class Snapshot(msgspec.Struct, frozen=True, dict=True):
    """Data that the users of one reading share."""

    tenant: TenantCircumstances
    at: datetime

    @lazy
    def providers(self) -> dict[str, ProviderSummaryRow]:
        """Summaries by id."""
        return {one.id: ProviderSummaryRow(one.id, one.slug, one.label) for one in self.tenant.providers.values()}


class UserRow(msgspec.Struct, frozen=True, dict=True, eq=False):
    """The row behind `User`. Everything is computed when it is read, so a page costs only what is selected."""

    record: BriefUser
    snapshot: Snapshot

    user_id = property(attrgetter("record.id"))
    username = property(attrgetter("record.username"))
    display_label = property(attrgetter("record.display_label"))
    email = property(attrgetter("record.email"))
    email_verified = property(attrgetter("record.email_verified"))
    disabled_at = property(attrgetter("record.disabled_at"))
    created_at = property(attrgetter("record.created_at"))
    active_at = property(attrgetter("record.active_at"))
    has_password = property(attrgetter("record.circumstances.has_password"))

    @property
    def id(self) -> str:
        """The global id."""
        return user_id(self.record.id)

    @property
    def enabled(self) -> bool:
        """Whether no admin has disabled them."""
        return self.record.disabled_at is None

    @property
    def whole(self) -> UserRecord:
        """All of the user, for fields that `selection` does not call brief."""
        assert isinstance(self.record, UserRecord)
        return self.record

    @lazy
    def standing(self) -> Standing:
        """The permissions in force, and those that are not (I1)."""
        return standing(self.record.facts, self.record.circumstances, self.snapshot.tenant, self.snapshot.at)

    @lazy
    def identities_by_id(self) -> dict[str, IdentityRow]:
        """Their identities."""
        found, record = {}, self.whole
        for fact in record.facts.identities:
            provider = self.snapshot.tenant.providers[fact.provider_id]
            state = state_of(record, fact, provider, self.snapshot.at)
            found[fact.id] = IdentityRow(record, fact, self.snapshot.providers[provider.id], state)
        return found

    @property
    def identities(self) -> list[IdentityRow]:
        """In the order they were made."""
        return list(self.identities_by_id.values())

    @property
    def groups(self) -> list[GroupSummaryRow]:
        """By name; one per identity that is in it."""
        identities = self.identities_by_id
        return [
            GroupSummaryRow(fact.group_id, fact.name, identities[fact.identity_id].provider)
            for fact in self.whole.facts.groups
        ]

    @property
    def permissions(self) -> Sequence[EffectivePermissionRow | HeldPermission]:
        """By name."""
        record = self.record
        if isinstance(record, UserRecord):
            return [EffectivePermissionRow(one, self) for one in self.standing.permissions]
        return standing(record.facts, record.circumstances, self.snapshot.tenant, self.snapshot.at).permissions

    @property
    def dormant_permissions(self) -> list[DormantPermissionRow]:
        """By name."""
        return [DormantPermissionRow(one, self) for one in self.standing.dormant]


@object_type(description="A person in the tenant's records.")
class User(Node):
    """All but `sessions`, `hasSecondFactor` and `lockedUntil` comes with the one statement that reads a user, or a page."""

    username: str = strawberry.field(description="The username, unique within the tenant.")
    display_label: str = strawberry.field(description="The name shown to people.")
    enabled: bool = strawberry.field(
        description="Whether the user may sign in. A disabled user has no permissions in force."
    )
    disabled_at: datetime | None = strawberry.field(
        description="When an admin disabled the user; null if the user is enabled."
    )
    email: str | None = strawberry.field(
        description="The e-mail address; null if none is known. Only the user and holders of `identity:users:read` may "
        "read it."
    )
    email_verified: bool | None = strawberry.field(
        description="Whether the e-mail address is verified; null if the provider does not say. Only the user and "
        "holders of `identity:users:read` may read it."
    )
    created_at: datetime = strawberry.field(
        description="When the user was made. Only the user and holders of `identity:users:read` may read it."
    )
    active_at: datetime = strawberry.field(
        description="When the user last made a request, to the hour. Only the user and holders of `identity:users:read` "
        "may read it."
    )
    has_password: bool = strawberry.field(
        description="Whether the user has a password, which lets them sign in where the tenant allows it. Only the user "
        "and holders of `identity:users:read` may read it."
    )
    identities: list[Identity] = strawberry.field(
        description="The user's identities, the oldest first. Only the user and holders of `identity:users:read` may "
        "read it."
    )
    groups: list[GroupSummary] = strawberry.field(
        description="The user's groups, by name, as the providers last asserted them completely. Only the user and "
        "holders of `identity:users:read` may read it."
    )
    permissions: list[EffectivePermission] = strawberry.field(
        description="The permissions in force now, by name. Only the user and holders of `identity:users:read` may read it.",
        metadata={WRITTEN_AS: shown_permissions},
    )
    dormant_permissions: list[DormantPermission] = strawberry.field(
        description="The permissions that were granted and are not in force now, with the cause. Only the user and "
        "holders of `identity:users:read` may read it."
    )

    @resolved(
        list[Session],
        "The user's live sessions, the oldest first. Only the user and holders of `identity:users:read` may read it.",
    )
    async def sessions(self, info: Info) -> list[SessionRow]:
        """One statement for all users of a page."""
        source: Any = self  # what is resolved is the row
        return [session_row(info.context, one) for one in await info.context.sessions.load(source.user_id)]

    @resolved(
        list[ApiToken],
        "The user's live API tokens, the oldest first. Only the user and holders of `identity:users:read` may read it.",
    )
    async def api_tokens(self, info: Info) -> list[ApiTokenRow]:
        """One statement for all users of a page."""
        source: Any = self  # what is resolved is the row
        return [ApiTokenRow(one) for one in await info.context.api_tokens.load(source.user_id)]

    @resolved(
        bool,
        "Whether signing in with the password needs a one-time code."
        " Only the user and holders of `identity:users:read` may read it.",
    )
    async def has_second_factor(self, info: Info) -> bool:
        """One statement for all users of a page."""
        source: Any = self  # what is resolved is the row
        return (await info.context.guards.load(source.user_id)).has_second_factor

    @resolved(
        datetime | None,
        "Until when the password is locked after too many wrong ones; null if it is not."
        " Only the user and holders of `identity:users:read` may read it.",
    )
    async def locked_until(self, info: Info) -> datetime | None:
        """With the same statement."""
        source: Any = self  # what is resolved is the row
        return (await info.context.guards.load(source.user_id)).locked_until

    @resolved(list[AuditEvent] | None, HISTORY)
    async def history(self, info: Info) -> list[AuditEventRow]:
        """One statement for all of a page."""
        source: Any = self  # what is resolved is the row
        return await history_about(info.context, source.user_id)

    is_type_of = is_row_of(lambda: UserRow)


_POSITIONS: dict[Order, Any] = {
    "ID": lambda row: Position("", row.user_id),
    "USERNAME": lambda row: Position(fold(row.username), row.user_id),
    "DISPLAY_LABEL": lambda row: Position(fold(row.display_label), row.user_id),
    "EMAIL": lambda row: Position(fold(row.email), row.user_id),
}


def _wanted(info: Info, id: str) -> WantedUser | None:
    asked = ids.parse(id)
    return WantedUser(asked.row_id, part_of(info)) if asked is not None and asked.kind == "User" else None


@object_type("Query")
class UserQueries:
    """Root fields about users."""

    @resolved(User | None, "One user.", metadata={READ_AHEAD: _wanted})
    async def user(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id of the user.")]
    ) -> UserRow:
        """No statement, where `_wanted` was read ahead; otherwise one."""
        return await load_user(info.context, ids.parse(id), part_of(info))

    @resolved(Connection[User] | None, "The tenant's users.")
    async def users(
        self,
        info: Info,
        filter: Annotated[
            UserFilter | None, strawberry.argument(description="Which users to list; null lists all.")
        ] = None,
        order_by: Annotated[
            UserOrder | None, strawberry.argument(description="How to order them; null orders by id.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page, in one statement."""
        context, page, asked = info.context, connections.asked(first, after, last, before), filter or UserFilter()
        where = where_of(asked, is_distributed=context.deps.database.is_distributed)
        in_force = asked.permission_in_force
        order = order_by or UserOrder()
        by: Order = order.field.value
        of = connections.listing(
            context, "users", _POSITIONS[by], order=f"{by} {order.direction.value}", where=[where, in_force]
        )
        position = await connections.opened(context, of, page, Position)
        part = part_of(info, "edges", "node")
        async with context.reading() as connection:
            read = partial(
                user_read_model.list_users,
                connection,
                context.tenant_id,
                where=where,
                order=by,
                descending=(order.direction is OrderDirection.DESC) is not page.is_backward,
                part=part if in_force is None else with_permissions(part),
            )
            if in_force is not None:
                name = await _name_of(connection, context.tenant_id, in_force, beside=where)
                rows, end = await _in_force(read, name, of.position, position, page)
                return connections.placed(of, rows, page, end=end)
            found = await read(after=position, first=page.size)
            if not found.users:  # only now, so that an ordinary page stays one statement
                await _check_there(connection, context.tenant_id, where)
        return connections.paged(
            of,
            user_rows(found),
            page,
            goes_on=found.has_more,
            count=partial(_count, context, where),
            estimate=partial(_estimate, context) if where == Filter() and by != "EMAIL" else None,
        )


async def _name_of(connection: DatabaseConnection, tenant_id: UUID, in_force: str, *, beside: Filter) -> str:
    """The permission's. Raises NotFound: the tenant does not have it, or another permission or a group of the filter."""
    await _check_there(connection, tenant_id, beside)
    return await permission_name(connection, tenant_id, ids.row_id(in_force, "Permission"))


async def _in_force(
    read: Callable[..., Awaitable[Reading[BriefUser]]],
    permission: str,
    position: Callable[[UserRow], Position],
    begin: Position | None,
    page: connections.Page,
) -> tuple[list[UserRow], Position | None]:
    """Those of a list who have the permission in force: as `connections.searched`."""

    async def batch(after: Position | None) -> tuple[list[UserRow], bool]:
        found = await read(after=after, first=connections.BATCH)
        return user_rows(found), found.has_more

    def matches(row: UserRow) -> bool:
        return permission in [one.name for one in row.permissions]

    return await connections.searched(page, begin, batch, matches=matches, position=position)


async def _check_there(connection: DatabaseConnection, tenant_id: UUID, where: Filter) -> None:
    """Raises NotFound: the filter names a group or permission that the tenant does not have."""
    if where.group_id is not None:
        await ids.check_exists(connection, tenant_id, "Group", where.group_id)
    if where.permission_id is not None:
        await ids.check_exists(connection, tenant_id, "Permission", where.permission_id)


async def permission_name(connection: DatabaseConnection, tenant_id: UUID, permission_id: UUID) -> str:
    """Raises NotFound: the tenant has no such permission."""
    record = await permissions.get(connection, tenant_id, permission_id)
    if record is None:
        raise ids.not_found("Permission")
    return record.name


async def _count(context: Context, where: Filter) -> int | None:
    async with context.reading() as connection:
        found = await user_read_model.count_users(connection, context.tenant_id, where, at_most=MAX_COUNTED)
    return found if found <= MAX_COUNTED else None


async def _estimate(context: Context) -> int:
    async with context.reading() as connection:
        return await user_read_model.estimate_users(connection, context.tenant_id)


def user_rows(reading: Reading[BriefUser]) -> list[UserRow]:
    """The rows of a reading."""
    snapshot = Snapshot(reading.tenant, reading.at)
    return [UserRow(record, snapshot) for record in reading.users]


def viewer_row(context: Context) -> UserRow:
    """The user of the request, as authentication has read them."""
    authenticated = context.authenticated
    row = UserRow(authenticated.user, Snapshot(authenticated.tenant, authenticated.at))
    row.__dict__["standing"] = authenticated.standing  # of the same facts, at the same moment
    return row


async def load_user(context: Context, asked: ids.GlobalID | None, part: Part = "everything") -> UserRow:
    """The user with an id, for themself or for users who may read users.

    Raises:
        Refused: it is not the actor's own id, and they may not read users; the answer does not show whether it exists.
        NotFound: the tenant has no such row.
    """
    row_id = asked.row_id if asked is not None and asked.kind == "User" else None
    require(ACCESS["Query.user"], context, about=row_id)
    found = await find_user(context, row_id, part) if row_id is not None else None
    if found is None:
        raise ids.not_found("User")
    return found


async def find_user(context: Context, row_id: UUID, part: Part = "everything") -> UserRow | None:
    """The user, if they are this tenant's. The caller has checked access, or the fields do."""
    reading = context.authenticated.read_ahead.get(WantedUser(row_id, part))
    if reading is None:
        async with context.reading() as connection:
            reading = await user_read_model.users_by_id(connection, context.tenant_id, [row_id], part=part)
    return next(iter(user_rows(reading)), None)
