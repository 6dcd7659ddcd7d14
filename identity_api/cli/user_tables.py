"""Users and identities as tables (CSV): what is written, what is entered, and releases of the identities that one names."""

import csv
import io
import re
import sys
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from identity_api.accounts.enrolment import Enrolled, EnrolledIdentity, EnrolledUser, Places, enrol
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
_LINE: Final = re.compile(r"Line (\d+)")


class ListedIdentity(msgspec.Struct, frozen=True):
    """An identity with its user."""

    id: UUID
    user_id: UUID
    username: str
    provider_id: UUID
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
        ListedIdentity(user_id=one.id, username=one.username, **msgspec.structs.asdict(way))
        async for one in _everybody(database, actor)
        for way in one.identities
        if state in (None, way.state)
    ]


class UserTable(NamedTuple):
    """Users as a table has them."""

    users: list[EnrolledUser]
    places: Places
    problems: list[str]
    """Of lines that cannot be read, by line."""


def read_table(path: Path) -> UserTable:
    """Users from CSV with a line of column names; `-` reads standard input.

    A user with several identities has several lines. Permissions are separated by blanks.

    Raises:
        ConfigurationError: it is no table of users.
    """
    lines = _lines(path, needed=("username",), known=COLUMNS)
    if not lines:
        raise ConfigurationError([f"The table has no users. Its first line names the columns: {', '.join(COLUMNS)}."])
    entered = _Entered()
    problems = [
        problem
        for number, cells in lines
        if (problem := entered.add(f"Line {number}", {name: cells.get(name, "") for name in COLUMNS}))
    ]
    places = Places(entered.places, entered.identities, entered.permissions)
    return UserTable(list(entered.users.values()), places, problems)


async def enrol_table(database: Database, actor: Actor, given: UserTable, *, dry_run: bool) -> list[Enrolled]:
    """Make the users of a table. Raises as `enrol`; what is wrong with lines is told with what is wrong with users."""
    if not given.problems:
        return await enrol(database, actor, given.users, dry_run=dry_run, places=given.places)
    problems = list(given.problems)
    try:
        await enrol(database, actor, given.users, dry_run=True, places=given.places)
    except ConfigurationError as error:
        problems += error.problems
    raise ConfigurationError(sorted(problems, key=_line_of))


def _line_of(problem: str) -> int:
    found = _LINE.match(problem)
    return int(found[1]) if found else 0


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


class _Entered:
    """The users of a table, as its lines tell of them."""

    def __init__(self) -> None:
        self.users: dict[str, EnrolledUser] = {}
        self.places: dict[str, str] = {}
        self.identities: dict[EnrolledIdentity, str] = {}
        self.permissions: dict[tuple[str, str], str] = {}
        self._owners: dict[EnrolledIdentity, str] = {}

    def add(self, place: str, line: dict[str, str]) -> str | None:
        """Add a line's user, or the line's values to an earlier user; returns what is wrong with it."""
        name = unicodedata.normalize("NFC", line["username"])
        if not name:
            return f"{place}: username is empty."
        if bool(line["provider"]) != bool(line["anchor"]):
            return f"{place}: provider and anchor belong together."
        before = self.users.get(name, EnrolledUser(name))
        called = {column: line[column] or None for column in ("display_label", "email")}
        if any(value and getattr(before, column) not in (None, value) for column, value in called.items()):
            return f"{place}: {name} is called otherwise in a line before."
        identities = (EnrolledIdentity(line["provider"], line["anchor"]),) if line["provider"] else ()
        for one in identities:
            owner = self._owners.setdefault(one, name)
            if owner != name:
                return f"{place}: {one.anchor} at provider {one.provider} is {owner}'s in a line before."
            self.identities.setdefault(one, place)
        given = line["permissions"].split()
        self.places.setdefault(name, place)
        for permission in given:
            self.permissions.setdefault((name, permission), place)
        self.users[name] = EnrolledUser(
            name,
            called["display_label"] or before.display_label,
            called["email"] or before.email,
            tuple(dict.fromkeys([*before.identities, *identities])),
            tuple(dict.fromkeys([*before.permissions, *given])),
        )
        return None


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
