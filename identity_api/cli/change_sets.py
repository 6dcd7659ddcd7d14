"""Show a set of changes to the operator, and apply exactly what was shown."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from identity_api.change_sets import run, table
from identity_api.change_sets.changes import Change, Undo
from identity_api.change_sets.errors import ChangesRefused
from identity_api.change_sets.run import Outcome
from identity_api.cli.output import print_json, print_lines
from identity_api.db import change_sets as rows
from identity_api.db import mappings
from identity_api.db.database import Database
from identity_api.errors import ConfigurationError
from identity_api.permissions.delegation import Actor

MAX_NAMED = 10
"""The limit of people named beside the numbers."""


class Touched(msgspec.Struct, frozen=True):
    """A person who gains or loses permissions."""

    username: str
    gained: list[str]
    lost: list[str]


class Shown(msgspec.Struct, frozen=True):
    """The effects of a set, for the terminal and for programs."""

    digest: str
    changes: list[dict[str, Any]]
    warnings: list[str]
    concerned: int
    gaining: int
    losing: int
    touched: list[Touched]
    """The first of them, by username."""
    event: UUID | None
    """The event whose undoing undoes the whole set; None for what was only previewed."""

    @property
    def lines(self) -> list[str]:
        """For people."""
        told = [f"{_SIGNS[one['action'].partition('.')[2]]} {_sentence(one)}" for one in self.changes]
        told += [f"warning: {one}" for one in self.warnings]
        told.append(f"{self.gaining:,} gain and {self.losing:,} lose something, of {self.concerned:,} concerned.")
        for one in self.touched:
            gained, lost = [f"+{name}" for name in one.gained], [f"-{name}" for name in one.lost]
            told.append(f"  {one.username}: {' '.join([*gained, *lost])}")
        told += [f"digest: {self.digest}"]
        return told if self.event is None else [*told, f"event: {self.event} (audit undo puts all of it back)"]


_SIGNS = {"created": "+", "opened": "+", "updated": "~", "deleted": "-", "closed": "-"}


def _sentence(change: dict[str, Any]) -> str:
    old, new = change["old"] or {}, change["new"] or {}
    settings = [
        f"{name}: {_text(old.get(name))} -> {_text(new.get(name))}"
        for name in sorted({*old, *new} - {"version"})
        if old and new and old.get(name) != new.get(name)
    ]
    return "  ".join([f"{change['action'].partition('.')[0]} {change['name']}", *settings])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


async def change(
    database: Database,
    actor: Actor,
    changes: Sequence[Change | Undo],
    *,
    dry_run: bool,
    as_previewed: str | None,
    lines: Sequence[int] = (),
) -> Shown | None:
    """Preview the set, and apply exactly that unless it is a dry run. None for an empty set.

    Args:
        as_previewed: the digest of an earlier dry run, which must still match.
        lines: of a table, for each change.

    Raises:
        ConfigurationError: changes of a table cannot be made, by line.
        ChangesRefused, Conflict, LimitReached, BadInput: as `run.preview` and `run.apply`.
    """
    if not changes:
        return None
    try:
        outcome = await run.preview(database, actor, changes)
        if not dry_run:
            outcome = await run.apply(database, actor, changes, as_previewed=as_previewed or outcome.digest)
    except ChangesRefused as error:
        if lines:
            raise table.by_line(error, lines) from None
        raise
    return await shown_of(database, actor, outcome, is_made=not dry_run)


async def shown_of(database: Database, actor: Actor, outcome: Outcome, *, is_made: bool = False) -> Shown:
    """The outcome with the names of the first people whom it affects."""
    effect = outcome.effect
    async with database.reading() as connection:
        people = await rows.named(connection, actor.tenant_id, effect.gaining | effect.losing, first=MAX_NAMED)
    touched = [
        Touched(
            one.username,
            sorted([name for user_id, name in effect.gained if user_id == one.id]),
            sorted([name for user_id, name in effect.lost if user_id == one.id]),
        )
        for one in people[:MAX_NAMED]
    ]
    return Shown(
        outcome.digest,
        [{"action": one.action, "name": one.name, "old": one.old, "new": one.new} for one in outcome.done],
        [one.message for one in outcome.warnings],
        effect.concerned,
        len(effect.gaining),
        len(effect.losing),
        touched,
        outcome.event_id if is_made else None,
    )


async def import_table(
    database: Database, actor: Actor, content: bytes, *, prune: bool, dry_run: bool, as_previewed: str | None
) -> Shown | None:
    """Change the tenant's mappings to those of a table. None if there is nothing to change."""
    changes, lines = await table.changes_to(database, actor, table.read(content), prune=prune)
    return await change(database, actor, changes, dry_run=dry_run, as_previewed=as_previewed, lines=lines)


async def export_table(database: Database, actor: Actor) -> str:
    """The tenant's mappings as a table that `import_table` takes back without a change."""
    async with database.reading() as connection:
        return table.written(await mappings.page(connection, actor.tenant_id, after=None, first=100_000))


def read_file(path: Path) -> bytes:
    """Read a file, or standard input for `-`, up to one byte more than the limit.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        if path == Path("-"):
            return sys.stdin.buffer.read(table.MAX_BYTES + 1)
        with path.open("rb") as opened:
            return opened.read(table.MAX_BYTES + 1)
    except OSError:
        raise ConfigurationError([f"{path} cannot be read."]) from None


def print_set(shown: Shown | None, *, dry_run: bool, as_json: bool) -> None:
    """The effects of a set, planned or done; grants by groups are recorded by a worker."""
    if as_json:
        print_json({"dry_run": dry_run, "set": shown})
    else:
        print_lines(["Nothing to change."] if shown is None else shown.lines)
