"""Group mappings as a table (CSV): imported whole or refused whole; importing an export changes nothing.

Columns: `group` and `permissions` (names, separated by blanks); optionally `match` (`EXACT` or `GLOB`), `provider` (its
slug; empty for every provider) and `enabled` (`yes` or `no`). They are separated by commas, or by semicolons or tabs if the
first line is, as some spreadsheets write them. A cell that a spreadsheet would compute begins with an apostrophe, which is
not part of its value. Blanks around a cell are no part of it either, except in the group.
"""

import csv
import difflib
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from identity_api import spreadsheets
from identity_api.change_sets.changes import Change, CreateMapping, DeleteMapping, UpdateMapping
from identity_api.change_sets.errors import ChangesRefused
from identity_api.claims import MatchKind, validate_pattern
from identity_api.db import mappings, permissions, providers
from identity_api.db.database import Database
from identity_api.db.mappings import MappingRecord
from identity_api.errors import BadInput, ConfigurationError, IdentityAPIError, NotFound, Refused
from identity_api.permissions.delegation import Actor

COLUMNS: Final = ("group", "match", "provider", "permissions", "enabled")
NEEDED: Final = ("group", "permissions")
MAX_BYTES: Final = 1_048_576
_MANY: Final = 100_000
_ENABLED: Final = {"": True, "yes": True, "no": False}

Key = tuple[str, MatchKind, str]
"""Provider, match and pattern: unique among the mappings of a tenant."""


class Row(msgspec.Struct, frozen=True):
    """A mapping as a line of the table."""

    line: int
    group: str
    match: MatchKind
    provider: str
    permissions: tuple[str, ...]
    enabled: bool

    @property
    def key(self) -> Key:
        """Its unique key."""
        return self.provider, self.match, self.group


class LineProblem(NamedTuple):
    """What is wrong with a line."""

    line: int
    """From 1; 0 if it is about no line, or about a mapping that the table leaves out."""
    error: IdentityAPIError


class Table(NamedTuple):
    """The mappings that a table names, and what is wrong with its other lines."""

    rows: tuple[Row, ...]
    problems: tuple[LineProblem, ...]


class TableRefused(ConfigurationError):
    """A table cannot be used. `lines` has every problem with its line."""

    def __init__(self, lines: Sequence[LineProblem]) -> None:
        self.lines = tuple(lines)
        super().__init__([f"Line {line}: {error.message}" if line else error.message for line, error in lines])


def _wrong(line: int, message: str) -> LineProblem:
    return LineProblem(line, BadInput(message))


