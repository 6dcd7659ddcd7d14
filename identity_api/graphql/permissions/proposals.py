"""Proposals: sets of changes that another admin looks at, and makes or rejects."""

from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Final, get_args
from uuid import UUID

import msgspec
import strawberry

from identity_api.change_sets import proposals, stored
from identity_api.change_sets.errors import ChangesRefused
from identity_api.db import proposals as rows
from identity_api.db import tenant_limits
from identity_api.db.proposals import State
from identity_api.errors import Located, Problems, SeveralProblems
from identity_api.graphql import connections, ids
from identity_api.graphql.access import NODES, object_type, require
from identity_api.graphql.connections import After, Before, Connection, ConnectionRow, First, Last
from identity_api.graphql.context import Context, Info
from identity_api.graphql.enums import enum_type
from identity_api.graphql.fields import is_row_of, resolved
from identity_api.graphql.ids import Node
from identity_api.graphql.outcomes import mutation
from identity_api.graphql.permissions.change_set_inputs import ChangeInput, asked_of
from identity_api.graphql.permissions.change_sets import (
    AfterTouched,
    ChangeSetApplied,
    ChangeSetAppliedRow,
    ChangeSetPreview,
    ChangeSetPreviewRow,
    FirstTouched,
    applied,
    previewed,
)
from identity_api.graphql.summaries import Row, UserSummary, UserSummaryRow

proposal_id = ids.encoder("Proposal")
DAYS: Final = proposals.SECONDS // 86_400


@enum_type(
    "What has become of a proposal.",
    {
        "OPEN": "It waits for a decision.",
        "EXPIRED": "Nobody decided in time; nothing was changed.",
        "APPROVED": "Another admin has approved it, and its changes were made.",
        "REJECTED": "Another admin has rejected it; nothing was changed.",
        "WITHDRAWN": "Its proposer has withdrawn it; nothing was changed.",
    },
)
class ProposalState(StrEnum):
    """As rows have it."""

    OPEN = "OPEN"
    EXPIRED = "EXPIRED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"


assert {str(one) for one in ProposalState} == set(get_args(State))


@object_type(description="A set of changes that one admin proposes and another one makes or rejects.")
class Proposal(Node):
    """Gives nobody anything by itself."""

    state: ProposalState = strawberry.field(description="What has become of it.")
    reason: str = strawberry.field(description="Why it is proposed, in the proposer's words; it may be empty.")
    proposer: UserSummary = strawberry.field(description="Who proposes it.")
    created_at: datetime = strawberry.field(description="When it was proposed.")
    expires_at: datetime = strawberry.field(description="Until when it can be approved.")
    decider: UserSummary | None = strawberry.field(
        description="Who approved, rejected or withdrew it; null before a decision."
    )
    decided_at: datetime | None = strawberry.field(description="When that was; null before a decision.")
    needs: list[str] = strawberry.field(description="The permissions without which nobody may make its changes.")
    change_count: int = strawberry.field(description="How many changes it has.")

    is_type_of = is_row_of(lambda: ProposalRow)


class ProposalRow(Row, frozen=True):
    """The row behind `Proposal`; the record is a `db.proposals.Proposal`."""

    @property
    def id(self) -> str:
        """The global id."""
        return proposal_id(self.record.id)

    @property
    def state(self) -> ProposalState:
        """As the schema writes it."""
        return ProposalState(self.record.state)

    @property
    def proposer(self) -> UserSummaryRow:
        """By the name of now."""
        one = self.record
        return UserSummaryRow(one.proposed_by, one.proposer_username, one.proposer_label)

    @property
    def decider(self) -> UserSummaryRow | None:
        """By the name of now."""
        one = self.record
        return UserSummaryRow(one.decided_by, one.decider_username, one.decider_label) if one.decided_by else None

    @property
    def change_count(self) -> int:
        """Of the set."""
        return len(stored.decode(self.record.changes))


def _by_number(error: ChangesRefused) -> SeveralProblems:
    return SeveralProblems([Located(f"changes.{one.number}", one.error) for one in error.problems])


async def load_proposal(context: Context, row_id: UUID) -> ProposalRow:
    """The proposal, for users who may propose changes.

    Raises:
        Refused, NotFound: the permission is missing; the tenant has no such row.
    """
    require(NODES["Proposal"], context)
    async with context.reading() as connection:
        found = await rows.get(connection, context.tenant_id, row_id)
    if found is None:
        raise ids.not_found("Proposal")
    return ProposalRow(found)


def _position(row: ProposalRow) -> UUID:
    found: UUID = row.record.id
    return found


@strawberry.input(description="A set of changes for another admin to look at.")
class ProposeChangeSetInput:
    """As for a preview, with a reason."""

    changes: list[ChangeInput] = strawberry.field(
        description="The changes, as for `previewChangeSet`. Each needs the permission that its own mutation needs, but not "
        "the right to give what it gives."
    )
    reason: str = strawberry.field(default="", description="Why, in one line, for whoever decides.")


@strawberry.input(description="Which proposal to approve, as it was previewed.")
class ApproveProposalInput:
    """With its preview."""

    id: strawberry.ID = strawberry.field(description="The id of the proposal. It cannot be one's own.")
    as_previewed: str = strawberry.field(
        description="The digest of `previewProposal`. It is made only if it still does exactly what the preview showed."
    )


