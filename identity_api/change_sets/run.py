"""Preview a set of changes, or make it: one transaction, all of it or nothing."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

import msgspec

from identity_api.accounts.ways_in import an_admin_remains
from identity_api.change_sets.changes import (
    MAX_CHANGES,
    Change,
    CreateMapping,
    GrantPermission,
    MappingChange,
    RevokePermission,
    Undo,
)
from identity_api.change_sets.effect import Effect, digest_of, effect_of, mapping_ids_of
from identity_api.change_sets.errors import ChangesRefused, Problem
from identity_api.change_sets.steps import Done, make, make_mappings
from identity_api.change_sets.undo import inverses
from identity_api.change_sets.warnings import Warned, warnings_of
from identity_api.db import audit, change_sets, locks, ways_in
from identity_api.db.database import Connection, Database
from identity_api.errors import BadInput, Conflict, IdentityAPIError, Refused
from identity_api.group_mappings.rules import Edit
from identity_api.ids import uuid7
from identity_api.lifecycle.grants import apply_decision
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import ADMINISTERING, GROUPS_READ, USERS_READ

AT_ONCE: Final = 1_000
"""Identities whose grants are written with the set; those of more are in force with it, and written by a worker."""


class Outcome(msgspec.Struct, frozen=True):
    """What a set does, or would do."""

    digest: str
    """The digest of every change of the set and of everybody whom it affects."""
    done: tuple[Done, ...]
    """In the order of the changes."""
    effect: Effect
    warnings: tuple[Warned, ...]
    set_id: UUID
    events: int
    """How many events tell of its changes."""
    event_id: UUID
    """Of the event that tells of the whole set, once it is made; undoing it undoes the set."""


async def preview(
    database: Database, actor: Actor, changes: Sequence[Change | Undo], *, viewer: Actor | None = None
) -> Outcome:
    """What the set would change, and whom it would affect: it is made, read and rolled back.

    Args:
        viewer: who is shown the result, if it is not the actor.

    Raises:
        ChangesRefused: with every change that cannot be made, and why.
        BadInput: no change, or more than `MAX_CHANGES`.
        LimitReached: it concerns more identities than a request reads.
        Refused: `LAST_ADMIN`; `FORBIDDEN`: it would show groups or grants that the actor may not read.
    """
    async with database.transaction(is_trial=True) as connection:
        return await _made(connection, database, actor, changes, viewer=viewer or actor)


async def preview_declared(
    connection: Connection, database: Database, actor: Actor, changes: Sequence[Change]
) -> Outcome:
    """What the changes of a declaration would do: of mappings that a file manages too, and any number of changes.

    In a transaction of the caller's that is a trial.

    Raises: as `preview`.
    """
    return await _made(connection, database, actor, changes, viewer=actor, managed_by="FILE")


async def apply(database: Database, actor: Actor, changes: Sequence[Change | Undo], *, as_previewed: str) -> Outcome:
    """Make the set, exactly as it was previewed. The caller lets workers know that grants have to follow.

    Args:
        as_previewed: the digest of the preview.

    Raises:
        Conflict: `PREVIEW_OUTDATED`: it would change something else, or affect other people, than the preview said.
        ChangesRefused, BadInput, LimitReached, Refused: as for `preview`.
    """
    async with database.transaction() as connection:
        return await make_all(connection, database, actor, changes, as_previewed=as_previewed)


async def make_all(
    connection: Connection, database: Database, actor: Actor, changes: Sequence[Change | Undo], *, as_previewed: str
) -> Outcome:
    """`apply` in the caller's transaction."""
    outcome = await _made(connection, database, actor, changes, viewer=actor, as_previewed=as_previewed)
    await audit.record(connection, actor.tenant_id, actor.name, [_event(outcome)], ids=[outcome.event_id])
    return outcome


def ensure_number(changes: int) -> None:
    """Raises BadInput: there is no change, or more than `MAX_CHANGES`."""
    if not 1 <= changes <= MAX_CHANGES:
        raise BadInput(f"A set has between 1 and {MAX_CHANGES} changes.", field="changes")


async def _made(
    connection: Connection,
    database: Database,
    actor: Actor,
    changes: Sequence[Change | Undo],
    *,
    viewer: Actor,
    as_previewed: str | None = None,
    managed_by: str = "API",
) -> Outcome:
    """Make the set; without `as_previewed` the caller rolls it back."""
    if managed_by != "FILE":
        ensure_number(len(changes))
    tenant_id = actor.tenant_id
    async with an_admin_remains(connection, actor):
        is_dry_run = as_previewed is None
        edit = await Edit.begin(connection, database.limits, actor, dry_run=is_dry_run, has_effect_shown=True)
        before = await ways_in.held_in_force(connection, tenant_id, sorted(ADMINISTERING))
        with audit.part_of(uuid7()) as part:
            done = await _Steps(edit, changes, part, managed_by).make_all()
        _check_may_look(viewer, done)
        effect = await effect_of(connection, database.limits, tenant_id, done, edit.unwritten)
        digest = digest_of(done, effect)
        if as_previewed is not None:
            await _finish(connection, actor, done, effect, is_as_previewed=digest == as_previewed)
    after = await ways_in.held_in_force(connection, tenant_id, sorted(ADMINISTERING))
    warned = await warnings_of(connection, tenant_id, effect, sorted(before - after))
    return Outcome(digest, tuple(done), effect, warned, part.change_set, part.events, uuid7())


