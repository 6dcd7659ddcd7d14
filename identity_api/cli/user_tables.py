"""Users and identities as tables (CSV): what is written, what is entered, and releases of the identities that one names."""

import csv
import io
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from identity_api.accounts.enrolment import EnrolledIdentity, EnrolledUser
from identity_api.accounts.linking import release_identities
from identity_api.cli.users import PAGE, identity_of
from identity_api.db import enrolment, users
from identity_api.db.database import Database
from identity_api.db.enrolment import ExportedUser
from identity_api.errors import ConfigurationError, Conflict, NotFound
from identity_api.permissions.delegation import Actor
from identity_api.providers.anchors import NewAnchor
from identity_api.spreadsheets import table, text_of

COLUMNS: Final = ("username", "display_label", "email", "provider", "anchor", "permissions")
COLUMNS_OF_IDENTITIES: Final = ("username", "provider", "anchor", "subject", "state", "state_reason", "state_since")
NAMED: Final = ("username", "provider", "anchor")
MAX_TABLE_BYTES: Final = 64 * 1_048_576


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


class NamedIdentity(msgspec.Struct, frozen=True):
    """An identity as a line of a table names it."""

    username: str
    provider: str
    anchor: str


class Line(NamedTuple):
    """A line below the column names."""

    number: int
    """In the file, from 1; where a cell has several lines, that of its last."""
    cells: dict[str, str]


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


def read_table(path: Path) -> tuple[list[EnrolledUser], dict[str, str]]:
    """Users from CSV with a line of column names, and the line where each is first; `-` reads standard input.

    A user with several identities has several lines. Permissions are separated by blanks.

    Raises:
        ConfigurationError: with every problem, by line.
    """
    lines = _lines(path, needed=("username",), known=COLUMNS)
    if not lines:
        raise ConfigurationError([f"The table has no users. Its first line names the columns: {', '.join(COLUMNS)}."])
    found: dict[str, EnrolledUser] = {}
    problems = [
        problem
        for number, cells in lines
        for problem in _add(found, number, {name: cells.get(name, "") for name in COLUMNS})
    ]
    if problems:
        raise ConfigurationError(problems)
    places: dict[str, str] = {}
    for number, cells in lines:
        places.setdefault(cells["username"], f"Line {number}")
    return list(found.values()), places


def _lines(path: Path, *, needed: Sequence[str], known: Sequence[str] | None = None) -> list[Line]:
    """The lines of a table; what stands for a text is read, and blanks around it are left out.

    Args:
        needed: columns that there must be.
        known: all that there may be; None leaves others alone.

    Raises:
        ConfigurationError: it is no such table.
    """
    reader = csv.reader(io.StringIO(_read_text(path)), strict=True)
    try:
        names = next(reader, [])
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ConfigurationError([f"{path} is not CSV: {error}."]) from None
    unknown = sorted({name for name in names if known is not None and name not in known})
    problems = [f"There is no column {name}; there are {', '.join(known or ())}." for name in unknown]
    problems += [f"The column {name} is missing." for name in needed if name not in names]
    problems += [f"Line {number}: there are more cells than columns." for number, row in rows if len(row) > len(names)]
    if problems:
        raise ConfigurationError(problems)
    # A line may end before its last columns.
    return [
        Line(number, {name: text_of(cell).strip() for name, cell in zip(names, row, strict=False)})
        for number, row in rows
    ]


def _read_text(path: Path) -> str:
    try:
        content = sys.stdin.buffer.read(MAX_TABLE_BYTES + 1) if path == Path("-") else path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError([f"{path} cannot be read as UTF-8."]) from None
    if len(content) > MAX_TABLE_BYTES:
        raise ConfigurationError([f"{path} is larger than {MAX_TABLE_BYTES} bytes."])
    return text


def _add(found: dict[str, EnrolledUser], number: int, line: dict[str, str]) -> list[str]:
    """Add a line's user, or add the line's values to an earlier user."""
    if not line["username"]:
        return [f"Line {number}: username is empty."]
    if bool(line["provider"]) != bool(line["anchor"]):
        return [f"Line {number}: provider and anchor belong together."]
    before = found.get(line["username"], EnrolledUser(line["username"]))
    called = {name: line[name] or None for name in ("display_label", "email")}
    if any(value and getattr(before, name) not in (None, value) for name, value in called.items()):
        return [f"Line {number}: {line['username']} is called otherwise in a line before."]
    identities = (EnrolledIdentity(line["provider"], line["anchor"]),) if line["provider"] else ()
    found[line["username"]] = EnrolledUser(
        line["username"],
        called["display_label"] or before.display_label,
        called["email"] or before.email,
        tuple(dict.fromkeys([*before.identities, *identities])),
        tuple(dict.fromkeys([*before.permissions, *line["permissions"].split()])),
    )
    return []


def read_identities(path: Path) -> dict[int, NamedIdentity]:
    """The identities that a table names, by line; its other columns are left alone.

    Raises:
        ConfigurationError: with every problem, by line.
    """
    found = {
        number: NamedIdentity(*[cells.get(name, "") for name in NAMED]) for number, cells in _lines(path, needed=NAMED)
    }
    problems = [
        f"Line {number}: {', '.join(NAMED)} are all needed."
        for number, one in found.items()
        if not (one.username and one.provider and one.anchor)
    ]
    if problems:
        raise ConfigurationError(problems)
    return found


def read_new_anchors(path: Path, provider: str) -> list[NewAnchor]:
    """The new anchors that a table has for identities of the provider; lines of other providers are left alone.

    Raises:
        ConfigurationError: with every problem, by line.
    """
    columns = (*NAMED, "new_anchor")
    lines = [(number, [cells.get(name, "") for name in columns]) for number, cells in _lines(path, needed=columns)]
    problems = [f"Line {number}: {', '.join(columns)} are all needed." for number, cells in lines if not all(cells)]
    if problems:
        raise ConfigurationError(problems)
    return [NewAnchor(line, name, anchor, new) for line, (name, slug, anchor, new) in lines if slug == provider]


async def release_all(database: Database, actor: Actor, named: Mapping[int, NamedIdentity]) -> list[NamedIdentity]:
    """End the quarantine of all these identities of a table, by line, or of none.

    Raises:
        ConfigurationError: with every line that names no identity in quarantine.
        Conflict: somebody else released one meanwhile.
    """
    found, problems = list[UUID](), list[str]()
    for number, one in named.items():
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
    return list(dict.fromkeys(named.values()))