@strawberry.input(description="Which proposal to close without making its changes.")
class RejectProposalInput:
    """Which."""

    id: strawberry.ID = strawberry.field(description="The id of the proposal. One's own is withdrawn.")


@object_type(description="The proposal as it is now.")
class ProposalSaved:
    """Of mutations that change nothing else."""

    proposal: Proposal = strawberry.field(description="The proposal after the mutation.")

    is_type_of = is_row_of(lambda: ProposalSavedRow)


class ProposalSavedRow(msgspec.Struct, frozen=True):
    """The row behind `ProposalSaved`."""

    proposal: ProposalRow


@object_type(description="The proposal is approved, and its changes are made exactly as previewed.")
class ProposalApproved:
    """Of `approveProposal`."""

    proposal: Proposal = strawberry.field(description="The proposal after the mutation.")
    applied: ChangeSetApplied = strawberry.field(description="What was changed.")

    is_type_of = is_row_of(lambda: ProposalApprovedRow)


class ProposalApprovedRow(msgspec.Struct, frozen=True):
    """The row behind `ProposalApproved`."""

    proposal: ProposalRow
    applied: ChangeSetAppliedRow


async def _count_open(context: Context) -> int:
    async with context.reading() as connection:
        return await tenant_limits.count(connection, "max_proposals", context.tenant_id)


@object_type("Query")
class ProposalQueries:
    """Root fields about proposals."""

    @resolved(Connection[Proposal] | None, "The tenant's proposals, the newest first.")
    async def proposals(
        self,
        info: Info,
        open_only: Annotated[
            bool | None, strawberry.argument(description="Only those that wait for a decision; false lists all.")
        ] = True,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> ConnectionRow:
        """A page."""
        context, page, is_open = info.context, connections.asked(first, after, last, before), open_only is not False
        of = connections.listing(context, "proposals", _position, where=is_open)
        position = await connections.opened(context, of, page, UUID)
        async with context.reading() as connection:
            found = await rows.page(
                connection,
                context.tenant_id,
                is_open=is_open,
                after=position,
                first=page.size,
                backward=page.is_backward,
            )
        count = partial(_count_open, context) if is_open else None
        return connections.paged(of, [ProposalRow(one) for one in found], page, count=count)

    @resolved(
        ChangeSetPreview | None,
        "What an open proposal would do if somebody who may approve it did so now; for its proposer, and for holders of every "
        "permission that it `needs`.",
    )
    async def preview_proposal(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The id of the proposal.")],
        first: FirstTouched = None,
        after: AfterTouched = None,
    ) -> ChangeSetPreviewRow:
        """Made, looked at and taken back."""
        context, page = info.context, connections.asked(first, after, None, None)
        record = (await load_proposal(context, ids.row_id(id, "Proposal"))).record
        try:
            async with context.turn:
                outcome = await proposals.look(context.deps.database, context.actor, record)
        except ChangesRefused as error:
            raise _by_number(error) from error
        return await previewed(context, outcome, page)


@object_type("Mutation")
class ProposalMutations:
    """Root fields that make proposals and decide about them."""

    @mutation(
        "ProposeChangeSetPayload",
        ProposalSaved,
        f"Propose a set of changes, also one that oneself may not make; another admin can approve it for {DAYS} days.",
    )
    async def propose_change_set(self, info: Info, input: ProposeChangeSetInput) -> ProposalSavedRow:
        """Refused where nobody could make it as things are."""
        context = info.context
        problems = Problems()
        problems.read("reason", lambda: proposals.check_reason(input.reason))
        try:
            asked = await asked_of(context.deps.database, context.actor, input.changes)
        except SeveralProblems as error:
            # Also of one: an id that names nothing is told in one form, wherever that is found out.
            raise SeveralProblems([*problems.found, *error.problems]) from error
        problems.tell()
        try:
            made = await proposals.propose(context.deps.database, context.actor, asked.changes, input.reason)
        except ChangesRefused as error:
            raise asked.refused(error) from error
        return ProposalSavedRow(ProposalRow(made))

    @mutation(
        "ApproveProposalPayload",
        ProposalApproved,
        "Approve somebody else's proposal: make its changes, all or none, exactly as previewed; each needs what its own "
        "mutation needs.",
    )
    async def approve_proposal(self, info: Info, input: ApproveProposalInput) -> ProposalApprovedRow:
        """By a person with a session, and never by the proposer."""
        context, row_id = info.context, ids.row_id(input.id, "Proposal")
        try:
            decided, outcome = await proposals.approve(
                context.deps.database, context.actor, row_id, as_previewed=input.as_previewed
            )
        except ChangesRefused as error:
            raise _by_number(error) from error
        return ProposalApprovedRow(ProposalRow(decided), await applied(context, outcome))

    @mutation(
        "RejectProposalPayload",
        ProposalSaved,
        "Reject somebody else's proposal, or withdraw one's own; nothing is changed.",
    )
    async def reject_proposal(self, info: Info, input: RejectProposalInput) -> ProposalSavedRow:
        """The state says which of the two it was."""
        context, row_id = info.context, ids.row_id(input.id, "Proposal")
        return ProposalSavedRow(ProposalRow(await proposals.reject(context.deps.database, context.actor, row_id)))
