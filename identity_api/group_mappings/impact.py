"""Whom an edit affects: who gains and who loses a permission, other than by exchanging one reason for another."""

import hashlib
from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from identity_api.db import grants, mappings
from identity_api.db.database import Connection, plan_each_time
from identity_api.db.grants import Decision

CHUNK = 5_000
"""Identities looked at with one statement."""

Pair = tuple[UUID, UUID]
"""User and permission."""


class Effect(msgspec.Struct, frozen=True):
    """The effect of an edit whose rows are written, once its grants have followed."""

    concerned: int
    """Identities in the mapping's groups, before or after."""
    gained: frozenset[Pair]
    lost: frozenset[Pair]

    @property
    def digest(self) -> str:
        """Equal for equal gains and losses, and only for those."""
        listed = [sorted(self.gained), sorted(self.lost)]
        return hashlib.sha256(msgspec.json.encode(listed)).hexdigest()


async def effect_of(
    connection: Connection, tenant_id: UUID, mapping_id: UUID, *, together: Sequence[UUID] | None = None
) -> Effect:
    """Run the deciding query for everybody concerned; nothing is written.

    Args:
        together: all mappings that are edited with this one: what it takes and another of them gives is not lost.
    """
    mapping_ids = list(together or [mapping_id])
    concerned = 0
    gained: set[Pair] = set()
    lost: set[Pair] = set()
    await plan_each_time(connection)  # an edit may concern everybody
    after: UUID | None = None
    while chunk := await mappings.concerned(connection, tenant_id, mapping_id, after=after, limit=CHUNK):
        concerned, after = concerned + len(chunk), chunk[-1]
        decision = await grants.decide(connection, tenant_id, chunk, mapping_ids)
        opened = {(one.user_id, one.permission_id) for one in decision.openings}
        closed = {(one.user_id, one.permission_id) for one in decision.closings}
        kept = await _kept(connection, tenant_id, decision, opened | closed)
        gained |= opened - closed - kept
        lost |= closed - opened - kept
    # Somebody with two identities may be in two chunks.
    return Effect(concerned, frozenset(gained - lost), frozenset(lost - gained))


async def _kept(connection: Connection, tenant_id: UUID, decision: Decision, pairs: Collection[Pair]) -> set[Pair]:
    closing = [one.grant_id for one in decision.closings]
    return await grants.held_besides(connection, tenant_id, pairs, closing) if pairs else set()
