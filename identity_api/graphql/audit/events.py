"""Audit events: what changed, by whom, from where and why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import strawberry

from identity_api.db import audit_reading, providers, user_state
from identity_api.db.audit_reading import Column, Recorded, Where
from identity_api.db.database import Connection as DatabaseConnection
from identity_api.errors import BadInput, NotFound
from identity_api.graphql import connections, ids
from identity_api.graphql.access import object_type
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Context, Info
from identity_api.graphql.fields import resolved
from identity_api.graphql.ids import Kind
from identity_api.graphql.moments import aware
from identity_api.graphql.summaries import Row, UserSummary, UserSummaryRow

_NODES: Final[dict[str, Kind]] = {
    "user": "User",
    "identity": "Identity",
    "session": "Session",
    "permission": "Permission",
    "mapping": "GroupMapping",
    "group": "Group",
    "provider": "Provider",
    "webhook": "Webhook",
    "api_token": "ApiToken",
    "service_client": "ServiceClient",
    "frontend": "Frontend",
}
"""Kinds of subjects that have global ids."""


@object_type(description="One setting that an event changed.")
class AuditChange:
    """Of an event."""

    setting: str = strawberry.field(description="The name of the setting, as in a tenant's file.")
    old: str | None = strawberry.field(
        description="The value before; null if the object is new. A value that is not text is JSON."
    )
    new: str | None = strawberry.field(
        description="The value after; null if the object is gone. A value that is not text is JSON."
    )


@object_type(description="A name and a value that an event records.")
class AuditDetail:
    """Of an event."""

    name: str = strawberry.field(description="The name.")
    value: str = strawberry.field(description="The value; a value that is not text is JSON.")


@object_type(description="One change or refusal, as it was recorded at that moment.")
class AuditEvent:
    """Never changed afterwards: the audit's chain shows it."""

    id: strawberry.ID = strawberry.field(description="The id of the event. `node(id)` does not know it.")
    at: datetime = strawberry.field(description="When it was recorded.")
    action: str = strawberry.field(description="What was done, such as `mapping.updated`.")
    actor: str = strawberry.field(
        description="Who did it: `user:<id>`, `operator:<name>`, `provider:<id>`, `sync` or `system`."
    )
    actor_user: UserSummary | None = strawberry.field(
        description="The user who did it, by their present names; null if it was no user."
    )

    @resolved(
        str,
        "Who did it, by name: a username, `provider:<slug>`, `operator:<name>`, `sync` or `system`; `actor` if they are gone.",
    )
    async def actor_name(self, info: Info) -> str:
        """One statement for all of a page."""
        source: Any = self  # what is resolved is the row
        return await info.context.actor_names.load(source.record.actor)

    @resolved(
        bool,
        "Whether the `undo` of a change set can put back what it changed: a mapping or a permission that is still as this "
        "event left it, a permission given or taken by hand, or a whole set of which all this is true.",
    )
    async def undoable(self, info: Info) -> bool:
        """A statement for each kind of thing on a page."""
        source: Any = self  # what is resolved is the row
        return await info.context.undoable.load(source.record)

    subject_kind: str = strawberry.field(description="The kind of thing that was changed, such as `mapping`.")
    subject_id: strawberry.ID | None = strawberry.field(
        description="The id of what was changed, which may be gone. Null if it has no global id."
    )
    user: UserSummary | None = strawberry.field(
        description="The user it is about, by their present names; null if it is about no user."
    )
    names: list[AuditDetail] = strawberry.field(
        description="The names that the permission, mapping, group and provider had at that moment."
    )
    changes: list[AuditChange] = strawberry.field(
        description="Each changed setting before and after. The value of a secret is never shown."
    )
    details: list[AuditDetail] = strawberry.field(
        description="Everything else that was recorded, such as a reason as a code."
    )
    request_id: str | None = strawberry.field(
        description="The id of the request, as in its answer and in the logs; null if there was none."
    )
    address: str | None = strawberry.field(
        description="Where the request came from: an IPv4 address, or an IPv6 network of 64 bits. Null for changes "
        "without a request."
    )
    reason: str | None = strawberry.field(
        description="Why it was done, in the actor's words from the header `Identity-Reason`; null if they gave none."
    )
    sequence: int | None = strawberry.field(
        description="The place in the tenant's audit chain; null until the event is sealed, moments later."
    )


