"""Edit group mappings: one edit, or several together, in one transaction; or preview whom they affect.

What `create`, `update` and `delete` do for one mapping, they do for hundreds with as many statements.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from identity_api.accounts.ways_in import an_admin_remains
from identity_api.claims import MatchKind
from identity_api.config import TenantLimits
from identity_api.db import groups, mappings, permissions
from identity_api.db.database import Database
from identity_api.db.mappings import MappingRecord, MappingValues
from identity_api.db.permissions import PermissionRecord
from identity_api.errors import Conflict, LimitReached, NotFound
from identity_api.group_mappings.impact import Effect, digest_of, effect_of, effects_together
from identity_api.group_mappings.rules import Edit, Edited, Rule
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor


class Update(msgspec.Struct, frozen=True):
    """A mapping's rule is to be overwritten, if the mapping is still at this version."""

    mapping_id: UUID
    rule: Rule
    expected_version: int


class Deletion(msgspec.Struct, frozen=True):
    """A mapping is to be deleted, if it is still at this version."""

    mapping_id: UUID
    expected_version: int


MappingEdit = Rule | Update | Deletion
"""An edit as a value: the rule of a new mapping, or what becomes of one that is there."""


async def make(
    database: Database, actor: Actor, one: MappingEdit, *, managed_by: str = "API", as_previewed: str | None = None
) -> Edited:
    """Make an edit.

    Args:
        as_previewed: the digest of an effect that was shown; the edit is made only if its effect is still that one.

    Raises:
        IdentityAPIError: what `create`, `update` or `delete` raises.
        Conflict: `PREVIEW_OUTDATED`, `LIMIT_REACHED` as for `preview`.
        Refused: `LAST_ADMIN`: it would take its right from everybody who administers the tenant.
    """
    async with database.transaction() as connection, an_admin_remains(connection, actor):
        edit = await Edit.begin(connection, database.limits, actor, has_effect_shown=as_previewed is not None)
        [edited] = await make_all(edit, [one], managed_by=managed_by)
        if as_previewed is not None:
            _ensure_within(database.limits, edited.concerned)
            effect = await effect_of(connection, actor.tenant_id, edited.mapping_id, edit.unwritten)
            if await digest_of(effect) != as_previewed:
                raise Conflict("The change would now affect other people than in the preview.", code="PREVIEW_OUTDATED")
        return edited


async def preview(database: Database, actor: Actor, one: MappingEdit) -> Effect:
    """Whom an edit would affect: it is made, read and rolled back, so a preview and an edit cannot differ.

    Raises:
        IdentityAPIError: what the edit raises, when it would be refused.
        LimitReached: it concerns more identities than are looked at in a request. The edit itself has no such bound.
    """
    async with database.transaction(is_trial=True) as connection:
        async with an_admin_remains(connection, actor):
            edit = await Edit.begin(connection, database.limits, actor, dry_run=True)
            [edited] = await make_all(edit, [one], managed_by="API")
        _ensure_within(database.limits, edited.concerned)
        return await effect_of(connection, actor.tenant_id, edited.mapping_id, edit.unwritten)


async def make_together(database: Database, actor: Actor, edits: Sequence[MappingEdit], *, managed_by: str) -> None:
    """Make several edits with one transaction. Raises as `make` and each of them."""
    async with database.transaction() as connection, an_admin_remains(connection, actor):
        await make_all(await Edit.begin(connection, database.limits, actor), edits, managed_by=managed_by)


async def preview_together(
    database: Database, actor: Actor, edits: Sequence[MappingEdit], *, managed_by: str
) -> list[Effect | int | None]:
    """Whom each of several edits would affect if all of them were made; all are made, read and rolled back.

    A permission that one takes from a user and another gives them is neither lost nor gained.

    Returns:
        For each edit its effect; how many identities it concerns, where those are more than are looked at; None where
        something that it names is not there yet.

    Raises:
        IdentityAPIError: what an edit raises, when it would be refused.
    """
    async with database.transaction(is_trial=True) as connection:
        async with an_admin_remains(connection, actor):
            edit = await Edit.begin(connection, database.limits, actor, dry_run=True)
            edited = await _tried(edit, edits, managed_by=managed_by)
        concerned = {one.mapping_id: one.concerned for one in edited if one is not None}
        most = database.limits.max_preview_identities
        few = [mapping_id for mapping_id, count in concerned.items() if count <= most]
        found = await effects_together(connection, actor.tenant_id, concerned, edit.unwritten, of=few)
        return [None if one is None else found.get(one.mapping_id, one.concerned) for one in edited]


async def _tried(edit: Edit, edits: Sequence[MappingEdit], *, managed_by: str) -> list[Edited | None]:
    """Each edit made; None for one that names what is not there."""
    try:
        async with edit.connection.transaction():
            return [*await make_all(edit, edits, managed_by=managed_by)]
    except NotFound:
        if len(edits) == 1:
            return [None]
        # Of one of them, which does not keep the others from being looked at. They go in the same order as together.
        found: dict[int, Edited | None] = {}
        for kind in _MADE_BY:
            for place, one in enumerate(edits):
                if isinstance(one, kind):
                    [found[place]] = await _tried(edit, [one], managed_by=managed_by)
        return [found[place] for place in range(len(edits))]


