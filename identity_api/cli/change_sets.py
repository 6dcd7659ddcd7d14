"""Show a set of changes to the operator, and apply exactly what was shown."""

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from identity_api.change_sets import run, table
from identity_api.change_sets.changes import Change, Undo
from identity_api.change_sets.effect import Pair
from identity_api.change_sets.errors import ChangesRefused
from identity_api.change_sets.run import Outcome
from identity_api.change_sets.steps import Done
from identity_api.cli.output import print_json, print_lines
from identity_api.db import listings, mappings
from identity_api.db.database import Database
from identity_api.errors import ConfigurationError
from identity_api.permissions.delegation import Actor

MAX_NAMED = 10
"""The limit of people named in the lines; JSON has all of them."""


class Person(msgspec.Struct, frozen=True):
    """A user, with the names."""

    id: UUID
    username: str
    display_label: str


class NamedPermission(msgspec.Struct, frozen=True):
    """A permission; `id` is None for one that the set itself makes."""

    id: UUID | None
    name: str


class Touched(msgspec.Struct, frozen=True):
    """A person who gains or loses permissions."""

    user: Person
    gained: list[NamedPermission]
    lost: list[NamedPermission]


class Warned(msgspec.Struct, frozen=True):
    """A warning, how many people it is about, and the first of them."""

    kind: str
    message: str
    users: int
    people: list[Person]


class Shown(msgspec.Struct, frozen=True):
    """The effects of a set, for the terminal and for programs."""

    digest: str
    changes: list[dict[str, Any]]
    warnings: list[Warned]
    concerned: int
    gaining: int
    losing: int
    touched: list[Touched]
    """All of them, by username."""
    event: UUID | None
    """The event whose undoing undoes the whole set; None for what was only previewed."""

    @property
    def lines(self) -> list[str]:
        """For people."""
        told = [f"{_SIGNS[one['action'].partition('.')[2]]} {_sentence(one)}" for one in self.changes]
        told += [*self.told_of_people, f"digest: {self.digest}"]
        return told if self.event is None else [*told, f"event: {self.event} (audit undo puts all of it back)"]

    @property
    def is_felt(self) -> bool:
        """Whether somebody gains or loses something, or is to be warned."""
        return bool(self.touched or self.warnings)

    @property
    def told_of_people(self) -> list[str]:
        """The warnings, the numbers, and the first people."""
        told = [f"warning: {one.message}" for one in self.warnings]
        told.append(f"{self.gaining:,} gain and {self.losing:,} lose something, of {self.concerned:,} concerned.")
        for one in self.touched[:MAX_NAMED]:
            gained, lost = [f"+{given.name}" for given in one.gained], [f"-{taken.name}" for taken in one.lost]
            told.append(f"  {one.user.username}: {' '.join([*gained, *lost])}")
        more = len(self.touched) - MAX_NAMED
        return [*told, f"  and {more:,} more, whom --json names"] if more > 0 else told


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
    """The outcome with the names of the people whom it affects."""
    effect = outcome.effect
    touched = effect.gaining | effect.losing
    named = touched | {user_id for one in outcome.warnings for user_id in one.user_ids}
    async with database.reading() as connection:
        found = await listings.user_names(connection, actor.tenant_id, named, first=len(named)) if named else []
    people = {one.id: Person(one.id, one.username, one.display_label) for one in found}
    gained, lost = (_by_user(pairs, effect.permission_ids) for pairs in (effect.gained, effect.lost))
    return Shown(
        outcome.digest,
        [_change(one, is_made=is_made) for one in outcome.done],
        [
            Warned(one.kind, one.message, one.users, [people[row_id] for row_id in one.user_ids if row_id in people])
            for one in outcome.warnings
        ],
        effect.concerned,
        len(effect.gaining),
        len(effect.losing),
        [
            Touched(one, gained.get(user_id, []), lost.get(user_id, []))
            for user_id, one in people.items()
            if user_id in touched
        ],
        outcome.event_id if is_made else None,
    )


def _change(one: Done, *, is_made: bool) -> dict[str, Any]:
    is_there = is_made or one.old is not None
    return {
        "action": one.action,
        "name": one.name,
        "mapping_id": one.mapping_id if is_there else None,
        "user_id": one.user_id,
        "changes_nothing": one.changes_nothing,
        "old": one.old,
        "new": one.new,
    }


def _by_user(pairs: Collection[Pair], permission_ids: Mapping[str, UUID]) -> dict[UUID, list[NamedPermission]]:
    found: dict[UUID, list[NamedPermission]] = {}
    for user_id, name in sorted(pairs):
        found.setdefault(user_id, []).append(NamedPermission(permission_ids.get(name), name))
    return found


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
