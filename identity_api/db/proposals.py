"""Sets of changes that wait for another admin's approval."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db.database import Connection

Decision = Literal["APPROVED", "REJECTED", "WITHDRAWN"]
State = Literal["OPEN", "EXPIRED", "APPROVED", "REJECTED", "WITHDRAWN"]


class Proposal(msgspec.Struct, frozen=True):
    """A proposal, with the names that its people have now."""

    id: UUID
    changes: str
    """JSON, as `change_sets.stored` has it."""
    needs: tuple[str, ...]
    reason: str
    proposed_by: UUID
    proposer_username: str
    proposer_label: str
    created_at: datetime
    expires_at: datetime
    state: State
    decided_by: UUID | None
    decider_username: str | None
    decider_label: str | None
    decided_at: datetime | None


_SELECT = """
    select o.id, o.changes::text as changes, o.needs, o.reason, o.proposed_by,
        p.username as proposer_username, p.display_label as proposer_label, o.created_at, o.expires_at,
        coalesce(o.decision, case when o.expires_at > now() then 'OPEN' else 'EXPIRED' end) as state,
        o.decided_by, d.username as decider_username, d.display_label as decider_label, o.decided_at
    from {source} o
    join app_user p on p.tenant_id = $1 and p.id = o.proposed_by
    left join app_user d on d.tenant_id = $1 and d.id = o.decided_by
"""


def _proposal(row: Record) -> Proposal:
    return Proposal(
        **{name: row[name] for name in Proposal.__struct_fields__ if name != "needs"}, needs=tuple(row["needs"])
    )


async def insert(
    connection: Connection,
    tenant_id: UUID,
    proposal_id: UUID,
    *,
    changes: str,
    needs: Sequence[str],
    reason: str,
    proposed_by: UUID,
    seconds: int,
) -> datetime:
    """A new proposal, which is open for so many seconds; until when."""
    value: datetime = await connection.fetchval(
        """
        insert into proposal (id, tenant_id, changes, needs, reason, proposed_by, created_at, expires_at)
        values ($2, $1, $3::jsonb, $4, $5, $6, now(), now() + make_interval(secs => $7)) returning expires_at
        """,
        tenant_id,
        proposal_id,
        changes,
        list(needs),
        reason,
        proposed_by,
        float(seconds),
    )
    return value


async def get(connection: Connection, tenant_id: UUID, proposal_id: UUID) -> Proposal | None:
    """The proposal, if it is this tenant's."""
    row = await connection.fetchrow(
        f"{_SELECT.format(source='proposal')} where o.tenant_id = $1 and o.id = $2", tenant_id, proposal_id
    )
    return _proposal(row) if row else None


async def lock(connection: Connection, tenant_id: UUID, proposal_id: UUID) -> None:
    """Keep everybody else from deciding about it until the transaction ends."""
    await connection.execute(
        "select from proposal where tenant_id = $1 and id = $2 for no key update", tenant_id, proposal_id
    )


async def page(
    connection: Connection, tenant_id: UUID, *, is_open: bool, after: UUID | None, first: int, backward: bool = False
) -> list[Proposal]:
    """At most `first` + 1 proposals that were made before that one, the newest first.

    Args:
        is_open: only those that can still be decided about.
        backward: those that were made after that one, the oldest first.
    """
    beyond, direction = (">", "asc") if backward else ("<", "desc")
    only = "and o.decided_at is null and o.expires_at > now()" if is_open else ""
    source = f"""(select * from proposal o
        where o.tenant_id = $1 and ($2::uuid is null or o.id {beyond} $2) {only}
        order by o.id {direction} limit $3)"""
    statement = f"{_SELECT.format(source=source)} order by o.id {direction}"
    rows = await connection.fetch(statement, tenant_id, after, first + 1)
    return [_proposal(row) for row in rows]


async def decide(
    connection: Connection, tenant_id: UUID, proposal_id: UUID, decision: Decision, decided_by: UUID
) -> None:
    """Note the decision; nothing can be decided about it any more."""
    await connection.execute(
        "update proposal set decision = $3, decided_by = $4, decided_at = now() where tenant_id = $1 and id = $2",
        tenant_id,
        proposal_id,
        decision,
        decided_by,
    )