async def make_all(edit: Edit, edits: Sequence[MappingEdit], *, managed_by: str) -> list[Edited]:
    """Make edits of different mappings, those of a kind together; what they came to, in the order of the edits.

    Raises as each of them.
    """
    found: dict[int, Edited] = {}
    for kind, make_them in _MADE_BY.items():
        places = [place for place, one in enumerate(edits) if isinstance(one, kind)]
        if places:
            made = await make_them(edit, [edits[place] for place in places], managed_by=managed_by)
            found.update(zip(places, made, strict=True))
    return [found[place] for place in range(len(edits))]


def _ensure_within(limits: TenantLimits, concerned: int) -> None:
    if concerned > limits.max_preview_identities:
        raise LimitReached(
            f"The change concerns {concerned:,} identities, and a preview looks at {limits.max_preview_identities:,} at most"
            " (IDENTITY_MAX_PREVIEW_IDENTITIES). The change can be made without one.",
            limit="max_preview_identities",
            value=limits.max_preview_identities,
        )


async def create(edit: Edit, rules: Sequence[Rule], *, managed_by: str) -> list[Edited]:
    """New mappings, all or none of them.

    Raises:
        NotFound: a permission or a provider is not this tenant's; before anything is written.
        BadInput: a pattern is not usable, or no permission is named.
        Refused: `FORBIDDEN` (a permission the actor may not give), `SELF_BENEFIT`; `PATTERN_TOO_WIDE`, `PROVIDER_NEEDED` for
            a service permission.
        Conflict: `MAPPING_EXISTS`, `LIMIT_REACHED`.
    """
    connection, tenant_id = edit.connection, edit.actor.tenant_id
    edit.check_may_touch(await edit.check(*rules))
    made = {uuid7(): rule for rule in rules}
    if not await mappings.insert(connection, tenant_id, _values(made), managed_by=managed_by):
        raise _exists()
    await edit.ensure_within("max_mappings")
    if any(rule.match is MatchKind.GLOB for rule in rules):
        await edit.ensure_within("max_glob_mappings")
    await edit.rematch(made)
    return await edit.finish("mapping.created", dict.fromkeys(made))


async def update(edit: Edit, updates: Sequence[Update], *, managed_by: str) -> list[Edited]:
    """Overwrite the rules of mappings, all or none of them.

    Raises:
        NotFound: no such mapping, permission or provider in the actor's tenant; before anything is written.
        Conflict: `CONFLICT` (it is no longer at `expected_version`), `MAPPING_EXISTS`, `LIMIT_REACHED`.
        BadInput, Refused: as for `create`; also `MANAGED_BY_FILE`.
    """
    connection, tenant_id = edit.connection, edit.actor.tenant_id
    before = await edit.load({one.mapping_id: one.expected_version for one in updates}, managed_by)
    after = {one.mapping_id: one.rule for one in updates}
    given = await edit.check(*after.values())
    edit.check_may_touch([*given, *await _given_by(edit, before.values())])
    moved = {mapping_id: rule for mapping_id, rule in after.items() if _key(before[mapping_id]) != _key(rule)}
    for mapping_id, rule in moved.items():
        await _ensure_free(edit, mapping_id, rule)
    if len({_key(rule) for rule in moved.values()}) < len(moved):
        raise _exists()
    # Who loses something is found before its rows are deleted; who gains, after.
    await mappings.update(connection, tenant_id, _values(after))
    if moved:
        if any(one.match is MatchKind.GLOB and before[row_id].match != MatchKind.GLOB for row_id, one in moved.items()):
            await edit.ensure_within("max_glob_mappings")
        await groups.unmatch(connection, tenant_id, moved)
        await edit.rematch(moved)
    return await edit.finish("mapping.updated", before)


async def delete(edit: Edit, deletions: Sequence[Deletion], *, managed_by: str) -> list[Edited]:
    """Delete mappings, all or none of them; what they gave is out of force with the commit.

    Raises:
        NotFound, Conflict, Refused: as for `update`.
    """
    connection, tenant_id = edit.connection, edit.actor.tenant_id
    before = await edit.load({one.mapping_id: one.expected_version for one in deletions}, managed_by)
    edit.check_may_touch(await _given_by(edit, before.values()))
    await mappings.delete(connection, tenant_id, before)
    await groups.unmatch(connection, tenant_id, before)
    return await edit.finish("mapping.deleted", before, is_deleted=True)


# What takes away or moves comes first: what is new may need its room.
_MADE_BY: Final[dict[type[MappingEdit], Callable[..., Awaitable[list[Edited]]]]] = {
    Update: update,
    Deletion: delete,
    Rule: create,
}


def _values(rules: Mapping[UUID, Rule]) -> list[MappingValues]:
    return [
        MappingValues(one, rule.provider_id, rule.pattern, rule.match.value, rule.enabled, rule.permission_ids)
        for one, rule in rules.items()
    ]


def _key(one: Rule | MappingRecord) -> tuple[UUID | None, str, str]:
    return one.provider_id, one.pattern, one.match


async def _given_by(edit: Edit, rows: Iterable[MappingRecord]) -> list[PermissionRecord]:
    wanted = {permission_id for row in rows for permission_id in row.permission_ids}
    return await permissions.by_ids(edit.connection, edit.actor.tenant_id, wanted)


async def _ensure_free(edit: Edit, mapping_id: UUID, rule: Rule) -> None:
    if await mappings.exists(
        edit.connection,
        edit.actor.tenant_id,
        provider_id=rule.provider_id,
        pattern=rule.pattern,
        match=rule.match.value,
        other_than=mapping_id,
    ):
        raise _exists()


def _exists() -> Conflict:
    return Conflict("There is a mapping with this provider, match and pattern already.", code="MAPPING_EXISTS")
