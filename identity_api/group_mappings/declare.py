"""Make a tenant's file-managed mappings what a file declares."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec

from identity_api.claims import MatchKind
from identity_api.config import TenantLimits
from identity_api.db import mappings, permissions, providers, users
from identity_api.db.database import Database
from identity_api.db.mappings import MappingRow
from identity_api.db.tenant_limits import beyond
from identity_api.errors import ConfigurationError, NotFound
from identity_api.group_mappings import edit
from identity_api.group_mappings.rules import Rule
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor

MAX_NAMED: Final = 10
"""Of the people whom an edit touches."""


class DeclaredMapping(msgspec.Struct, frozen=True):
    """A rule as a file says it: by names."""

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
    """What changes, and whom it touches."""


async def declare(
    database: Database, actor: Actor, declared: Sequence[DeclaredMapping], *, prune: bool, dry_run: bool = False
) -> list[MappingDifference]:
    """Create and change mappings; with `prune`, delete file-managed ones that are no longer declared.

    Each edit is a transaction of its own: interrupted, running it again finishes the work.

    Args:
        rehearse: tell the differences and change nothing. Providers and permissions that do not exist count as about to
            be made: a rehearsal of the tenant itself has left them out.

    Raises:
        ConfigurationError: a provider or permission named does not exist.
        Conflict: `LIMIT_REACHED`, before anything is changed.
    """
    rules, names = await _rules(database, actor, declared, dry_run=dry_run)
    wanted = {(rule.provider_id, rule.match, rule.pattern): rule for rule in rules}
    found: list[MappingDifference] = []
    async with database.reading() as connection:
        stored = await mappings.page(connection, actor.tenant_id, after=None, first=100_000)
    _ensure_within_limits(database.limits, stored, rules, prune=prune)
    for row in stored:
        rule = wanted.pop((row.provider_id, MatchKind(row.match), row.pattern), None)
        if rule is None:
            if prune and row.managed_by == "FILE":
                change = edit.deleting(row.id, expected_version=row.version, managed_by="FILE")
                found.append(MappingDifference("remove", row.pattern, await _touched(database, actor, change)))
                if not dry_run:
                    await edit.make(database, actor, change)
        elif _differs(row, rule) and row.managed_by == "API":
            found.append(MappingDifference("keep", row.pattern, _changes(row, rule, names)))
        elif _differs(row, rule):
            change = edit.updating(row.id, rule, expected_version=row.version, managed_by="FILE")
            told = (*_changes(row, rule, names), *await _touched(database, actor, change))
            found.append(MappingDifference("change", row.pattern, told))
            if not dry_run:
                await edit.make(database, actor, change)
    for rule in wanted.values():
        change = edit.creating(rule, managed_by="FILE")
        found.append(MappingDifference("create", rule.pattern, await _touched(database, actor, change)))
        if not dry_run:
            await edit.make(database, actor, change)
    return found


def _changes(row: MappingRow, rule: Rule, names: Mapping[UUID, str]) -> tuple[str, ...]:
    """The settings that differ, before and after."""
    told: list[str] = []
    if set(row.permission_ids) != set(rule.permission_ids):
        after = sorted(names[one] for one in rule.permission_ids)
        told.append(f"permissions: {', '.join(sorted(row.permissions))} -> {', '.join(after)}")
    if row.enabled != rule.enabled:
        told.append("enabled: no -> yes" if rule.enabled else "enabled: yes -> no")
    return tuple(told)


async def _touched(database: Database, actor: Actor, change: edit.Change) -> tuple[str, ...]:
    """Who gains and who loses something; nothing where what the mapping names is yet to be made."""
    try:
        effect = await edit.preview(database, actor, change)
    except NotFound:
        return ()
    told: list[str] = []
    for verb, pairs in (("gain", effect.gained), ("lose", effect.lost)):
        people = sorted({user_id for user_id, _ in pairs})
        if people:
            async with database.reading() as connection:
                called = await users.names(connection, actor.tenant_id, people[:MAX_NAMED])
            more = f" and {len(people) - MAX_NAMED} more" if len(people) > MAX_NAMED else ""
            told.append(f"{verb}{'s' if len(people) == 1 else ''}: {', '.join(called)}{more}")
    return tuple(told)


def _ensure_within_limits(
    limits: TenantLimits, stored: Sequence[MappingRow], rules: Sequence[Rule], *, prune: bool
) -> None:
    """Of all that there will be, once every edit is made."""
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


def _differs(row: MappingRow, rule: Rule) -> bool:
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
