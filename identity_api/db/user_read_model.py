"""Read users: one row of facts each, with the leases and states that decide which grants are in force.

One statement reads a page, whatever the query selects; `user_columns` has the select-lists.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any, Generic, Literal, TypeVar, overload
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db import outbox
from identity_api.db.database import Connection
from identity_api.db.user_columns import CIRCUMSTANCES, COLUMNS, COLUMNS_DURING_EDIT, Part, SyncStatus, with_facts
from identity_api.db.user_facts import REFRESH
from identity_api.db.user_filters import Filter, criteria, page_of
from identity_api.fairness.time_slices import in_slices
from identity_api.permissions.grant_snapshot import (
    BriefSnapshot,
    GrantFact,
    GrantSnapshot,
    Lease,
    ProviderCircumstances,
    TenantCircumstances,
    UserCircumstances,
    decode_brief,
    decode_facts,
)


class BriefUser(msgspec.Struct, frozen=True, gc=False):
    """A user's columns, and the requested part of the facts and of their circumstances; what was not read is unset."""

    id: UUID
    username: str
    display_label: str
    email: str | None
    disabled_at: datetime | None
    facts: BriefSnapshot | GrantSnapshot
    circumstances: UserCircumstances
    email_verified: bool | msgspec.UnsetType | None = msgspec.UNSET
    created_at: datetime | msgspec.UnsetType = msgspec.UNSET
    active_at: datetime | msgspec.UnsetType = msgspec.UNSET


class UserRecord(BriefUser, frozen=True, gc=False):
    """A user as the database has them: columns, facts, and the circumstances of the facts."""

    facts: GrantSnapshot
    email_verified: bool | None
    created_at: datetime
    active_at: datetime
    syncs: dict[str, SyncStatus]
    """By identity id; the leases of `circumstances` are these."""


class WantedUser(msgspec.Struct, frozen=True):
    """A user whom a request asks for, and how much of them: to be read by the statement that authenticates it."""

    id: UUID
    part: Part


UserT = TypeVar("UserT", bound=BriefUser, covariant=True)


class Reading(msgspec.Struct, Generic[UserT], frozen=True):
    """Users as of one moment, with the tenant's circumstances at that moment."""

    users: tuple[UserT, ...]
    tenant: TenantCircumstances
    at: datetime
    """The database's clock."""
    has_more: bool = False


_decode_providers = msgspec.json.Decoder(list[ProviderCircumstances]).decode
_decode_syncs = msgspec.json.Decoder(dict[str, SyncStatus]).decode
_decode_leases = msgspec.json.Decoder(dict[str, Lease]).decode
_decode_ids = msgspec.json.Decoder(frozenset[str]).decode
_decode_grants = msgspec.json.Decoder(tuple[GrantFact, ...]).decode
_NONE: frozenset[str] = frozenset()

Order = Literal["ID", "USERNAME", "DISPLAY_LABEL", "EMAIL"]
"""The orders offered are exactly those with an index."""

_ORDER_COLUMN: dict[Order, str] = {
    "ID": "id",
    "USERNAME": "username_folded",
    "DISPLAY_LABEL": "display_label_folded",
    "EMAIL": "email_folded",
}


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page begins: strictly after this user in the order asked for."""

    value: str
    id: UUID


@overload
async def users_by_id(
    connection: Connection, tenant_id: UUID, user_ids: Sequence[UUID], *, part: Literal["everything"] = "everything"
) -> Reading[UserRecord]: ...
@overload
async def users_by_id(
    connection: Connection, tenant_id: UUID, user_ids: Sequence[UUID], *, part: Part
) -> Reading[BriefUser]: ...
async def users_by_id(
    connection: Connection, tenant_id: UUID, user_ids: Sequence[UUID], *, part: Part = "everything"
) -> Reading[Any]:
    """These users, in the order of their ids; those of another tenant are simply not there (I2)."""
    # One user is selected by value: PostgreSQL then keeps its plan, and planning costs three times the reading.
    one = len(user_ids) == 1
    rows = await _read(
        connection,
        part,
        f"""
        select {{columns}}, c.*
        from (select {CIRCUMSTANCES}) c
        left join {with_facts("app_user u", part)}
            on u.tenant_id = $1 and u.id = {"$2" if one else "any($2::uuid[])"}
        order by u.id
        """,
        [tenant_id, user_ids[0] if one else user_ids],
    )
    make = _MAKERS[part]
    return _reading(rows, [make(row) for row in rows if row["id"] is not None])


async def list_users(
    connection: Connection,
    tenant_id: UUID,
    *,
    where: Filter,
    order: Order,
    descending: bool,
    after: Position | None,
    first: int,
    part: Part = "everything",
) -> Reading[BriefUser]:
    """A page of at most `first` users in keyset order, `UserRecord`s where everything is asked for; `has_more`: there is more."""
    arguments: list[Any] = [tenant_id]

    def bind(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    column, direction, beyond = _ORDER_COLUMN[order], "desc" if descending else "asc", "<" if descending else ">"
    asked = criteria(where, column, bind)
    position = ["u.email_folded is not null"] if order == "EMAIL" else []
    ordering = f"u.id {direction}" if order == "ID" else f"u.{column} {direction}, u.id {direction}"
    if after is not None and order == "ID":
        position.append(f"u.id {beyond} {bind(after.id)}")
    elif after is not None:
        position.append(f"(u.{column}, u.id) {beyond} ({bind(after.value)}, {bind(after.id)})")
    # What belongs to the tenant comes with the first row only.
    page = f"{page_of(asked, position, ordering, first + 1)} u"
    rows = await _read(
        connection,
        part,
        f"""
        select {{columns}}, case when u.place > 1 then null else c.at end as at,
            case when u.place > 1 then null else c.providers end as providers
        from (select {CIRCUMSTANCES}) c
        left join {with_facts(page, part)} on true
        order by u.place
        """,
        arguments,
    )
    return _reading(rows, await _made(rows[:first], _MAKERS[part]), has_more=len(rows) > first)


async def _read(connection: Connection, part: Part, statement: str, arguments: Sequence[Any]) -> list[Record]:
    """Run a statement with this part of its users for `{columns}`."""
    rows = await connection.fetch(statement.replace("{columns}", COLUMNS[part]), *arguments)
    if rows and rows[0]["is_edited"]:
        rows = await connection.fetch(statement.replace("{columns}", COLUMNS_DURING_EDIT[part]), *arguments)
    return rows


async def count_users(connection: Connection, tenant_id: UUID, where: Filter, *, at_most: int) -> int:
    """How many users the filter has, counted up to one more than `at_most`."""
    arguments: list[Any] = [tenant_id]

    def bind(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    found = page_of(criteria(where, "id", bind), [], "u.id", at_most + 1)
    value: int = await connection.fetchval(f"select count(*) from {found} u", *arguments)
    return value


async def estimate_users(connection: Connection, tenant_id: UUID) -> int:
    """About how many users the tenant has, as PostgreSQL's statistics have it; nothing is counted."""
    plan = await connection.fetchval(
        f"explain (format json) select from app_user where tenant_id = '{tenant_id}'::uuid"
    )
    value: int = msgspec.json.decode(plan)[0]["Plan"]["Plan Rows"]
    return value