class AuditChangeRow(msgspec.Struct, frozen=True):
    """The row behind `AuditChange`."""

    setting: str
    old: str | None
    new: str | None


class AuditDetailRow(msgspec.Struct, frozen=True):
    """The row behind `AuditDetail`."""

    name: str
    value: str


class AuditEventRow(Row, frozen=True):
    """The row behind `AuditEvent`; the record is a `db.audit_reading.Recorded`."""

    @property
    def id(self) -> str:
        """Of the event."""
        return str(self.record.id)

    @property
    def actor_user(self) -> UserSummaryRow | None:
        """Whose change it is."""
        one = self.record
        return one.actor_id and UserSummaryRow(one.actor_id, one.actor_username, one.actor_label)

    @property
    def subject_id(self) -> str | None:
        """As a global id."""
        kind = _NODES.get(self.record.subject_kind)
        return ids.global_id(kind, self.record.subject_id) if kind and self.record.subject_id else None

    @property
    def user(self) -> UserSummaryRow | None:
        """Whom it is about."""
        one = self.record
        return UserSummaryRow(one.user_id, one.username, one.display_label) if one.username is not None else None

    @property
    def names(self) -> list[AuditDetailRow]:
        """At that moment."""
        return _details(self.record.names)

    @property
    def details(self) -> list[AuditDetailRow]:
        """The payload."""
        return _details(self.record.payload)

    @property
    def changes(self) -> list[AuditChangeRow]:
        """By setting, in alphabetical order."""
        return changes_between(_decoded(self.record.old), _decoded(self.record.new))


def changes_between(old: dict[str, Any], new: dict[str, Any]) -> list[AuditChangeRow]:
    """Each setting before and after."""
    return [AuditChangeRow(name, _text(old, name), _text(new, name)) for name in sorted({*old, *new})]


def _decoded(text: str | None) -> dict[str, Any]:
    return {} if text is None else msgspec.json.decode(text, type=dict[str, Any])


def _details(text: str) -> list[AuditDetailRow]:
    values = _decoded(text)
    return [AuditDetailRow(name, shown) for name in sorted(values) if (shown := _text(values, name)) is not None]


