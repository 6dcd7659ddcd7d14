"""Findings for an admin of mappings: unmatched groups, mappings that reach nobody, and what to do about them.

    findings = await AccessFindings(database).of(tenant_id)

Renaming a group at the provider takes permissions from everybody in it, and neither side reports an error. Findings are
certain only as far as groups were read: if some people's groups could not be read, the finding says so (I7).

Decision: computed when it is asked for, at most once in `MAX_AGE_SECONDS` for each tenant and process. Context: most of it
changes with every sync, and nobody looks at it most of the time. Consequences: nothing is stored, and an answer may be that
old (`computed_at`). Alternatives: a job that writes findings for every tenant, read or not.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from identity_api.db import access_findings as rows
from identity_api.db import ways_in
from identity_api.db.access_findings import LikelyRename, ProviderReadings, UnmappedGroup, UnreachedMapping
from identity_api.db.database import Database
from identity_api.diagnostics.findings import listed, shown
from identity_api.permissions.service import ADMINISTERING

MAX_AGE_SECONDS: Final = 10.0
MAX_OF_A_KIND: Final = 100
_MAX_TENANTS: Final = 1_000


class FindingKind(StrEnum):
    """What was found."""

    NOBODY_ADMINISTERS = "NOBODY_ADMINISTERS"
    GROUP_LIKELY_RENAMED = "GROUP_LIKELY_RENAMED"
    MAPPING_REACHES_NOBODY = "MAPPING_REACHES_NOBODY"
    MAPPING_NEVER_MATCHED = "MAPPING_NEVER_MATCHED"
    GROUPS_NEVER_READ = "GROUPS_NEVER_READ"
    PERMISSION_REACHES_NOBODY = "PERMISSION_REACHES_NOBODY"
    GROUP_WITHOUT_MAPPING = "GROUP_WITHOUT_MAPPING"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding as a sentence, and the objects it is about."""

    kind: FindingKind
    message: str
    remedy: str
    is_certain: bool = True
    """False while the groups of a person whom it may concern could not be read."""
    since: datetime | None = None
    provider: ProviderReadings | None = None
    mapping_ids: tuple[UUID, ...] = ()
    group: str | None = None
    group_id: UUID | None = None
    new_group: str | None = None
    new_group_id: UUID | None = None
    people_in_common: int | None = None
    permission_id: UUID | None = None
    permission: str | None = None


class Findings(msgspec.Struct, frozen=True):
    """What was found at a moment, the most urgent first; at most `MAX_OF_A_KIND` of each kind."""

    computed_at: datetime
    findings: tuple[Finding, ...]
    has_more: bool


