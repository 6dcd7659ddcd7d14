"""Edit a group mapping: one mutation, one transaction."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from identity_api.db import audit, grants, groups, locks, mappings, permissions, providers
from identity_api.db.database import Connection, Database
from identity_api.db.mappings import MappingRow
from identity_api.db.permissions import PermissionRow
from identity_api.errors import BadInput, Conflict, NotFound, Refused
from identity_api.ids import uuid7
from identity_api.mapping import MatchKind, matches, validate_pattern
from identity_api.permissions.delegation import Actor, check_may_give, check_no_self_benefit
from identity_api.permissions.service import SERVICE_PREFIX

MAX_PERMISSIONS = 100


class Rule(msgspec.Struct, frozen=True):
    """What a mapping shall say."""

    provider_id: UUID | None
    pattern: str
    match: MatchKind
    permission_ids: tuple[UUID, ...]
    enabled: bool = True


class Edited(msgspec.Struct, frozen=True):
    """A mapping after an edit, and how many identities grants are following for."""

    mapping_id: UUID
    concerned: int


async def create(database: Database, actor: Actor, rule: Rule, *, managed_by: str = "API") -> Edited:
    """Make a mapping.

    Raises:
        BadInput: the pattern is not usable, or no permission is named.
        NotFound: a permission or the provider is not this tenant's.
        Refused: `FORBIDDEN` (a permission the actor may not give, or a service permission by pattern), `SELF_BENEFIT`.
        Conflict: `MAPPING_EXISTS`.
    """
    async with database.transaction() as connection:
        edit = await _Edit.begin(connection, actor)
        given = await edit.check(rule)
        edit.check_may_touch(given)
        mapping_id = uuid7()
        if not await mappings.insert(
            connection,
            actor.tenant_id,
            mapping_id=mapping_id,
            provider_id=rule.provider_id,
            pattern=rule.pattern,
            match=rule.match.value,
            enabled=rule.enabled,
            managed_by=managed_by,
        ):
            raise _exists()
        await edit.rematch(mapping_id, rule)
        await mappings.set_permissions(connection, actor.tenant_id, mapping_id, rule.permission_ids)
        return await edit.finish(mapping_id, "mapping.created", rule)


async def update(
    database: Database, actor: Actor, mapping_id: UUID, rule: Rule, *, expected_version: int, managed_by: str = "API"
) -> Edited:
    """Overwrite a mapping's rule.

    Raises:
        NotFound: no such mapping, permission or provider in the actor's tenant.
        Conflict: `CONFLICT` (it is no longer at `expected_version`), `MAPPING_EXISTS`.
        BadInput, Refused: as for `create`; also `MANAGED_BY_FILE`.
    """
    async with database.transaction() as connection:
        edit = await _Edit.begin(connection, actor)
        before = await edit.load(mapping_id, expected_version, managed_by)
        given = await edit.check(rule)
        edit.check_may_touch([*given, *await permissions.by_ids(connection, actor.tenant_id, before.permission_ids)])
        if await mappings.exists(
            connection,
            actor.tenant_id,
            provider_id=rule.provider_id,
            pattern=rule.pattern,
            match=rule.match.value,
            other_than=mapping_id,
        ):
            raise _exists()
        # Who loses something is found before the rows that say so are gone; who gains, after.
        await mappings.update(
            connection,
            actor.tenant_id,
            mapping_id,
            provider_id=rule.provider_id,
            pattern=rule.pattern,
            match=rule.match.value,
            enabled=rule.enabled,
        )
        if (before.provider_id, before.pattern, before.match) != (rule.provider_id, rule.pattern, rule.match):
            await groups.unmatch(connection, actor.tenant_id, mapping_id)
            await edit.rematch(mapping_id, rule)
        await mappings.set_permissions(connection, actor.tenant_id, mapping_id, rule.permission_ids)
        return await edit.finish(mapping_id, "mapping.updated", rule)


async def delete(
    database: Database, actor: Actor, mapping_id: UUID, *, expected_version: int, managed_by: str = "API"
) -> Edited:
    """Delete a mapping; what it gave is out of force with the commit.

    Raises:
        NotFound, Conflict, Refused: as for `update`.
    """
    async with database.transaction() as connection:
        edit = await _Edit.begin(connection, actor)
        before = await edit.load(mapping_id, expected_version, managed_by)
        edit.check_may_touch(await permissions.by_ids(connection, actor.tenant_id, before.permission_ids))
        await mappings.delete(connection, actor.tenant_id, mapping_id)
        await groups.unmatch(connection, actor.tenant_id, mapping_id)
        return await edit.finish(mapping_id, "mapping.deleted", None)


def _exists() -> Conflict:
    return Conflict("There is a mapping with this provider, match and pattern already.", code="MAPPING_EXISTS")


class _Edit:
    """What the three mutations share: the lock, the rules, and the end."""

    def __init__(self, connection: Connection, actor: Actor, effective_before: frozenset[str]) -> None:
        self._connection = connection
        self._actor = actor
        self._effective_before = effective_before

    @classmethod
    async def begin(cls, connection: Connection, actor: Actor) -> "_Edit":
        await locks.edit_mappings(connection, actor.tenant_id)
        before: frozenset[str] = frozenset()
        if actor.user_id is not None:
            before = await grants.effective(connection, actor.tenant_id, actor.user_id)
        return cls(connection, actor, before)

    async def load(self, mapping_id: UUID, expected_version: int, managed_by: str) -> MappingRow:
        row = await mappings.get(self._connection, self._actor.tenant_id, mapping_id)
        if row is None:
            raise NotFound("There is no such group mapping.")
        if row.managed_by == "FILE" and managed_by != "FILE":
            raise Refused("This mapping is managed by a file; change it there.", code="MANAGED_BY_FILE")
        if row.version != expected_version:
            raise Conflict(
                f"The mapping is at version {row.version} by now; read it again.", current_version=row.version
            )
        return row

    async def check(self, rule: Rule) -> list[PermissionRow]:
        """The rule on its own: pattern, provider and permissions are usable. Returns the permissions."""
        validate_pattern(rule.pattern, rule.match)
        if not 1 <= len(set(rule.permission_ids)) <= MAX_PERMISSIONS:
            raise BadInput(f"A mapping gives between 1 and {MAX_PERMISSIONS} permissions.", field="permissions")
        if rule.provider_id and not await providers.get(self._connection, self._actor.tenant_id, rule.provider_id):
            raise NotFound("There is no such provider.")
        given = await permissions.by_ids(self._connection, self._actor.tenant_id, rule.permission_ids)
        if len(given) != len(set(rule.permission_ids)):
            raise NotFound("There is no such permission.")
        if rule.match is MatchKind.GLOB and any(one.name.startswith(SERVICE_PREFIX) for one in given):
            # A group that appears tomorrow must not make somebody an administrator today's admin never saw.
            raise Refused(
                f"Permissions under {SERVICE_PREFIX} are given by exact group names only.", code="PATTERN_TOO_WIDE"
            )
        return given

    def check_may_touch(self, concerned: Sequence[PermissionRow]) -> None:
        for permission in concerned:
            check_may_give(self._actor, permission.name, delegable=permission.delegable)

    async def rematch(self, mapping_id: UUID, rule: Rule) -> None:
        seen = await groups.seen(self._connection, self._actor.tenant_id, rule.provider_id)
        pairs = [(mapping_id, group.id) for group in seen if matches(rule.pattern, rule.match, group.name)]
        if pairs:
            await groups.match(self._connection, self._actor.tenant_id, pairs)

    async def finish(self, mapping_id: UUID, action: str, rule: Rule | None) -> Edited:
        """Refuse what benefits the actor, note who is concerned, and record the edit."""
        await self._check_actor_gains_nothing(mapping_id)
        actor = self._actor
        concerned = await mappings.begin_change(self._connection, actor.tenant_id, mapping_id, actor.name)
        payload = (
            {} if rule is None else {"permissions": [str(id) for id in rule.permission_ids], "enabled": rule.enabled}
        )
        event = audit.Event(action, "mapping", mapping_id, {**payload, "concerned": concerned})
        await audit.record(self._connection, actor.tenant_id, actor.name, [event])
        return Edited(mapping_id, concerned)

    async def _check_actor_gains_nothing(self, mapping_id: UUID) -> None:
        """Both what the edit puts in force at once and what `apply` would open later count (I8)."""
        actor = self._actor
        if actor.user_id is None:
            return
        after = set(await grants.effective(self._connection, actor.tenant_id, actor.user_id))
        rows = await self._connection.fetch(
            "select id from identity where tenant_id = $1 and user_id = $2", actor.tenant_id, actor.user_id
        )
        decision = await grants.decide(self._connection, actor.tenant_id, [row["id"] for row in rows], [mapping_id])
        opened = await permissions.by_ids(
            self._connection, actor.tenant_id, {o.permission_id for o in decision.openings}
        )
        after |= {permission.name for permission in opened}
        check_no_self_benefit(actor, self._effective_before, frozenset(after))