def _text(values: dict[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


_MOST_ACTIONS: Final = 100


@strawberry.input(
    description="Which events to list; null leaves a criterion out. At most one of `action`, `actor`, `subject` and "
    "`user` can be given, with any range of time."
)
class AuditEventFilter:
    """Each criterion has an index; two of them would read all that one leads to."""

    action: list[str] | None = strawberry.field(
        default=None,
        description=f"Only events of these actions, such as `mapping.updated`; at most {_MOST_ACTIONS}. One needs no list.",
    )
    actor: strawberry.ID | None = strawberry.field(
        default=None,
        description="Only what the user with this id or username did; or an actor as events name it: `provider:<slug>`, "
        "`operator:<name>`, `sync` or `system`.",
    )
    subject: strawberry.ID | None = strawberry.field(
        default=None,
        description="Only what was done to the thing with this id, which can be anything that implements `Node`; or to the "
        "permission with this name, the provider with this slug, or the mapping with this pattern.",
    )
    user: strawberry.ID | None = strawberry.field(
        default=None,
        description="Everything about the user with this id or username, also their identities, sessions and grants.",
    )
    since: datetime | None = strawberry.field(
        default=None,
        description="Only events at this moment or later. It needs its offset from UTC.",
    )
    until: datetime | None = strawberry.field(
        default=None,
        description="Only events before this moment. It needs its offset from UTC.",
    )


def _checked(given: AuditEventFilter) -> tuple[str, Any] | None:
    """The one criterion besides time, with its value; None if there is none.

    Raises:
        BadInput: more than one criterion, or too many actions.
    """
    chosen = [
        (name, value) for name in ("action", "actor", "subject", "user") if (value := getattr(given, name)) is not None
    ]
    if len(chosen) > 1:
        raise BadInput("Filter by one of action, actor, subject and user.", field=f"filter.{chosen[1][0]}")
    if len(given.action or ()) > _MOST_ACTIONS:
        raise BadInput(f"Name at most {_MOST_ACTIONS} actions.", field="filter.action")
    return chosen[0] if chosen else None


async def _where(context: Context, given: AuditEventFilter) -> Where:
    """The filter as the database knows it.

    Raises:
        BadInput: more than one criterion, too many actions, a moment that cannot be used, or a name that several things have.
        NotFound: nothing and nobody has this id or name.
    """
    chosen = _checked(given)
    since, until = [
        None if moment is None else aware(moment, f"filter.{name}")
        for name, moment in (("since", given.since), ("until", given.until))
    ]
    where = Where(since=since, until=until)
    match chosen:
        case None:
            return where
        case ("action", actions):
            return msgspec.structs.replace(where, column="action", values=tuple(dict.fromkeys(actions)))
        case (name, value):
            async with context.reading() as connection:
                column, found = await _criterion(connection, context.tenant_id, name, str(value))
            return msgspec.structs.replace(where, column=column, values=(found,))


async def _criterion(
    connection: DatabaseConnection, tenant_id: UUID, name: str, value: str
) -> tuple[Column, str | UUID]:
    """The column and its value, from an id or a name."""
    match name:
        case "user":
            return "user_id", await _user(connection, tenant_id, value, name)
        case "subject":
            return "subject_id", await _subject(connection, tenant_id, value)
    kind, _, named = value.partition(":")
    if kind == "provider":
        return "actor", f"provider:{await _provider(connection, tenant_id, named)}"
    if kind == "operator" or value in ("sync", "system"):
        return "actor", value
    return "actor", f"user:{await _user(connection, tenant_id, value, name)}"


async def _user(connection: DatabaseConnection, tenant_id: UUID, value: str, field: str) -> UUID:
    """The user with this id or username."""
    named = ids.parse(value)
    if named is not None and named.kind == "User" and await user_state.has_existed(connection, tenant_id, named.row_id):
        return named.row_id
    found = await audit_reading.ids_of_user(connection, tenant_id, value)
    return _the_one(found, "There is no user with this id or name.", field)


async def _subject(connection: DatabaseConnection, tenant_id: UUID, value: str) -> UUID:
    """The thing with this id or name. A deleted thing still has its events, which its id finds."""
    named = ids.parse(value)
    if named is not None and await audit_reading.is_subject(connection, tenant_id, named.row_id):
        return named.row_id
    found = await audit_reading.ids_of_named(connection, tenant_id, value)
    return _the_one(
        found, "No event is about this id, and no permission, provider or mapping has this name.", "subject"
    )


async def _provider(connection: DatabaseConnection, tenant_id: UUID, slug: str) -> UUID:
    found = await providers.by_slug(connection, tenant_id, slug)
    if found is None:
        raise NotFound("There is no provider with this slug.")
    return found.id


def _the_one(found: Sequence[UUID], nothing: str, field: str) -> UUID:
    """
    Raises:
        NotFound: there is none.
        BadInput: there are several.
    """
    if not found:
        raise NotFound(nothing)
    if len(found) > 1:
        raise BadInput("Several have this name. Use the id.", field=f"filter.{field}")
    return found[0]


def _position(row: AuditEventRow) -> UUID:
    found: UUID = row.record.id
    return found


@object_type("Query")
class AuditQueries:
    """Root fields about the record."""

    @resolved(Connection[AuditEvent] | None, "The audit: what was changed and what was refused, the newest first.")
    async def audit_events(
        self,
        info: Info,
        filter: Annotated[
            AuditEventFilter | None, strawberry.argument(description="Which events to list; null lists all.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page."""
        context, page = info.context, connections.asked(first, after, last, before)
        where = await _where(context, filter or AuditEventFilter())
        of = connections.listing(context, "auditEvents", _position, where=where)
        position = await connections.opened(context, of, page, UUID)
        async with context.reading() as connection:
            found = await audit_reading.page(
                connection, context.tenant_id, where, after=position, first=page.size, oldest_first=page.is_backward
            )
        return connections.paged(of, rows_of(found), page)


def rows_of(found: list[Recorded]) -> list[AuditEventRow]:
    """Events as the schema shows them."""
    return [AuditEventRow(one) for one in found]


HISTORY: Final = "The newest 20 events about it, the newest first; `auditEvents` has all. Needs `identity:audit:read`."


async def history_of(context: Context, row_id: UUID) -> list[AuditEventRow]:
    """The events about an object, in one statement for all objects of a page."""
    return rows_of(await context.histories.load(row_id))


async def history_about(context: Context, user_id: UUID) -> list[AuditEventRow]:
    """The events about users and everything of theirs, in one statement for all users of a page."""
    return rows_of(await context.user_histories.load(user_id))
