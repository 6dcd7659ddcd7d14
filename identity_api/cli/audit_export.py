"""Audit events for the terminal, for files and for other programs."""

import csv
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from identity_api.cli.context import no_tenant
from identity_api.cli.output import print_json
from identity_api.db import audit_reading, providers, tenants, users
from identity_api.db.actor_names import actor_names
from identity_api.db.audit import UNTOLD
from identity_api.db.audit_reading import Recorded, Where
from identity_api.db.database import Connection, Database
from identity_api.errors import BadInput, NotFound
from identity_api.spreadsheets import as_cell

PAGE: Final = 1_000
Format = Literal["ndjson", "csv"]


class Event(msgspec.Struct, frozen=True):
    """An event as it is exported: one line of NDJSON, or one row."""

    id: UUID
    sequence: int | None
    at: datetime
    action: str
    actor: str
    actor_name: str
    subject_kind: str
    subject_id: UUID | None
    user_id: UUID | None
    username: str | None
    names: msgspec.Raw
    old: msgspec.Raw | None
    new: msgspec.Raw | None
    payload: msgspec.Raw
    request_id: str | None
    address: str | None
    reason: str | None

    def __str__(self) -> str:
        about = self.username or ""
        values = " ".join([f"{name}={bytes(value).decode()}" for name, value in self._shown()])
        return f"{self.at:%Y-%m-%dT%H:%M:%SZ}  {self.action}  by {self.actor_name}  {about}  {values}".rstrip()

    def _shown(self) -> list[tuple[str, msgspec.Raw]]:
        pairs = [("names", self.names), ("old", self.old), ("new", self.new), ("details", self._details())]
        return [(name, value) for name, value in pairs if value is not None and bytes(value) != b"{}"]

    def _details(self) -> msgspec.Raw:
        """What the payload has besides the new values and the ids of what `names` names: why a permission ended."""
        found = msgspec.json.decode(self.payload)
        known = UNTOLD | (msgspec.json.decode(self.new).keys() if self.new is not None else frozenset())
        told = {name: value for name, value in found.items() if name not in known and value != []}
        return msgspec.Raw(msgspec.json.encode(told) if told else b"{}")


async def _exported(connection: Connection, tenant_id: UUID, found: Sequence[Recorded]) -> list[Event]:
    """The events with their JSON values parsed, and with the names of who did them."""
    names = await actor_names(connection, tenant_id, {one.actor for one in found})
    return [_event(one, names[one.actor]) for one in found]


def _event(found: Recorded, actor_name: str) -> Event:
    given = {name: getattr(found, name) for name in Event.__struct_fields__ if name != "actor_name"}
    values: dict[str, Any] = {**given, "actor_name": actor_name}
    values |= {name: _raw(values[name]) for name in ("names", "old", "new", "payload")}
    return Event(**values)


def _raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text.encode())


async def where_of(
    database: Database,
    tenant: str,
    *,
    actions: Sequence[str] = (),
    actor: str | None = None,
    subject: str | None = None,
    user: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> tuple[UUID, Where]:
    """The tenant and the criteria for its events, from typed names.

    Args:
        actor: a username, `provider:SLUG`, or an actor of an event, such as `sync`.
        subject: a `subject_id` of an event, or what has this name now: a permission, a provider's slug, a mapping's pattern.

    Raises:
        NotFound: no such tenant or user, or nothing with this name.
        BadInput: two criteria at once, an invalid time, or a name that several have.
    """
    if sum(map(bool, (actions, actor, subject, user))) > 1:
        raise BadInput("Choose one of --action, --actor, --subject and --user.")
    async with database.reading() as connection:
        found = await tenants.by_slug(connection, tenant)
        if found is None:
            raise no_tenant(tenant)
        where = Where(since=_moment(since), until=_moment(until))
        if actions:
            return found.id, msgspec.structs.replace(where, column="action", values=tuple(dict.fromkeys(actions)))
        if subject is not None:
            about = await _subject(connection, found.id, subject)
            return found.id, msgspec.structs.replace(where, column="subject_id", values=(about,))
        if user is not None:
            known = await _user(connection, found.id, user)
            return found.id, msgspec.structs.replace(where, column="user_id", values=(known,))
        if actor is not None:
            named = await _actor(connection, found.id, actor)
            return found.id, msgspec.structs.replace(where, column="actor", values=(named,))
    return found.id, where


async def _actor(connection: Connection, tenant_id: UUID, name: str) -> str:
    if name.startswith("provider:"):
        return await _provider(connection, tenant_id, name.removeprefix("provider:"))
    if ":" in name or name in ("sync", "system"):
        return name
    return f"user:{await _user(connection, tenant_id, name)}"


async def _user(connection: Connection, tenant_id: UUID, name: str) -> UUID:
    known = await users.by_username(connection, tenant_id, name)
    if known is None:
        raise NotFound(f"There is no user {name}.")
    return known.id


async def _subject(connection: Connection, tenant_id: UUID, name: str) -> UUID:
    try:
        found = [UUID(name)]
    except ValueError:
        found = await audit_reading.ids_of_named(connection, tenant_id, name)
    if len(found) > 1:
        raise BadInput(f"Several are called {name}. `audit list --json` has their subject_id, which is taken too.")
    if not found or not await audit_reading.is_subject(connection, tenant_id, found[0]):
        raise NotFound(f"No event is about {name}: there is no such permission, provider, mapping or subject_id.")
    return found[0]


async def _provider(connection: Connection, tenant_id: UUID, slug: str) -> str:
    found = await providers.by_slug(connection, tenant_id, slug)
    if found is None:
        raise NotFound(f"There is no provider {slug}.")
    return f"provider:{found.id}"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else moment(text)


def moment(text: str) -> datetime:
    """A date or a time, in UTC; of UTC unless it says.

    Raises:
        BadInput: it is neither, or in no year from 1 to 9999 of UTC.
    """
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"{text} is not a time; write 2026-11-29 or 2026-11-29T12:00:00Z.") from None


async def newest(database: Database, tenant_id: UUID, where: Where, *, limit: int) -> list[Event]:
    """The newest events, the newest first."""
    async with database.reading() as connection:
        found = await audit_reading.page(connection, tenant_id, where, after=None, first=limit)
        return await _exported(connection, tenant_id, found[:limit])


async def all_of(database: Database, tenant_id: UUID, where: Where) -> AsyncIterator[Event]:
    """Every event, the oldest first, read a page at a time: memory does not grow with their number."""
    after = None
    while True:
        async with database.reading() as connection:
            found = await audit_reading.page(connection, tenant_id, where, after=after, first=PAGE, oldest_first=True)
            events = await _exported(connection, tenant_id, found[:PAGE])
        for event in events:
            yield event
        if len(found) <= PAGE:
            return
        after = found[PAGE - 1].id


async def export(database: Database, tenant_id: UUID, where: Where, form: Format) -> None:
    """Write every event to standard output."""
    rows = csv.writer(sys.stdout)
    if form == "csv":
        rows.writerow(Event.__struct_fields__)
    async for event in all_of(database, tenant_id, where):
        if form == "csv":
            rows.writerow([cell(value) for value in msgspec.structs.asdict(event).values()])
        else:
            print_json(event)


def cell(value: Any) -> str:
    """A value as a cell that no spreadsheet computes: a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, msgspec.Raw):
        text = bytes(value).decode()
    elif isinstance(value, datetime):
        text = value.isoformat()
    else:
        text = msgspec.json.encode(value).decode() if isinstance(value, Mapping) else str(value)
    return as_cell(text)
