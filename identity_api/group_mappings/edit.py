"""Edit a group mapping: one change, one transaction; or preview whom it affects."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from identity_api.accounts.ways_in import an_admin_remains
from identity_api.claims import MatchKind
from identity_api.config import TenantLimits
from identity_api.db import groups, mappings, permissions
from identity_api.db.database import Connection, Database
from identity_api.db.mappings import NewMapping
from identity_api.errors import Conflict, LimitReached, NotFound
from identity_api.group_mappings.impact import Effect, effect_of, effects_together
from identity_api.group_mappings.rules import Edit, Edited, Rule
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor

Change = Callable[[Edit], Awaitable[Edited]]
"""A change that has not been made yet: `creating`, `updating` or `deleting`."""


async def make(database: Database, actor: Actor, change: Change, *, as_previewed: str | None = None) -> Edited:
    """Make a change.

    Args:
        as_previewed: the digest of an effect that was shown; the change is made only if its effect is still that one.

    Raises:
        Conflict: `PREVIEW_OUTDATED`, `LIMIT_REACHED` as for `preview`; and what the change raises.
        Refused: `LAST_ADMIN`: it would take its right from everybody who administers the tenant.
    """
    async with database.transaction() as connection, an_admin_remains(connection, actor):
        edited = await change(await Edit.begin(connection, database.limits, actor))
        if as_previewed is not None:
            _ensure_within(database.limits, edited.concerned)
            effect = await effect_of(connection, actor.tenant_id, edited.mapping_id)
            if effect.digest != as_previewed:
                raise Conflict("The change would now affect other people than in the preview.", code="PREVIEW_OUTDATED")
        return edited


async def preview(database: Database, actor: Actor, change: Change) -> Effect:
    """Whom a change would affect: it is made, read and rolled back, so a preview and an edit cannot differ.

    Raises:
        IdentityAPIError: what the change raises, when it would be refused.
        LimitReached: it concerns more identities than are looked at in a request. The edit itself has no such bound.
    """
    async with database.transaction(is_trial=True) as connection:
        async with an_admin_remains(connection, actor):
            edited = await change(await Edit.begin(connection, database.limits, actor, dry_run=True))
        _ensure_within(database.limits, edited.concerned)
        return await effect_of(connection, actor.tenant_id, edited.mapping_id)


async def make_new(database: Database, actor: Actor, rules: Sequence[Rule], *, managed_by: str) -> None:
    """Make new mappings with one transaction. Raises as `make` and `creating`."""
    async with database.transaction() as connection, an_admin_remains(connection, actor):
        await create(await Edit.begin(connection, database.limits, actor), rules, managed_by=managed_by)


async def preview_together(
    database: Database, actor: Actor, changes: Sequence[Change], new: Sequence[Rule]
) -> list[Effect | int | None]:
    """Whom each of several changes would affect if all of them were made; all are made, read and rolled back.

    Args:
        new: rules of mappings that would be created, as `make_new` does.

    A permission that one takes from a user and another gives them is neither lost nor gained.

    Returns:
        For each change, and then for each new mapping, its effect; how many identities it concerns, where those are more than
        are looked at; None where something that it names is not there yet.

    Raises:
        IdentityAPIError: what a change raises, when it would be refused.
    """
    async with database.transaction(is_trial=True) as connection:
        async with an_admin_remains(connection, actor):
            edited = [await _tried(connection, database.limits, actor, change) for change in changes]
            edited += await _tried_new(connection, database.limits, actor, new)
        concerned = {one.mapping_id: one.concerned for one in edited if one is not None}
        most = database.limits.max_preview_identities
        few = [mapping_id for mapping_id, count in concerned.items() if count <= most]
        found = await effects_together(connection, actor.tenant_id, concerned, of=few)
        return [None if one is None else found.get(one.mapping_id, one.concerned) for one in edited]


async def _tried(connection: Connection, limits: TenantLimits, actor: Actor, change: Change) -> Edited | None:
    with contextlib.suppress(NotFound):
        return await change(await Edit.begin(connection, limits, actor, dry_run=True))
    return None


async def _tried_new(
    connection: Connection, limits: TenantLimits, actor: Actor, rules: Sequence[Rule]
) -> Sequence[Edited | None]:
    if not rules:
        return []
    try:
        return await create(await Edit.begin(connection, limits, actor, dry_run=True), rules, managed_by="FILE")
    except NotFound:  # of one of them, which does not keep the others from being looked at
        return [await _tried(connection, limits, actor, creating(rule, managed_by="FILE")) for rule in rules]


def _ensure_within(limits: TenantLimits, concerned: int) -> None:
    if concerned > limits.max_preview_identities:
        raise LimitReached(
            f"The change concerns {concerned:,} identities, and a preview looks at {limits.max_preview_identities:,} at most"
            " (IDENTITY_MAX_PREVIEW_IDENTITIES). The change can be made without one.",
            limit="max_preview_identities",
            value=limits.max_preview_identities,
        )


def creating(rule: Rule, *, managed_by: str = "API") -> Change:
    """A new mapping.

    Raises, when it is made:
        BadInput: the pattern is not usable, or no permission is named.
        NotFound: a permission or the provider is not this tenant's.
        Refused: `FORBIDDEN` (a permission the actor may not give), `SELF_BENEFIT`; `PATTERN_TOO_WIDE`, `PROVIDER_NEEDED` for
            a service permission.
        Conflict: `MAPPING_EXISTS`, `LIMIT_REACHED`.
    """

    async def change(edit: Edit) -> Edited:
        [created] = await create(edit, [rule], managed_by=managed_by)
        return created

    return change


async def create(edit: Edit, rules: Sequence[Rule], *, managed_by: str) -> list[Edited]:
    """New mappings, all or none of them. Raises as `creating`; NotFound before anything is written."""
    connection, tenant_id = edit.connection, edit.actor.tenant_id
    edit.check_may_touch(await edit.check(*rules))
    made = {uuid7(): rule for rule in rules}
    rows = [
        NewMapping(one, rule.provider_id, rule.pattern, rule.match.value, rule.enabled, rule.permission_ids)
        for one, rule in made.items()
    ]
    if not await mappings.insert(connection, tenant_id, rows, managed_by=managed_by):
        raise _exists()
    await edit.ensure_within("max_mappings")
    if any(rule.match is MatchKind.GLOB for rule in rules):
        await edit.ensure_within("max_glob_mappings")
    await edit.rematch(made)
    return await edit.finish("mapping.created", dict.fromkeys(made))


def updating(mapping_id: UUID, rule: Rule, *, expected_version: int, managed_by: str = "API") -> Change:
    """Overwrite a mapping's rule.

    Raises, when it is made:
        NotFound: no such mapping, permission or provider in the actor's tenant.
        Conflict: `CONFLICT` (it is no longer at `expected_version`), `MAPPING_EXISTS`, `LIMIT_REACHED`.
        BadInput, Refused: as for `creating`; also `MANAGED_BY_FILE`.
    """

    async def change(edit: Edit) -> Edited:
        connection, tenant_id = edit.connection, edit.actor.tenant_id
        before = await edit.load(mapping_id, expected_version, managed_by)
        given = await edit.check(rule)
        edit.check_may_touch([*given, *await permissions.by_ids(connection, tenant_id, before.permission_ids)])
        if await mappings.exists(
            connection,
            tenant_id,
            provider_id=rule.provider_id,
            pattern=rule.pattern,
            match=rule.match.value,
            other_than=mapping_id,
        ):
            raise _exists()
        # Who loses something is found before its rows are deleted; who gains, after.
        await mappings.update(
            connection,
            tenant_id,
            mapping_id,
            provider_id=rule.provider_id,
            pattern=rule.pattern,
            match=rule.match.value,
            enabled=rule.enabled,
        )
        if (before.provider_id, before.pattern, before.match) != (rule.provider_id, rule.pattern, rule.match):
            if rule.match is MatchKind.GLOB and before.match != MatchKind.GLOB:
                await edit.ensure_within("max_glob_mappings")
            await groups.unmatch(connection, tenant_id, mapping_id)
            await edit.rematch({mapping_id: rule})
        await mappings.set_permissions(connection, tenant_id, mapping_id, rule.permission_ids)
        [updated] = await edit.finish("mapping.updated", {mapping_id: before})
        return updated

    return change


def deleting(mapping_id: UUID, *, expected_version: int, managed_by: str = "API") -> Change:
    """Delete a mapping; what it gave is out of force with the commit.

    Raises, when it is made:
        NotFound, Conflict, Refused: as for `updating`.
    """

    async def change(edit: Edit) -> Edited:
        connection, tenant_id = edit.connection, edit.actor.tenant_id
        before = await edit.load(mapping_id, expected_version, managed_by)
        edit.check_may_touch(await permissions.by_ids(connection, tenant_id, before.permission_ids))
        await mappings.delete(connection, tenant_id, mapping_id)
        await groups.unmatch(connection, tenant_id, mapping_id)
        [deleted] = await edit.finish("mapping.deleted", {mapping_id: before}, is_deleted=True)
        return deleted

    return change


def _exists() -> Conflict:
    return Conflict("There is a mapping with this provider, match and pattern already.", code="MAPPING_EXISTS")
