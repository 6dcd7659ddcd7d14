"""Proposals for the operator: list them, and show what one would do."""

from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.change_sets import run, stored
from identity_api.cli.change_sets import Shown, shown_of
from identity_api.db import proposals
from identity_api.db.database import Database
from identity_api.db.proposals import Proposal, State
from identity_api.errors import NotFound
from identity_api.permissions.delegation import Actor

MOST = 1_000


class ProposalLine(msgspec.Struct, frozen=True):
    """A proposal without its changes."""

    id: UUID
    state: State
    proposer: str
    reason: str
    changes: int
    created_at: datetime
    expires_at: datetime
    decider: str | None
    decided_at: datetime | None


class ProposalSheet(msgspec.Struct, frozen=True):
    """A proposal with its effects now; None if it is not open."""

    proposal: ProposalLine
    set: Shown | None


async def listed(database: Database, actor: Actor, *, is_open: bool) -> list[ProposalLine]:
    """The newest proposals, at most a thousand."""
    async with database.reading() as connection:
        found = await proposals.page(connection, actor.tenant_id, is_open=is_open, after=None, first=MOST)
    return [_line(one) for one in found[:MOST]]


async def sheet(database: Database, actor: Actor, proposal_id: UUID) -> ProposalSheet:
    """A proposal with its preview as of now.

    Raises:
        NotFound: no such proposal in the tenant.
        ChangesRefused, LimitReached: as `change_sets.run.preview`.
    """
    async with database.reading() as connection:
        found = await proposals.get(connection, actor.tenant_id, proposal_id)
    if found is None:
        raise NotFound("There is no such proposal.")
    if found.state != "OPEN":
        return ProposalSheet(_line(found), None)
    outcome = await run.preview(database, actor, stored.decode(found.changes))
    return ProposalSheet(_line(found), await shown_of(database, actor, outcome))


def _line(one: Proposal) -> ProposalLine:
    return ProposalLine(
        one.id,
        one.state,
        one.proposer_username,
        one.reason,
        len(stored.decode(one.changes)),
        one.created_at,
        one.expires_at,
        one.decider_username,
        one.decided_at,
    )
