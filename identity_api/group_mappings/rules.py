"""Rules for every edit of a mapping: the lock, the rules of I8, and a note that grants have to follow."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from identity_api.claims import MatchKind, validate_pattern
from identity_api.config import TenantLimits
from identity_api.db import audit, grants, groups, locks, mappings, permissions, providers
from identity_api.db.database import Connection
from identity_api.db.mappings import MappingRecord
from identity_api.db.permissions import PermissionRecord
from identity_api.db.tenant_limits import ensure_within
from identity_api.errors import BadInput, Conflict, NotFound, Problems, Refused
from identity_api.group_mappings.unwritten import Unwritten
from identity_api.lifecycle.mapping_matches import match_glob
from identity_api.permissions.delegation import Actor, check_may_give, check_no_self_benefit
from identity_api.permissions.service import SERVICE_PREFIX

MAX_PERMISSIONS = 100


class Rule(msgspec.Struct, frozen=True):
    """The values of a mapping."""

    provider_id: UUID | None
    pattern: str
    match: MatchKind
    permission_ids: tuple[UUID, ...]
    enabled: bool = True


class Edited(msgspec.Struct, frozen=True):
    """A mapping after an edit."""

    mapping_id: UUID
    concerned: int
    """Identities that grants are following for; where the effect is asked for, also those that it does not concern any more."""
    action: str
    """As the audit has it."""
    before: MappingRecord | None
    after: MappingRecord | None


class Edit:
    """One edit, in its transaction."""

    def __init__(
        self,
        connection: Connection,
        limits: TenantLimits,
        actor: Actor,
        effective_before: frozenset[str],
        *,
        has_effect_shown: bool,
    ) -> None:
        self.connection = connection
        self.limits = limits
        self.actor = actor
        self.unwritten = Unwritten()
        """Noted if the effect is asked for."""
        self._effective_before = effective_before
        self._has_effect_shown = has_effect_shown

    @classmethod
    async def begin(
        cls,
        connection: Connection,
        limits: TenantLimits,
        actor: Actor,
        *,
        dry_run: bool = False,
        has_effect_shown: bool = False,
    ) -> "Edit":
        """Take the lock.

        Args:
            has_effect_shown: whom the edit affects is asked for before it is committed, as in each dry run.
        """
        # A preview blocks other edits and lets syncs continue.
        lock = locks.share_mappings if dry_run else locks.edit_mappings
        await lock(connection, actor.tenant_id)
        before: frozenset[str] = frozenset()
        if actor.user_id is not None:
            before = await grants.effective(connection, actor.tenant_id, actor.user_id)
        return cls(connection, limits, actor, before, has_effect_shown=dry_run or has_effect_shown)

    async def load(self, versions: Mapping[UUID, int], managed_by: str) -> dict[UUID, MappingRecord]:
        """The mappings that an edit changes, each of which is still at its version.

        Raises:
            NotFound, Conflict; Refused: `MANAGED_BY_FILE`.
        """
        rows = {row.id: row for row in await mappings.by_ids(self.connection, self.actor.tenant_id, list(versions))}
        for mapping_id, expected in versions.items():
            row = rows.get(mapping_id)
            if row is None:
                raise NotFound("There is no such group mapping.")
            if row.managed_by == "FILE" and managed_by != "FILE":
                raise Refused("This mapping is managed by a file; change it there.", code="MANAGED_BY_FILE")
            if row.version != expected:
                raise Conflict(
                    f"The mapping is now at version {row.version}; read it again.", current_version=row.version
                )
        if self._has_effect_shown:
            most = self.limits.max_preview_identities
            await self.unwritten.note(self.connection, self.actor.tenant_id, versions, most=most)
        return {mapping_id: rows[mapping_id] for mapping_id in versions}

    async def check(self, *rules: Rule) -> list[PermissionRecord]:
        """The rules on their own: patterns, providers and permissions are usable. Returns the permissions."""
        for rule in rules:
            check_values(rule)
        for provider_id in {rule.provider_id for rule in rules if rule.provider_id is not None}:
            if not await providers.get(self.connection, self.actor.tenant_id, provider_id):
                raise NotFound("There is no such provider.")
        wanted = {permission_id for rule in rules for permission_id in rule.permission_ids}
        given = {one.id: one for one in await permissions.by_ids(self.connection, self.actor.tenant_id, wanted)}
        if len(given) != len(wanted):
            raise NotFound("There is no such permission.")
        for rule in rules:
            if any(given[one].name.startswith(SERVICE_PREFIX) for one in rule.permission_ids):
                _check_gives_service_permission(rule)
        return list(given.values())

    def check_may_touch(self, concerned: Sequence[PermissionRecord]) -> None:
        for permission in concerned:
            check_may_give(self.actor, permission.name, delegable=permission.delegable)

    async def ensure_within(self, limit: str) -> None:
        """Called when something is added; the lock that `begin` took keeps others from adding."""
        await ensure_within(self.connection, self.limits, limit, self.actor.tenant_id)

    async def rematch(self, rules: Mapping[UUID, Rule]) -> None:
        """Find the groups that each of these mappings matches."""
        exact = [mapping_id for mapping_id, rule in rules.items() if rule.match is MatchKind.EXACT]
        if exact:
            await groups.match_exactly(self.connection, self.actor.tenant_id, exact)
        for mapping_id, rule in rules.items():
            if rule.match is MatchKind.GLOB:
                await match_glob(
                    self.connection,
                    self.actor.tenant_id,
                    mapping_id,
                    provider_id=rule.provider_id,
                    pattern=rule.pattern,
                )

    async def finish(
        self, action: str, before: Mapping[UUID, MappingRecord | None], *, is_deleted: bool = False
    ) -> list[Edited]:
        """Refuse what benefits the actor, note who is concerned, and record the edits.

        Args:
            before: the mappings as they were; None for a new one.
        """
        actor, mapping_ids = self.actor, list(before)
        await self._check_actor_gains_nothing(mapping_ids)
        concerned = await mappings.begin_changes(self.connection, actor.tenant_id, mapping_ids, actor.name)
        found = [] if is_deleted else await mappings.by_ids(self.connection, actor.tenant_id, mapping_ids)
        after = {one.id: one for one in found}
        edited = [
            Edited(
                one,
                concerned[one] + await self.unwritten.no_more(self.connection, actor.tenant_id, one),
                action,
                was,
                after.get(one),
            )
            for one, was in before.items()
        ]
        events = [
            audit.Event(
                action,
                "mapping",
                one.mapping_id,
                {"concerned": concerned[one.mapping_id]},
                old=None if one.before is None else values_of(one.before),
                new=None if one.after is None else values_of(one.after),
            )
            for one in edited
        ]
        await audit.record(self.connection, actor.tenant_id, actor.name, events)
        return edited

    async def _check_actor_gains_nothing(self, mapping_ids: Sequence[UUID]) -> None:
        """Both what the edit puts in force at once and what `apply` would open later count (I8)."""
        actor = self.actor
        if actor.user_id is None:
            return
        own = await mappings.concerned_of(self.connection, actor.tenant_id, mapping_ids, actor.user_id)
        if not own:  # a set may have hundreds of changes, and few of them concern who makes it
            return
        after = set(await grants.effective(self.connection, actor.tenant_id, actor.user_id))
        decision = await grants.decide(self.connection, actor.tenant_id, own, mapping_ids)
        opened = await permissions.by_ids(
            self.connection, actor.tenant_id, {o.permission_id for o in decision.openings}
        )
        after |= {permission.name for permission in opened}
        check_no_self_benefit(actor, self._effective_before, frozenset(after))


def check_values(rule: Rule) -> None:
    """What a rule says, whatever there is in the tenant.

    Raises:
        BadInput, SeveralProblems: the pattern, or the number of permissions.
    """
    problems = Problems()
    problems.read("pattern", lambda: validate_pattern(rule.pattern, rule.match))
    problems.read("permissions", lambda: _check_count(rule))
    problems.tell()


def _check_count(rule: Rule) -> None:
    if not 1 <= len(set(rule.permission_ids)) <= MAX_PERMISSIONS:
        raise BadInput(f"A mapping gives between 1 and {MAX_PERMISSIONS} permissions.", field="permissions")


def values_of(row: MappingRecord) -> dict[str, Any]:
    """A mapping by its settings, for the audit: provider and permissions by name."""
    return {
        "provider": row.provider_slug,
        "match": row.match,
        "pattern": row.pattern,
        "enabled": row.enabled,
        "permissions": sorted(row.permissions),
        "version": row.version,
        "managed_by": row.managed_by,
    }


def _check_gives_service_permission(rule: Rule) -> None:
    """A group that appears later must not make a person an administrator whom no admin has seen.

    Raises:
        Refused: `PATTERN_TOO_WIDE`; `PROVIDER_NEEDED`: a mapping for every provider is for those that others make, too.
    """
    if rule.match is MatchKind.GLOB:
        raise Refused(
            f"Permissions under {SERVICE_PREFIX} need a mapping with an exact group name.", code="PATTERN_TOO_WIDE"
        )
    if rule.provider_id is None:
        raise Refused(
            f"A mapping that gives a permission under {SERVICE_PREFIX} must name the provider of the group.",
            code="PROVIDER_NEEDED",
        )