def _check_may_look(actor: Actor, done: Sequence[Done]) -> None:
    """A set shows how many people it affects: an actor who may try patterns can find out every group's name, and a grant by
    hand shows what a user holds. Checked before people are counted, because the limit's error would show their number.

    Raises:
        Refused: without the right to read groups, for anything but whole names; for grants without the right to read users.
    """
    if actor.is_operator:
        return
    searches = any(one.new is not None and one.new.get("match", "EXACT") != "EXACT" for one in done)
    if searches and GROUPS_READ not in actor.permissions:
        raise Refused(f"A set with a pattern shows which groups exist, so it also needs {GROUPS_READ}.")
    if any(one.kind == "grant" for one in done) and USERS_READ not in actor.permissions:
        raise Refused(f"A set with a grant shows what a user holds, so it also needs {USERS_READ}.")


async def _finish(
    connection: Connection, actor: Actor, done: Sequence[Done], effect: Effect, *, is_as_previewed: bool
) -> None:
    """See that the set does what was previewed, and write the grants of a few people now, so that the record has them at
    once. The transaction has the tenant's mappings to itself.

    Raises:
        Conflict: `PREVIEW_OUTDATED`.
    """
    if not is_as_previewed:
        raise Conflict(
            "The changes would no longer do what the preview said. Look at a new preview.", code="PREVIEW_OUTDATED"
        )
    if effect.concerned <= AT_ONCE:
        tenant_id, mapping_ids = actor.tenant_id, mapping_ids_of(done)
        concerned = await change_sets.concerned(connection, tenant_id, mapping_ids, limit=AT_ONCE)
        identity_ids = [one.identity_id for one in concerned]
        await locks.users_of_identities(connection, tenant_id, identity_ids)
        await apply_decision(connection, tenant_id, identity_ids, mapping_ids=mapping_ids, actor=actor.name)


class _Steps:
    """The changes of one set, in their transaction. If one cannot be made, this is noted, and the others are tried."""

    def __init__(self, edit: Edit, changes: Sequence[Change | Undo], part: audit.Part, managed_by: str) -> None:
        self._edit = edit
        self._changes = changes
        self._part = part
        self._managed_by = managed_by
        self._problems: list[Problem] = []

    async def make_all(self) -> list[Done]:
        written = [
            (number, one) for number, change in enumerate(self._changes) for one in await self._written(number, change)
        ]
        if not self._problems and self._managed_by != "FILE":
            ensure_number(len(written))
        await self._lock([change for _, change in written])
        done: list[Done] = []
        for _, alike in groupby(written, lambda one: type(one[1])):
            some = list(alike)
            together = await self._tried_together([change for _, change in some])
            done += together or [made for number, change in some if (made := await self._tried(number, change))]
        if self._problems:
            raise ChangesRefused(sorted(self._problems, key=lambda one: one.number))
        return done

    async def _written(self, number: int, change: Change | Undo) -> Sequence[Change]:
        if not isinstance(change, Undo):
            return [change]
        try:
            return await inverses(self._edit.connection, self._edit.actor, change)
        except IdentityAPIError as error:
            self._problems.append(Problem(number, error))
            return []

    async def _lock(self, changes: Sequence[Change]) -> None:
        """Take all locks of the changes, in the one order; a single change takes its locks itself."""
        connection, tenant_id = self._edit.connection, self._edit.actor.tenant_id
        users = {one.user_id for one in changes if isinstance(one, GrantPermission | RevokePermission)}
        await locks.users(connection, tenant_id, users)
        limits: list[tuple[str, UUID | None]] = [
            *[(name, None) for name in ("max_glob_mappings", "max_mappings", "max_permissions")],
            *[("max_user_grants", user_id) for user_id in sorted(users)],
        ]
        for name, owner_id in limits:
            await locks.limit(connection, name, tenant_id, owner_id)

    async def _tried_together(self, alike: Sequence[Change]) -> list[Done] | None:
        """Make changes of mappings at once, as an import has hundreds.

        None for other changes, for several of one mapping, which build upon each other, and if one cannot be made: each
        alone tells which, and why.
        """
        some = [one for one in alike if isinstance(one, MappingChange)]
        known = [one.mapping_id for one in some if not isinstance(one, CreateMapping)]
        if len(some) < 2 or len(set(known)) < len(known):
            return None
        events = self._part.events
        try:
            async with self._edit.connection.transaction():  # a savepoint, as for one
                return await make_mappings(self._edit, some, managed_by=self._managed_by)
        except IdentityAPIError:
            self._part.events = events
            return None

    async def _tried(self, number: int, change: Change) -> Done | None:
        try:
            async with self._edit.connection.transaction():  # a savepoint: a failed change leaves nothing behind
                return await make(self._edit, change, managed_by=self._managed_by)
        except IdentityAPIError as error:
            self._problems.append(Problem(number, error))
            return None


def _event(outcome: Outcome) -> audit.Event:
    payload = {
        "digest": outcome.digest,
        "changes": len(outcome.done),
        "gaining": len(outcome.effect.gaining),
        "losing": len(outcome.effect.losing),
        "events": outcome.events,
    }
    return audit.Event("change_set.applied", "change_set", outcome.set_id, payload)