async def _made(rows: Sequence[Record], make: Callable[[Record], UserT]) -> list[UserT]:
    slices = in_slices((make(row) for row in rows if row["id"] is not None), is_short=True)
    return [user async for some in slices for user in some]


def _reading(rows: Sequence[Any], users: Sequence[UserT], *, has_more: bool = False) -> Reading[UserT]:
    if not rows:  # cannot be: the circumstances are always one row
        raise AssertionError("the reading statement returned nothing")
    return Reading(tuple(users), tenant_circumstances(rows[0]), rows[0]["at"], has_more=has_more)


def tenant_circumstances(row: Record) -> TenantCircumstances:
    """The part of a row that `CIRCUMSTANCES` selected."""
    providers = _decode_providers(row["providers"])
    return TenantCircumstances({p.id: p for p in providers})


_named: Callable[[Record], tuple[UUID, str, str, str | None, datetime | None]] = itemgetter(
    "id", "username", "display_label", "email", "disabled_at"
)
_dates: Callable[[Record], tuple[bool | None, datetime, datetime]] = itemgetter(
    "email_verified", "created_at", "active_at"
)


def user_record(row: Record) -> UserRecord:
    """The part of a row that `USER_COLUMNS` selected."""
    syncs = _decode_syncs(row["syncs"]) if row["syncs"] is not None else {}
    return UserRecord(*_named(row), _facts(row), _circumstances(row, syncs), *_dates(row), syncs)


def _facts(row: Record) -> GrantSnapshot:
    """All that is written about the user, and what edits give that is still to be written."""
    facts = decode_facts(row["facts"])
    if row["given"] is None:
        return facts
    return msgspec.structs.replace(facts, grants=(*facts.grants, *_decode_grants(row["given"])))


def _named_user(row: Record, *, is_dated: bool = False) -> BriefUser:
    circumstances = UserCircumstances(row["disabled_at"] is None, row["has_password"], {})
    return BriefUser(*_named(row), BriefSnapshot(), circumstances, *(_dates(row) if is_dated else ()))


def _brief_user(row: Record, *, is_dated: bool = False) -> BriefUser:
    leases = _decode_leases(row["leases"]) if row["leases"] is not None else {}
    brief = row["brief"]
    facts = decode_brief(brief) if brief is not None else _facts(row)
    return BriefUser(*_named(row), facts, _circumstances(row, leases), *(_dates(row) if is_dated else ()))


def _circumstances(row: Record, leases: Mapping[str, Lease]) -> UserCircumstances:
    withdrawn = row["withdrawn"]
    return UserCircumstances(
        row["disabled_at"] is None,
        row["has_password"],
        leases,
        _decode_ids(withdrawn) if withdrawn is not None else _NONE,
        row["admitted_until"],
    )


_MAKERS: dict[Part, Callable[[Record], Any]] = {
    "names": _named_user,
    "names and dates": partial(_named_user, is_dated=True),
    "permissions": _brief_user,
    "permissions and dates": partial(_brief_user, is_dated=True),
    "everything": user_record,
}


def wanted_users(rows: Sequence[Record], wanted: WantedUser | None) -> Sequence[BriefUser]:
    """The wanted user in the rows of `with_wanted`, if there is one."""
    if wanted is None:
        return ()
    make = _MAKERS[wanted.part]
    return [make(row) for row in rows[1:]]


async def refresh(connection: Connection, tenant_id: UUID, user_ids: Sequence[UUID]) -> None:
    """Rewrite these users' facts from the tables; the last act of every transaction that changed any of them.

    Users whose permissions, groups or identities have changed are recorded in the outbox.
    """
    if user_ids:
        rows = await connection.fetch(REFRESH, tenant_id, user_ids)
        await outbox.record(connection, tenant_id, "user.permissions_changed", [row["id"] for row in rows])
