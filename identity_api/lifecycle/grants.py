"""Apply the result of the one deciding query, with its audit and the read model, in the caller's transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db import audit, user_read_model
from identity_api.db import grants as rows
from identity_api.db.database import Connection
from identity_api.lifecycle.last_admin import tell_if_nobody_administers


class Applied(msgspec.Struct, frozen=True):
    """The changes that were made."""

    opened: int
    closed: int
    user_ids: frozenset[UUID]


NOTHING = Applied(0, 0, frozenset())


async def apply_decision(
    connection: Connection,
    tenant_id: UUID,
    identity_ids: Sequence[UUID],
    *,
    mapping_ids: Sequence[UUID] | None = None,
    actor: str,
    also_changed: Collection[UUID] = (),
    after: Sequence[audit.Event] = (),
    given_at: datetime | None = None,
) -> Applied:
    """Open and close grants until they match what groups, mappings and modes give.

    The caller holds `locks.share_mappings` (or `edit_mappings`) and the users' locks, in that order.

    Args:
        also_changed: users whose facts the caller changed; the read model is rewritten for them as well.
        after: what the caller did before, which is recorded with this.
        given_at: since when what is opened has been in force; by default since now.
    """
    decision = await rows.decide(connection, tenant_id, identity_ids, mapping_ids)
    events = list(after)
    if decision.openings:
        for grant_id, opening in await rows.open_group_grants(
            connection, tenant_id, decision.openings, actor, given_at
        ):
            payload = {
                "user": str(opening.user_id),
                "permission": str(opening.permission_id),
                "identity": str(opening.identity_id),
                "mapping": str(opening.mapping_id),
                "group": str(opening.group_id),
            }
            events.append(audit.Event("grant.opened", "grant", grant_id, payload, new={"source": "GROUP"}))
    if decision.closings:
        await rows.close_grants(connection, tenant_id, decision.closings, actor)
        events += [closed_event(closing) for closing in decision.closings]
    await audit.record(connection, tenant_id, actor, events)
    changed = frozenset([opening.user_id for opening in decision.openings]) | {c.user_id for c in decision.closings}
    await user_read_model.refresh(connection, tenant_id, sorted(changed | frozenset(also_changed)))
    await tell_if_nobody_administers(connection, tenant_id, {one.user_id for one in decision.closings}, actor=actor)
    return Applied(len(decision.openings), len(decision.closings), changed)


def closed_event(closing: rows.Closing) -> audit.Event:
    """The audit event of a closed grant."""
    payload = {"user": str(closing.user_id), "permission": str(closing.permission_id), "reason": closing.reason}
    origin = {"identity": closing.identity_id, "mapping": closing.mapping_id, "group": closing.group_id}
    payload |= {name: str(id) for name, id in origin.items() if id is not None}
    return audit.Event("grant.closed", "grant", closing.grant_id, payload, old={"open": True}, new={"open": False})
