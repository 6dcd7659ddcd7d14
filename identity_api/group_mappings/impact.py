"""Whom an edit affects: who gains and who loses a permission, other than by exchanging one reason for another."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping
from itertools import groupby
from uuid import UUID

import msgspec

from identity_api.db import change_sets, grants, mappings
from identity_api.db.database import Connection, plan_each_time
from identity_api.db.grants import Decision

CHUNK = 5_000
"""Identities looked at with one statement."""
USERS = 250
"""The same where many mappings may give each of them something."""

Pair = tuple[UUID, UUID]
"""User and permission."""


class Effect(msgspec.Struct, frozen=True):
    """The effect of an edit whose rows are written, once its grants have followed."""

    concerned: int
    """Identities in the mapping's groups, before or after."""
    gained: frozenset[Pair]
    lost: frozenset[Pair]


class Touched(msgspec.Struct, frozen=True):
    """The users and the permissions of an effect."""

    gaining: frozenset[UUID]
    losing: frozenset[UUID]
    permission_ids: frozenset[UUID]


async def touched_by(effect: Effect) -> Touched:
    """Who gains and who loses something, and what. In a thread: to look through 100,000 pairs takes a tenth of a second."""

    def look() -> Touched:
        gaining, losing = (frozenset([user_id for user_id, _ in pairs]) for pairs in (effect.gained, effect.lost))
        permission_ids = frozenset([permission_id for _, permission_id in effect.gained | effect.lost])
        return Touched(gaining, losing, permission_ids)

    return await asyncio.to_thread(look)


async def digest_of(effect: Effect) -> str:
    """Equal for equal gains and losses, and only for those.

    In a thread, and in parts: to sort the pairs of 100,000 people would stop every other request for a third of a second, and
    a sort lets no other thread go on until its end.
    """

    def digest() -> str:
        whole = hashlib.sha256(b"%d " % len(effect.gained))
        for pairs in (effect.gained, effect.lost):
            parts: list[list[bytes]] = [[] for _ in range(256)]
            for user, permission in pairs:
                parts[user.bytes[-1]].append(user.bytes + permission.bytes)
            for part in parts:
                whole.update(b"".join(sorted(part)))
        return whole.hexdigest()

    return await asyncio.to_thread(digest)


async def effect_of(connection: Connection, tenant_id: UUID, mapping_id: UUID) -> Effect:
    """Run the deciding query for everybody concerned; nothing is written."""
    concerned = 0
    gained: set[Pair] = set()
    lost: set[Pair] = set()
    await plan_each_time(connection)  # an edit may concern everybody
    after: UUID | None = None
    while chunk := await mappings.concerned(connection, tenant_id, mapping_id, after=after, limit=CHUNK):
        concerned, after = concerned + len(chunk), chunk[-1]
        decision = await grants.decide(connection, tenant_id, chunk, [mapping_id])
        opened = {(one.user_id, one.permission_id) for one in decision.openings}
        closed = {(one.user_id, one.permission_id) for one in decision.closings}
        kept = await _kept(connection, tenant_id, decision, opened | closed)
        gained |= opened - closed - kept
        lost |= closed - opened - kept
    # Somebody with two identities may be in two chunks.
    return Effect(concerned, frozenset(gained - lost), frozenset(lost - gained))


async def effects_together(
    connection: Connection, tenant_id: UUID, edited: Mapping[UUID, int], *, of: Collection[UUID]
) -> dict[UUID, Effect]:
    """The effect of each of several edits whose rows are written, by mapping; nothing is written.

    Everybody is looked at once. What one of the mappings takes and another gives is neither lost nor gained.

    Args:
        edited: how many identities each mapping concerns.
        of: the mappings whose people are looked at.
    """
    gained: dict[UUID, set[Pair]] = {mapping_id: set() for mapping_id in edited}
    lost: dict[UUID, set[Pair]] = {mapping_id: set() for mapping_id in edited}
    await plan_each_time(connection)
    concerned = await change_sets.concerned(connection, tenant_id, of, limit=None)
    # A user is in one chunk with all that concerns them.
    people = [[one.identity_id for one in found] for _, found in groupby(concerned, key=lambda one: one.user_id)]
    for begin in range(0, len(people), USERS):
        chunk = [identity_id for found in people[begin : begin + USERS] for identity_id in found]
        decision = await grants.decide(connection, tenant_id, chunk, list(edited))
        opened = {(one.user_id, one.permission_id) for one in decision.openings}
        closed = {(one.user_id, one.permission_id) for one in decision.closings}
        same = (opened & closed) | await _kept(connection, tenant_id, decision, opened | closed)
        for opening in decision.openings:
            gained[opening.mapping_id].add((opening.user_id, opening.permission_id))
        for closing in decision.closings:
            assert closing.mapping_id is not None  # only what mappings gave is decided about here
            lost[closing.mapping_id].add((closing.user_id, closing.permission_id))
        for pairs in (*gained.values(), *lost.values()):
            pairs -= same
    return {
        mapping_id: Effect(edited[mapping_id], frozenset(gained[mapping_id]), frozenset(lost[mapping_id]))
        for mapping_id in of
    }


async def _kept(connection: Connection, tenant_id: UUID, decision: Decision, pairs: Collection[Pair]) -> set[Pair]:
    closing = [one.grant_id for one in decision.closings]
    return await grants.held_besides(connection, tenant_id, pairs, closing) if pairs else set()