class AccessFindings:
    """The findings of tenants, each cached for a moment and computed once for all concurrent callers."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._held: OrderedDict[UUID, tuple[float, Findings]] = OrderedDict()
        self._turns: dict[UUID, asyncio.Lock] = {}

    async def of(self, tenant_id: UUID) -> Findings:
        """The tenant's, at most `MAX_AGE_SECONDS` old.

        Raises:
            Unavailable, Overloaded: as `Database.reading`.
        """
        turn = self._turns.setdefault(tenant_id, asyncio.Lock())
        try:
            async with turn:
                held = self._held.get(tenant_id)
                if held is not None and self._monotonic() < held[0]:
                    return held[1]
                found = await find(self._database, tenant_id)
                self._held[tenant_id] = (self._monotonic() + MAX_AGE_SECONDS, found)
                self._held.move_to_end(tenant_id)
                if len(self._held) > _MAX_TENANTS:
                    self._held.popitem(last=False)
                return found
        finally:
            if not turn.locked():
                self._turns.pop(tenant_id, None)


async def find(database: Database, tenant_id: UUID) -> Findings:
    """The findings now: seven statements, one after the other on one connection."""
    async with database.reading() as connection:
        readings = {one.id: one for one in await rows.readings(connection, tenant_id)}
        unreached = await rows.unreached_mappings(connection, tenant_id)
        judged = [one for one in unreached if _is_known(one, readings)]
        unknown = {one.id for one in unreached} - {one.id for one in judged}
        permissions = await rows.unreached_permissions(connection, tenant_id, [one.id for one in judged])
        groups = await rows.unmapped_groups(connection, tenant_id, first=MAX_OF_A_KIND + 1)
        renames = await rows.likely_renames(connection, tenant_id)
        administering = await ways_in.given_to_somebody(connection, tenant_id, sorted(ADMINISTERING))
        held = (
            await ways_in.held_in_force(connection, tenant_id, sorted(administering)) if administering else frozenset()
        )
    patterns = {one.id: one.pattern for one in judged}
    kinds: list[list[Finding]] = [
        [_nobody_administers(sorted(administering - held))] if administering - held else [],
        [_renamed(one, readings) for one in renames],
        [_reaches_nobody(one, readings) for one in judged],
        [_never_read(one) for one in readings.values() if not one.has_read and unknown],
        [_permission(one.id, one.name, one.mapping_ids, patterns) for one in permissions],
        [_without_mapping(one, readings) for one in groups],
    ]
    found = [one for kind in kinds for one in kind[:MAX_OF_A_KIND]]
    return Findings(datetime.now(UTC), tuple(found), any(len(kind) > MAX_OF_A_KIND for kind in kinds))


def _concerned(mapping: UnreachedMapping, readings: Mapping[UUID, ProviderReadings]) -> list[ProviderReadings]:
    """The providers whose groups the mapping is about; none if its own is off, or groups give nothing there."""
    if mapping.provider_id is None:
        return list(readings.values())
    return [readings[mapping.provider_id]] if mapping.provider_id in readings else []


def _is_known(mapping: UnreachedMapping, readings: Mapping[UUID, ProviderReadings]) -> bool:
    return any(one.has_read for one in _concerned(mapping, readings))


def _doubt(unread: int) -> str:
    if not unread:
        return ""
    people = (
        "1 person" if unread == 1 else f"{unread} people" if unread < rows.LOOKED_AT else f"{unread} people or more"
    )
    return f" The groups of {people} could not be read, so that they may be in it."


def _reaches_nobody(mapping: UnreachedMapping, readings: Mapping[UUID, ProviderReadings]) -> Finding:
    concerned = _concerned(mapping, readings)
    unread = sum(one.unread for one in concerned)
    gives = f"it gives {listed(mapping.permissions)}"
    if mapping.group_count == 0:
        kind, told = FindingKind.MAPPING_NEVER_MATCHED, f"has matched no group so far; {gives}"
        remedy = (
            "Compare the pattern with the groups as they were read: they are compared character by character. "
            "Correct it, or delete the mapping."
        )
    else:
        kind = FindingKind.MAPPING_REACHES_NOBODY
        moment = f" since {_moment(mapping.left_at)}" if mapping.left_at else ""
        told = f"reaches nobody any more{moment}: the groups that it matches are empty; {gives}"
        remedy = (
            "If the group was renamed at the provider, change the pattern to the new name. Else delete the mapping."
        )
    return Finding(
        kind=kind,
        message=f"The mapping {shown(mapping.pattern)} {told}.{_doubt(unread)}",
        remedy=remedy,
        is_certain=not unread,
        since=mapping.left_at,
        provider=concerned[0] if mapping.provider_id is not None else None,
        mapping_ids=(mapping.id,),
    )


def _renamed(rename: LikelyRename, readings: Mapping[UUID, ProviderReadings]) -> Finding:
    people = f"{rename.in_common} of the {rename.left} people who have left it since are in it"
    rest = f" {rename.remaining} more have not been read since." if rename.remaining else ""
    remedy = (
        "The new group has a mapping: delete the mapping of the old one, if it is not needed any more."
        if rename.new_is_mapped
        else f"If it is the same group, change the pattern of the mapping to {shown(rename.new)}: its members get the "
        "permissions again. Look at the preview first."
    )
    return Finding(
        kind=FindingKind.GROUP_LIKELY_RENAMED,
        message=f"Everybody left group {shown(rename.old)}, the last at {_moment(rename.left_at)}. Group "
        f"{shown(rename.new)} appeared at {_moment(rename.new_since)}, and {people}.{rest}",
        remedy=remedy,
        is_certain=not rename.remaining,
        since=rename.left_at,
        provider=readings.get(rename.provider_id),
        mapping_ids=rename.mapping_ids,
        group=rename.old,
        group_id=rename.old_id,
        new_group=rename.new,
        new_group_id=rename.new_id,
        people_in_common=rename.in_common,
    )


def _nobody_administers(names: Sequence[str]) -> Finding:
    return Finding(
        kind=FindingKind.NOBODY_ADMINISTERS,
        message=f"Nobody holds {listed(names)} in force any more, though somebody did.",
        remedy="Give it to somebody who has a way in. If nobody can: the operator can by `identity-api grant`, or with a "
        "break-glass code.",
    )


def _never_read(provider: ProviderReadings) -> Finding:
    return Finding(
        kind=FindingKind.GROUPS_NEVER_READ,
        message=f"Nobody's groups have been read at provider {provider.slug} so far, so that nothing is known about "
        "mappings for it.",
        remedy="Make a test login: it shows whether groups come, and where. No action is needed if nobody has signed in yet.",
        is_certain=False,
        provider=provider,
    )


def _permission(row_id: UUID, name: str, mapping_ids: Sequence[UUID], patterns: Mapping[UUID, str]) -> Finding:
    why = (
        f"only mappings that reach nobody give it: {listed([patterns[one] for one in mapping_ids if one in patterns])}"
        if mapping_ids
        else "no enabled mapping gives it"
    )
    return Finding(
        kind=FindingKind.PERMISSION_REACHES_NOBODY,
        message=f"Nobody can get {name}: {why}, and nobody was given it by hand.",
        remedy="Give it to a group by a mapping, or to a person by hand. If it is not needed any more, delete it.",
        mapping_ids=tuple(mapping_ids),
        permission_id=row_id,
        permission=name,
    )


def _without_mapping(group: UnmappedGroup, readings: Mapping[UUID, ProviderReadings]) -> Finding:
    return Finding(
        kind=FindingKind.GROUP_WITHOUT_MAPPING,
        message=f"No mapping matches group {shown(group.name)}, which has people in it and was first seen at "
        f"{_moment(group.first_seen_at)}.",
        remedy="Nothing, if the group should give no permission here. Otherwise make a mapping for it.",
        since=group.first_seen_at,
        provider=readings.get(group.provider_id),
        group=group.name,
        group_id=group.id,
    )


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
