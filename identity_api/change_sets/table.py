"""Group mappings as a table (CSV): imported whole or refused whole; importing an export changes nothing.

Columns: `group` and `permissions` (names, separated by blanks); optionally `match` (`EXACT` or `GLOB`), `provider` (its
slug; empty for every provider) and `enabled` (`yes` or `no`). A cell that a spreadsheet would compute begins with an
apostrophe, which is not part of its value.
"""

import csv
import difflib
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from identity_api.change_sets.changes import Change, CreateMapping, DeleteMapping, UpdateMapping
from identity_api.change_sets.errors import ChangesRefused
from identity_api.claims import MatchKind, validate_pattern
from identity_api.db import mappings, permissions, providers
from identity_api.db.database import Database
from identity_api.db.mappings import MappingRecord
from identity_api.errors import BadInput, ConfigurationError
from identity_api.permissions.delegation import Actor

COLUMNS: Final = ("group", "match", "provider", "permissions", "enabled")
NEEDED: Final = ("group", "permissions")
MAX_BYTES: Final = 1_048_576
_MANY: Final = 100_000
_ENABLED: Final = {"": True, "yes": True, "no": False}
_COMPUTED: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet would compute; the last four are full-width."""

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


def read(content: bytes) -> list[Row]:
    """The mappings of a table with a line of column names.

    Raises:
        ConfigurationError: with every problem, by line.
    """
    if len(content) > MAX_BYTES:
        raise ConfigurationError([f"The table is larger than {MAX_BYTES:,} bytes."])
    try:
        lines = list(_lines(content.decode("utf-8-sig")))
    except UnicodeDecodeError:
        raise ConfigurationError(["The table is not in UTF-8."]) from None
    names = lines[0][1] if lines else []
    problems = _header_problems(names)
    if problems:
        raise ConfigurationError(problems)
    rows: dict[Key, Row] = {}
    for number, cells in lines[1:]:
        found = _row(number, names, cells)
        if isinstance(found, str):
            problems.append(f"Line {number}: {found}")
        elif found.key in rows:
            problems.append(f"Line {number}: the mapping is in line {rows[found.key].line} already.")
        else:
            rows[found.key] = found
    if problems:
        raise ConfigurationError(problems)
    return list(rows.values())


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line with its number (the last one, if a cell spans several lines); empty lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.removeprefix("'") for cell in cells]
    except csv.Error as error:
        raise ConfigurationError([f"Line {reader.line_num}: this is not CSV: {error}."]) from None


def _header_problems(names: Sequence[str]) -> list[str]:
    known = ", ".join(COLUMNS)
    if not names:
        return [f"The table is empty. Its first line names the columns: {known}."]
    problems = [f"Line 1: there is no column {name}; there are {known}." for name in names if name not in COLUMNS]
    problems += [f"Line 1: the column {name} is there twice." for name in COLUMNS if names.count(name) > 1]
    return problems + [f"Line 1: the column {name} is missing." for name in NEEDED if name not in names]


def _row(line: int, names: Sequence[str], cells: Sequence[str]) -> Row | str:
    """The mapping, or what is wrong with it."""
    if len(cells) != len(names):
        return f"there are {len(cells)} cells and {len(names)} columns."
    values = dict.fromkeys(COLUMNS, "") | dict(zip(names, cells, strict=True))
    if values["match"] not in ("", *MatchKind):
        return f"match is {' or '.join(MatchKind)}."
    if values["enabled"] not in _ENABLED:
        return "enabled is yes or no."
    match, given = MatchKind(values["match"] or MatchKind.EXACT), tuple(dict.fromkeys(values["permissions"].split()))
    if not given:
        return "permissions are missing."
    try:
        validate_pattern(values["group"], match)
    except BadInput as error:
        return error.message
    return Row(line, values["group"], match, values["provider"], given, _ENABLED[values["enabled"]])


async def changes_to(
    database: Database, actor: Actor, rows: Sequence[Row], *, prune: bool
) -> tuple[list[Change], list[int]]:
    """The changes that make the tenant's mappings equal to the table, with the line of each; 0 for those it leaves out.

    Args:
        prune: delete the mappings that it leaves out, except those that a file manages.

    Raises:
        ConfigurationError: a provider or permission is not there, or a file manages a mapping; every problem, by line.
    """
    async with database.reading() as connection:
        places = {one.slug: one.id for one in await providers.of_tenant(connection, actor.tenant_id)}
        names = {one.name for one in await permissions.page(connection, actor.tenant_id, after=None, first=_MANY)}
        stored = {_key(one): one for one in await mappings.page(connection, actor.tenant_id, after=None, first=_MANY)}
    problems = [problem for row in rows for problem in _problems(row, places, names, stored)]
    if problems:
        raise ConfigurationError(problems)
    found = [(row.line, change) for row in rows if (change := _change(row, places, stored.get(row.key))) is not None]
    if prune:
        left_out = stored.keys() - {row.key for row in rows}
        found += [
            (0, DeleteMapping(mapping_id=one.id, version=one.version))
            for key, one in stored.items()
            if key in left_out and one.managed_by == "API"
        ]
    return [change for _, change in found], [line for line, _ in found]


def by_line(error: ChangesRefused, lines: Sequence[int]) -> ConfigurationError:
    """The problems of the changes, by the lines that they come from."""
    told = [(lines[one.number], one.error.message) for one in error.problems]
    return ConfigurationError([f"Line {line}: {message}" if line else message for line, message in told])


def _key(row: MappingRecord) -> Key:
    return row.provider_slug or "", MatchKind(row.match), row.pattern


def _problems(
    row: Row, places: Mapping[str, UUID], names: Collection[str], stored: Mapping[Key, MappingRecord]
) -> Iterator[str]:
    if row.provider and row.provider not in places:
        yield f"Line {row.line}: there is no provider {row.provider}."
    for name in row.permissions:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            yield f"Line {row.line}: there is no permission {name}.{f' Did you mean {near[0]}?' if near else ''}"
    before = stored.get(row.key)
    if before is not None and before.managed_by == "FILE" and _differs(before, row):
        yield f"Line {row.line}: a file manages this mapping. Change it there."


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
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in rows:
        cells = (
            one.pattern,
            one.match,
            one.provider_slug or "",
            " ".join(sorted(one.permissions)),
            "yes" if one.enabled else "no",
        )
        writer.writerow([f"'{cell}" if cell.startswith((*_COMPUTED, "'")) else cell for cell in cells])
    return text.getvalue()
