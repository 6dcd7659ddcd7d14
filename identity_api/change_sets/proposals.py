"""Changes that one admin proposes and another one makes.

A proposal gives nobody anything: whoever approves it makes the changes themself, with the rights that each change needs,
exactly as they saw them in the preview. It is for what an admin may not do alone, such as a change that would give them
a permission, and for changes that a program or a careful admin wants another person to look at.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from identity_api.change_sets import run, stored
from identity_api.change_sets.changes import RIGHTS, Change, CreatePermission, Undo
from identity_api.change_sets.errors import ChangesRefused, Problem
from identity_api.change_sets.run import Outcome
from identity_api.change_sets.undo import inverses
from identity_api.db import audit, locks, permissions, proposals
from identity_api.db.database import Connection, Database
from identity_api.db.proposals import Decision, Proposal
from identity_api.db.tenant_limits import ensure_within
from identity_api.errors import BadInput, Conflict, IdentityAPIError, NotFound, Refused
from identity_api.ids import uuid7
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import SERVICE_PERMISSIONS

SECONDS: Final = 7 * 86_400
"""How long a proposal is open."""
MAX_REASON: Final = 500


def check_reason(reason: str) -> None:
    """Raises BadInput: it is too long, or not one line."""
    if len(reason) > MAX_REASON or not reason.isprintable():
        raise BadInput(f"A reason is one line of at most {MAX_REASON} characters.", field="reason")


async def propose(database: Database, actor: Actor, changes: Sequence[Change | Undo], reason: str) -> Proposal:
    """Propose a set. The actor needs the permission for each kind of change, and not the right to give what it gives.

    What an event changed is looked up now: the proposal holds the change that undoes it.

    Raises:
        BadInput: no change or too many; the reason is too long.
        ChangesRefused: with every change that nobody could make as things are.
        LimitReached: there are too many open proposals; as for `run.preview`.
        Refused: `LAST_ADMIN`; `FORBIDDEN`: the preview would show what the actor may not read.
    """
    check_reason(reason)
    run.ensure_number(len(changes))
    written = await _written(database, actor, changes)
    await preview(database, actor, written)
    proposal_id = uuid7()
    needs = sorted({RIGHTS[type(one)] for one in written})
    async with database.transaction() as connection:
        expires_at = await proposals.insert(
            connection,
            actor.tenant_id,
            proposal_id,
            changes=stored.encode(written),
            needs=needs,
            reason=reason,
            proposed_by=_person(actor),
            seconds=SECONDS,
        )
        await ensure_within(connection, database.limits, "max_proposals", actor.tenant_id)
        new = {"changes": len(written), "reason": reason, "expires_at": expires_at}
        await _record(connection, actor, "proposal.made", proposal_id, new=new)
        return await _get(connection, actor, proposal_id)


async def preview(database: Database, viewer: Actor, changes: Sequence[Change]) -> Outcome:
    """What the set would do now, made by somebody who may give everything and gains nothing by it.

    Raises:
        ChangesRefused, LimitReached, Refused: as for `run.preview`; and for a viewer without a change's own permission.
    """
    _check_rights(viewer, changes)
    async with database.reading() as connection:
        names = await permissions.all_names(connection, viewer.tenant_id)
    made = {one.name for one in changes if isinstance(one, CreatePermission)}
    anybody = Actor(viewer.tenant_id, uuid7(), "system", frozenset({*names, *made, *SERVICE_PERMISSIONS}))
    return await run.preview(database, anybody, changes, viewer=viewer)


async def look(database: Database, viewer: Actor, proposal: Proposal) -> Outcome:
    """The preview of an open proposal.

    Raises:
        Refused: `FORBIDDEN`: see `check_may_see`.
        Conflict: `PROPOSAL_OVER`.
        ChangesRefused, LimitReached: as for `preview`.
    """
    check_may_see(viewer, proposal)
    _check_open(proposal)
    return await preview(database, viewer, stored.decode(proposal.changes))


async def approve(
    database: Database, actor: Actor, proposal_id: UUID, *, as_previewed: str
) -> tuple[Proposal, Outcome]:
    """Make a proposal's changes, as the actor's own. The caller lets workers know that grants have to follow.

    Args:
        as_previewed: the digest of the preview that the actor has looked at.

    Raises:
        NotFound: no such proposal in the actor's tenant.
        Conflict: `PROPOSAL_OVER`: it was decided about, or is too old; `PREVIEW_OUTDATED`.
        Refused: `SECOND_PERSON`: the actor has proposed it; as for `run.apply`.
        ChangesRefused, LimitReached: as for `run.apply`.
    """
    async with database.transaction() as connection:
        # Before the proposal, as an erasure locks its proposer's.
        await locks.edit_mappings(connection, actor.tenant_id)
        found = await _locked(connection, actor, proposal_id)
        if found.proposed_by == actor.user_id:
            raise Refused("You have proposed this. Another person has to approve it.", code="SECOND_PERSON")
        changes = stored.decode(found.changes)
        outcome = await run.make_all(connection, database, actor, changes, as_previewed=as_previewed)
        await proposals.decide(connection, actor.tenant_id, proposal_id, "APPROVED", _person(actor))
        payload = {"digest": outcome.digest, "proposed_by": str(found.proposed_by)}
        await _record(connection, actor, "proposal.approved", proposal_id, payload)
        return await _get(connection, actor, proposal_id), outcome


async def reject(database: Database, actor: Actor, proposal_id: UUID) -> Proposal:
    """Close a proposal without making its changes: by somebody else as a refusal, by its proposer to withdraw it.

    Raises:
        NotFound, Conflict: as for `approve`.
        Refused: `FORBIDDEN`: the actor lacks a permission that its changes need. A proposer needs none.
    """
    async with database.transaction() as connection:
        found = await _locked(connection, actor, proposal_id)
        is_own = found.proposed_by == actor.user_id
        if not is_own:
            check_may_see(actor, found)
        decision: Decision = "WITHDRAWN" if is_own else "REJECTED"
        await proposals.decide(connection, actor.tenant_id, proposal_id, decision, _person(actor))
        payload = {"proposed_by": str(found.proposed_by)}
        await _record(connection, actor, f"proposal.{decision.lower()}", proposal_id, payload)
        return await _get(connection, actor, proposal_id)


def check_may_see(actor: Actor, proposal: Proposal) -> None:
    """Check that the actor may see what is proposed: its proposer, and whoever has the permissions that it needs.

    Raises:
        Refused: `FORBIDDEN`, naming a permission that is missing.
    """
    missing = [name for name in proposal.needs if name not in actor.permissions]
    if missing and not actor.is_operator and proposal.proposed_by != actor.user_id:
        raise Refused(f"This needs the permission {missing[0]}.")


def _check_rights(actor: Actor, changes: Sequence[Change]) -> None:
    missing = [
        Problem(number, Refused(f"This needs the permission {RIGHTS[type(one)]}."))
        for number, one in enumerate(changes)
        if not actor.is_operator and RIGHTS[type(one)] not in actor.permissions
    ]
    if missing:
        raise ChangesRefused(missing)


async def _written(database: Database, actor: Actor, changes: Sequence[Change | Undo]) -> list[Change]:
    written: list[Change] = []
    problems: list[Problem] = []
    async with database.reading() as connection:
        for number, one in enumerate(changes):
            try:
                written += await inverses(connection, actor, one) if isinstance(one, Undo) else [one]
            except IdentityAPIError as error:
                problems.append(Problem(number, error))
    if problems:
        raise ChangesRefused(problems)
    return written


async def _locked(connection: Connection, actor: Actor, proposal_id: UUID) -> Proposal:
    await proposals.lock(connection, actor.tenant_id, proposal_id)
    found = await _get(connection, actor, proposal_id)
    _check_open(found)
    return found


def _check_open(proposal: Proposal) -> None:
    if proposal.state != "OPEN":
        raise Conflict(f"This proposal is {proposal.state.lower()}.", code="PROPOSAL_OVER")


async def _get(connection: Connection, actor: Actor, proposal_id: UUID) -> Proposal:
    found = await proposals.get(connection, actor.tenant_id, proposal_id)
    if found is None:
        raise NotFound("There is no such proposal.")
    return found


def _person(actor: Actor) -> UUID:
    if actor.user_id is None:
        raise Refused("Proposals are for admins of the tenant; the operator changes things directly.")
    return actor.user_id


async def _record(
    connection: Connection,
    actor: Actor,
    action: str,
    proposal_id: UUID,
    payload: dict[str, str] | None = None,
    *,
    new: dict[str, object] | None = None,
) -> None:
    event = audit.Event(action, "proposal", proposal_id, payload or {}, new=new)
    await audit.record(connection, actor.tenant_id, actor.name, [event])