def read(content: bytes) -> Table:
    """The mappings of a table in UTF-8. Raises as `read_text`."""
    try:
        return read_text(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise TableRefused([_wrong(0, "The table is not in UTF-8.")]) from None


def read_text(text: str) -> Table:
    """The mappings of a table with a line of column names.

    Raises:
        TableRefused: it is no such table, or names other columns.
    """
    if len(text) > MAX_BYTES:
        raise TableRefused([_wrong(0, f"The table is larger than {MAX_BYTES:,} bytes.")])
    lines = list(_lines(text))
    line, names = (lines[0][0], [name.strip() for name in lines[0][1]]) if lines else (0, [])
    problems = _header_problems(line, names)
    if problems:
        raise TableRefused(problems)
    rows: dict[Key, Row] = {}
    for number, cells in lines[1:]:
        found = _row(number, names, cells)
        if isinstance(found, str):
            problems.append(_wrong(number, found))
        elif found.key in rows:
            problems.append(_wrong(number, f"The mapping is in line {rows[found.key].line} already."))
        else:
            rows[found.key] = found
    return Table(tuple(rows.values()), tuple(problems))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line with its number (the last one, if a cell spans several lines); empty lines are left out."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((one for one in "\t;" if one in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [spreadsheets.text_of(cell) for cell in cells]
    except csv.Error as error:
        raise TableRefused([_wrong(reader.line_num, f"This is not CSV: {error}.")]) from None


def _header_problems(line: int, names: Sequence[str]) -> list[LineProblem]:
    known = ", ".join(COLUMNS)
    if not names:
        return [_wrong(0, f"The table is empty. Its first line names the columns: {known}.")]
    problems = [f"There is no column {name}; there are {known}." for name in names if name not in COLUMNS]
    problems += [f"The column {name} is there twice." for name in COLUMNS if names.count(name) > 1]
    problems += [f"The column {name} is missing." for name in NEEDED if name not in names]
    return [_wrong(line, problem) for problem in problems]


def _row(line: int, names: Sequence[str], cells: Sequence[str]) -> Row | str:
    """The mapping, or what is wrong with it."""
    if len(cells) != len(names):
        return f"There are {len(cells)} cells and {len(names)} columns."
    values = dict.fromkeys(COLUMNS, "")
    values |= {name: cell if name == "group" else cell.strip() for name, cell in zip(names, cells, strict=True)}
    if values["match"] not in ("", *MatchKind):
        return f"Match is {' or '.join(MatchKind)}."
    if values["enabled"] not in _ENABLED:
        return "Enabled is yes or no."
    match, given = MatchKind(values["match"] or MatchKind.EXACT), tuple(dict.fromkeys(values["permissions"].split()))
    if not given:
        return "Permissions are missing."
    try:
        validate_pattern(values["group"], match)
    except BadInput as error:
        return error.message
    return Row(line, values["group"], match, values["provider"], given, _ENABLED[values["enabled"]])


async def changes_to(database: Database, actor: Actor, given: Table, *, prune: bool) -> tuple[list[Change], list[int]]:
    """The changes that make the tenant's mappings equal to the table, with the line of each; 0 for those it leaves out.

    Args:
        prune: delete the mappings that it leaves out, except those that a file manages.

    Raises:
        TableRefused: a line cannot be read, a provider or permission is not there, or a file manages a mapping; every
            problem, by line.
    """
    async with database.reading() as connection:
        places = {one.slug: one.id for one in await providers.of_tenant(connection, actor.tenant_id)}
        names = {one.name for one in await permissions.page(connection, actor.tenant_id, after=None, first=_MANY)}
        stored = {_key(one): one for one in await mappings.page(connection, actor.tenant_id, after=None, first=_MANY)}
    rows = given.rows
    problems = [*given.problems, *[problem for row in rows for problem in _problems(row, places, names, stored)]]
    if problems:
        raise TableRefused(sorted(problems, key=lambda problem: problem.line))
    found = [(row.line, change) for row in rows if (change := _change(row, places, stored.get(row.key))) is not None]
    if prune:
        left_out = stored.keys() - {row.key for row in rows}
        found += [
            (0, DeleteMapping(mapping_id=one.id, version=one.version))
            for key, one in stored.items()
            if key in left_out and one.managed_by == "API"
        ]
    return [change for _, change in found], [line for line, _ in found]


def by_line(error: ChangesRefused, lines: Sequence[int]) -> TableRefused:
    """The problems of the changes, by the lines that they come from."""
    return TableRefused([LineProblem(lines[one.number], one.error) for one in error.problems])


def _key(row: MappingRecord) -> Key:
    return row.provider_slug or "", MatchKind(row.match), row.pattern


def _problems(
    row: Row, places: Mapping[str, UUID], names: Collection[str], stored: Mapping[Key, MappingRecord]
) -> Iterator[LineProblem]:
    if row.provider and row.provider not in places:
        yield LineProblem(row.line, NotFound(f"There is no provider {row.provider}."))
    for name in row.permissions:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            yield LineProblem(row.line, NotFound(f"There is no permission {name}.{meant}"))
    before = stored.get(row.key)
    if before is not None and before.managed_by == "FILE" and _differs(before, row):
        yield LineProblem(row.line, Refused("A file manages this mapping. Change it there.", code="MANAGED_BY_FILE"))


def _differs(before: MappingRecord, row: Row) -> bool:
    return set(before.permissions) != set(row.permissions) or before.enabled != row.enabled


def _change(row: Row, places: Mapping[str, UUID], before: MappingRecord | None) -> Change | None:
    if before is None:
        return CreateMapping(
            provider_id=places[row.provider] if row.provider else None,
            pattern=row.group,
            match=row.match,
            permissions=row.permissions,
            enabled=row.enabled,
        )
    if not _differs(before, row):
        return None
    return UpdateMapping(mapping_id=before.id, version=before.version, permissions=row.permissions, enabled=row.enabled)


def written(rows: Iterable[MappingRecord]) -> str:
    """Mappings as a table."""
    return as_table(
        [(one.pattern, one.match, one.provider_slug or "", sorted(one.permissions), one.enabled) for one in rows]
    )


def as_table(rows: Iterable[tuple[str, str, str, Sequence[str], bool]]) -> str:
    """Mappings as a table, each as the values of `COLUMNS` in their order."""
    return spreadsheets.table(
        COLUMNS,
        [
            (group, match, provider, " ".join(given), "yes" if enabled else "no")
            for group, match, provider, given, enabled in rows
        ],
    )
