"""Users and identities as tables (CSV), and releases of the identities that a table names."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from identity_api.accounts.linking import release_identities
from identity_api.cli.users import COLUMNS, PAGE, identity_of, read_text
from identity_api.db import enrolment, users
from identity_api.db.database import Database
from identity_api.db.enrolment import ExportedUser
from identity_api.errors import ConfigurationError, Conflict, NotFound
from identity_api.permissions.delegation import Actor
from identity_api.spreadsheets import table, text_of

COLUMNS_OF_IDENTITIES: Final = ("username", "provider", "anchor", "subject", "state", "state_reason", "state_since")
NAMED: Final = ("username", "provider", "anchor")


class ListedIdentity(msgspec.Struct, frozen=True):
    """An identity with its user."""

    username: str
    provider: str
    anchor: str
    subject: str | None
    state: str
    state_reason: str | None
    state_since: datetime

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order of `COLUMNS_OF_IDENTITIES`."""
        since = self.state_since.isoformat(timespec="seconds")
        return (
            self.username, self.provider, self.anchor, self.subject or "", self.state, self.state_reason or "", since,
        )  # fmt: skip


class NamedIdentity(NamedTuple):
    """An identity as a line of a table names it."""

    username: str
    provider: str
    anchor: str


async def _everybody(database: Database, actor: Actor) -> AsyncIterator[ExportedUser]:
    """By username, read a page at a time."""
    after = None
    while True:
        async with database.reading() as connection:
            page = await enrolment.exported(connection, actor.tenant_id, after=after, first=PAGE)
        for one in page:
            yield one
        if len(page) < PAGE:
            return
        after = page[-1].username


async def users_as_csv(database: Database, actor: Actor) -> str:
    """The tenant's users as `user import` takes them: a line for each identity, and for who has none."""
    rows = []
    async for one in _everybody(database, actor):
        ways = [(way.provider, way.anchor) for way in one.identities] or [("", "")]
        for place, (provider, anchor) in enumerate(ways):
            called = (one.display_label, one.email or "") if place == 0 else ("", "")
            rows.append((one.username, *called, provider, anchor, " ".join(one.permissions) if place == 0 else ""))
    return table(COLUMNS, rows)


async def all_identities(database: Database, actor: Actor, state: str | None) -> list[ListedIdentity]:
    """The tenant's identities by username; those in one state, if it is given."""
    return [
        ListedIdentity(
            one.username, way.provider, way.anchor, way.subject, way.state, way.state_reason, way.state_since
        )
        async for one in _everybody(database, actor)
        for way in one.identities
        if state in (None, way.state)
    ]


def read_identities(path: Path) -> list[NamedIdentity]:
    """The identities that a table names; its other columns are left alone.

    Raises:
        ConfigurationError: with every problem, by line.
    """
    try:
        lines = list(csv.DictReader(io.StringIO(read_text(path)), strict=True))
    except csv.Error as error:
        raise ConfigurationError([f"{path} is not CSV: {error}."]) from None
    missing = [name for name in NAMED if not lines or name not in lines[0]]
    problems = [f"The column {name} is missing." for name in missing]
    found = []
    for number, line in enumerate(lines if not missing else [], 2):
        values = [text_of(line[name] or "").strip() for name in NAMED]
        if not all(values):
            problems.append(f"Line {number}: {', '.join(NAMED)} are all needed.")
        found.append(NamedIdentity(*values))
    if problems:
        raise ConfigurationError(problems)
    return found


async def release_all(database: Database, actor: Actor, named: Sequence[NamedIdentity]) -> list[NamedIdentity]:
    """End the quarantine of all these identities, or of none.

    Raises:
        ConfigurationError: with every line that names no identity in quarantine.
        Conflict: somebody else released one meanwhile.
    """
    found, problems = list[UUID](), list[str]()
    for number, one in enumerate(named, 2):
        async with database.reading() as connection:
            user = await users.by_username(connection, actor.tenant_id, one.username)
        try:
            if user is None:
                raise NotFound(f"There is no user {one.username}.")
            identity = await identity_of(database, actor, user.id, one.provider, one.anchor)
            if identity.state != "QUARANTINED":
                raise Conflict(f"The identity is {identity.state}, and not in quarantine.")
            found.append(identity.id)
        except (NotFound, Conflict) as error:
            problems.append(f"Line {number}: {error.message}")
    if problems:
        raise ConfigurationError(problems)
    await release_identities(database, actor, list(dict.fromkeys(found)))
    return list(dict.fromkeys(named))
