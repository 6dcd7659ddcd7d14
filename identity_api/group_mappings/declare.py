"""Make a tenant's file-managed mappings equal to those that a file declares."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec

from identity_api.claims import MatchKind
from identity_api.config import TenantLimits
from identity_api.db import mappings, permissions, providers, users
from identity_api.db.database import Database
from identity_api.db.mappings import MappingRecord
from identity_api.db.tenant_limits import beyond, count
from identity_api.errors import ConfigurationError
from identity_api.group_mappings import edit
from identity_api.group_mappings.impact import Effect
from identity_api.group_mappings.rules import MAX_PERMISSIONS, Rule
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor

TOGETHER: Final = 25
"""Mappings made or changed with one transaction, at most: logins and syncs of the tenant wait for it."""
CONCERNED_TOGETHER: Final = 50_000
"""Identities that they concern together, unless one alone concerns more. To count 100,000 takes a tenth of a second."""
MAX_NAMED: Final = 10
"""People who are named for an edit."""


class DeclaredMapping(msgspec.Struct, frozen=True):
    """A rule as a file declares it: by names."""

    provider: str | None
    group: str
    match: MatchKind
    permissions: tuple[str, ...]
    enabled: bool


class MappingDifference(msgspec.Struct, frozen=True):
    """One mapping that was, or would be, created, changed or removed, or kept since GraphQL manages it."""

    action: Literal["create", "change", "remove", "keep"]
    group: str
    details: tuple[str, ...] = ()
    """What changes, and whom it affects."""


async def declare(
    database: Database, actor: Actor, declared: Sequence[DeclaredMapping], *, prune: bool, dry_run: bool = False
) -> list[MappingDifference]:
    """Create and change mappings; with `prune`, delete file-managed ones that are no longer declared.

    Each edit is a transaction of its own: interrupted, running it again finishes the work. What moves from one mapping to
    another is given before it is taken.

    Args:
        dry_run: tell the differences and change nothing. Providers and permissions that do not exist count as about to
            be made: a dry run of the tenant itself has left them out.

    Raises:
        ConfigurationError: a provider or permission named does not exist.
        Conflict: `LIMIT_REACHED`, before anything is changed.
    """
    planned = await _plan(database, actor, declared, prune=prune, dry_run=dry_run)
    edits = [one.whole for one in planned if one.whole is not None]
    effects = await edit.preview_together(database, actor, edits, managed_by="FILE")
    told = iter(await _people(database, actor, effects))
    found = [one.told(next(told)) if one.whole is not None else one.difference for one in planned]
    if not dry_run:
        changed = [one for one in planned if one.whole is not None]
        concerned = [_concerned(effect) for effect in effects]
        await _carry_out(database, actor, list(zip(changed, concerned, strict=True)))
    return found


class _Planned(msgspec.Struct, frozen=True):
    """An edit to be made."""

    difference: MappingDifference
    whole: edit.MappingEdit | None = None
    """All of it; None if there is nothing to do."""
    giving: edit.MappingEdit | None = None
    """What of it can be made first."""
    taking: edit.MappingEdit | None = None
    """What is left to be made after `giving`."""

    def told(self, people: tuple[str, ...]) -> MappingDifference:
        """The difference, with the people it affects."""
        difference = self.difference
        return MappingDifference(difference.action, difference.group, (*difference.details, *people))


async def _plan(
    database: Database, actor: Actor, declared: Sequence[DeclaredMapping], *, prune: bool, dry_run: bool
) -> list[_Planned]:
    rules, names = await _rules(database, actor, declared, dry_run=dry_run)
    wanted = {(rule.provider_id, rule.match, rule.pattern): rule for rule in rules}
    planned: list[_Planned] = []
    async with database.reading() as connection:
        stored = await mappings.page(connection, actor.tenant_id, after=None, first=100_000)
    _ensure_within_limits(database.limits, stored, rules, prune=prune)
    for row in stored:
        rule = wanted.pop((row.provider_id, MatchKind(row.match), row.pattern), None)
        if rule is None:
            if prune and row.managed_by == "FILE":
                deletion = edit.Deletion(row.id, row.version)
                planned.append(_Planned(MappingDifference("remove", row.pattern), deletion, taking=deletion))
        elif _differs(row, rule) and row.managed_by == "API":
            planned.append(_Planned(MappingDifference("keep", row.pattern, _changes(row, rule, names))))
        elif _differs(row, rule):
            planned.append(_update(row, rule, MappingDifference("change", row.pattern, _changes(row, rule, names))))
    for rule in wanted.values():
        planned.append(_Planned(MappingDifference("create", rule.pattern), rule, giving=rule))
    return planned


def _update(row: MappingRecord, rule: Rule, difference: MappingDifference) -> _Planned:
    """An update, in two steps if it both gives and takes: first what it gives beside what is there."""

    change = edit.Update(row.id, rule, row.version)
    before = frozenset(row.permission_ids) if row.enabled else frozenset[UUID]()
    after = frozenset(rule.permission_ids) if rule.enabled else frozenset[UUID]()
    if before <= after:
        return _Planned(difference, change, giving=change)
    if after <= before or len(before | after) > MAX_PERMISSIONS:
        return _Planned(difference, change, taking=change)
    both = msgspec.structs.replace(rule, permission_ids=tuple(sorted(before | after)))
    giving, taking = edit.Update(row.id, both, row.version), edit.Update(row.id, rule, row.version + 1)
    return _Planned(difference, change, giving=giving, taking=taking)


async def _carry_out(database: Database, actor: Actor, planned: Sequence[tuple[_Planned, int]]) -> None:
    """Make the edits, each of which comes with the number of identities that it concerns.

    Give before taking, so that nobody loses a permission that moves from one mapping to another.

    Both are in force with their commits. Where the tenant has no room for what is new beside what goes, taking comes first.
    """
    giving = [(one.giving, concerned) for one, concerned in planned if one.giving is not None]
    taking = [(one.taking, concerned) for one, concerned in planned if one.taking is not None]
    steps = [giving, taking]
    if giving and taking and not await _has_room(database, actor, [one for one, _ in planned]):
        by_room = sorted(planned, key=lambda one: (one[0].difference.action == "create", one[0].taking is None))
        steps = [[(one.whole, concerned) for one, concerned in by_room if one.whole is not None]]
    for step in steps:
        for edits in _together(step):
            await edit.make_together(database, actor, edits, managed_by="FILE")


def _together(step: Sequence[tuple[edit.MappingEdit, int]]) -> Iterator[list[edit.MappingEdit]]:
    """The edits of one transaction after the other, from edits and the number of identities that each concerns."""
    edits: list[edit.MappingEdit] = []
    people = 0
    for written, concerned in step:
        if edits and (len(edits) == TOGETHER or people + concerned > CONCERNED_TOGETHER):
            yield edits
            edits, people = [], 0
        edits.append(written)
        people += concerned
    if edits:
        yield edits


async def _has_room(database: Database, actor: Actor, planned: Sequence[_Planned]) -> bool:
    """Whether all new mappings fit beside all that are still there, patterns as well."""
    created = [one.whole for one in planned if isinstance(one.whole, Rule)]
    created_globs = [rule for rule in created if rule.match is MatchKind.GLOB]
    limits = database.limits
    async with database.reading() as connection:
        there = await count(connection, "max_mappings", actor.tenant_id)
        globs = await count(connection, "max_glob_mappings", actor.tenant_id)
    return there + len(created) <= limits.max_mappings and globs + len(created_globs) <= limits.max_glob_mappings


def _changes(row: MappingRecord, rule: Rule, names: Mapping[UUID, str]) -> tuple[str, ...]:
    """The settings that differ, before and after."""
    told: list[str] = []
    if set(row.permission_ids) != set(rule.permission_ids):
        after = sorted(names[one] for one in rule.permission_ids)
        told.append(f"permissions: {', '.join(sorted(row.permissions))} -> {', '.join(after)}")
    if row.enabled != rule.enabled:
        told.append("enabled: no -> yes" if rule.enabled else "enabled: yes -> no")
    return tuple(told)


async def _people(database: Database, actor: Actor, effects: Sequence[Effect | int | None]) -> list[tuple[str, ...]]:
    """For each, who gains and who loses something; empty if the mapping names an object that does not exist yet."""
    touched = [_touched(effect) if isinstance(effect, Effect) else {} for effect in effects]
    named = {user_id for one in touched for people in one.values() for user_id in people[:MAX_NAMED]}
    async with database.reading() as connection:
        names = await users.names(connection, actor.tenant_id, named) if named else {}
    return [
        (f"concerns {effect:,} identities, too many to say whom it touches",)
        if isinstance(effect, int)
        else tuple([_told(verb, people, names) for verb, people in one.items()])
        for effect, one in zip(effects, touched, strict=True)
    ]


def _concerned(effect: Effect | int | None) -> int:
    return effect.concerned if isinstance(effect, Effect) else effect or 0


def _touched(effect: Effect) -> dict[str, list[UUID]]:
    """Those who gain and those who lose something, if there are any."""
    found = {"gain": effect.gained, "lose": effect.lost}
    return {verb: sorted({user_id for user_id, _ in pairs}) for verb, pairs in found.items() if pairs}


def _told(verb: str, people: Sequence[UUID], names: Mapping[UUID, str]) -> str:
    called = ", ".join(sorted([names[user_id] for user_id in people[:MAX_NAMED] if user_id in names]))
    more = f" and {len(people) - MAX_NAMED} more" if len(people) > MAX_NAMED else ""
    return f"{verb}{'s' if len(people) == 1 else ''}: {called}{more}"


def _ensure_within_limits(
    limits: TenantLimits, stored: Sequence[MappingRecord], rules: Sequence[Rule], *, prune: bool
) -> None:
    """Check the limits for the state after all edits."""
    before = {(row.provider_id, row.match, row.pattern) for row in stored}
    declared = {(rule.provider_id, rule.match.value, rule.pattern) for rule in rules}
    kept = {(row.provider_id, row.match, row.pattern) for row in stored if not (prune and row.managed_by == "FILE")}
    after = kept | declared
    globs = [len([one for one in some if one[1] == MatchKind.GLOB]) for some in (before, after)]
    for name, (had, wanted) in {
        "max_mappings": (len(before), len(after)),
        "max_glob_mappings": globs,
    }.items():
        if had < wanted > getattr(limits, name):
            raise beyond(limits, name, wanted)


def _differs(row: MappingRecord, rule: Rule) -> bool:
    return set(row.permission_ids) != set(rule.permission_ids) or row.enabled != rule.enabled


async def _rules(
    database: Database, actor: Actor, declared: Sequence[DeclaredMapping], *, dry_run: bool
) -> tuple[list[Rule], dict[UUID, str]]:
    """The rules by ids, and the names of the permissions they give."""
    async with database.reading() as connection:
        known = {one.slug: one.id for one in await providers.of_tenant(connection, actor.tenant_id)}
        names = {name for one in declared for name in one.permissions}
        catalogue = {
            name: row.id for name, row in (await permissions.by_names(connection, actor.tenant_id, names)).items()
        }
    if dry_run:
        known = {one.provider: uuid7() for one in declared if one.provider} | known
        catalogue = {name: uuid7() for name in names} | catalogue
    problems = [
        f"There is no provider {one.provider}." for one in declared if one.provider and one.provider not in known
    ]
    problems += [f"There is no permission {name}." for name in sorted(names - set(catalogue))]
    if problems:
        raise ConfigurationError(problems)
    rules = [
        Rule(
            known[one.provider] if one.provider else None,
            one.group,
            one.match,
            tuple([catalogue[name] for name in one.permissions]),
            one.enabled,
        )
        for one in declared
    ]
    return rules, {row_id: name for name, row_id in catalogue.items()}
