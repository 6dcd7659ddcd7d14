"""Whom an edit affects: who gains and who loses a permission, other than by exchanging one reason for another."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final
from uuid import UUID

import msgspec

from identity_api.db import change_sets, grants, identities, mapping_changes, mappings
from identity_api.db.database import Connection, plan_each_time
from identity_api.db.grants import Closing, NewGrant
from identity_api.group_mappings.unwritten import Unwritten

CHUNK = 5_000
"""Identities looked at with one statement."""
USERS = 250
"""The same where many mappings may give each of them something."""

Pair = tuple[UUID, UUID]
"""User and permission."""

_NONE: Final[Mapping[UUID, Pair]] = MappingProxyType({})


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


Reason = tuple[UUID | None, Pair]
"""What somebody holds, and the mapping that gives it; None for what is given by hand."""


class Compared(msgspec.Struct, frozen=True):
    """What edits whose rows are written change for some people, once grants have followed."""

    gained: set[Reason]
    lost: set[Reason]
    given: set[UUID]
    """Users to whom a mapping gives something of which no grant tells yet."""
    closing: list[UUID]
    """Grants that are no reason to hold anything any more."""


async def compare(
    connection: Connection,
    tenant_id: UUID,
    mapping_ids: Collection[UUID],
    unwritten: Unwritten,
    *,
    identity_ids: Collection[UUID] = (),
    user_ids: Collection[UUID] = (),
    opened: Mapping[UUID, Pair] = _NONE,
    closed: Mapping[UUID, Pair] = _NONE,
) -> Compared:
    """Run the deciding query for these users, and for those to whom these identities belong; nothing is written.

    What was in force before is compared, and not what grants say: of the edited mappings as it was noted, and of those whose
    last edits no grant tells of yet as it still is.

    Args:
        opened: grants of the users that were given by hand with these edits, by id.
        closed: the same of those that were taken.
    """
    people = await identities.of_the_same_people(connection, tenant_id, identity_ids, user_ids)
    others = await mapping_changes.unfinished(connection, tenant_id) - set(mapping_ids)
    after = await grants.decide(connection, tenant_id, [one for _, one in people], [*mapping_ids, *others])
    before = unwritten.of({user_id for user_id, _ in people})
    others_give = {pair for mapping_id, pair in map(_reason, after.openings) if mapping_id in others}
    was_closing = {one.grant_id: one for one in before.closings}
    closing = {one.grant_id: one for one in after.closings}
    had = {_reason(one) for one in before.openings}
    had |= {(None, pair) for grant_id, pair in closed.items() if grant_id not in was_closing}
    had |= {_reason(one) for one in after.closings if one.grant_id not in was_closing and one.mapping_id not in others}
    has = {_reason(one) for one in after.openings if one.mapping_id not in others}
    has |= {(None, pair) for pair in opened.values()}
    # What an edit took and this one gives again, unless a worker has closed the grant meanwhile.
    again = {_reason(one) for one in before.closings if one.grant_id not in closing}
    if again:
        held = await grants.held_besides(connection, tenant_id, {pair for _, pair in again}, [*closing])
        has |= {one for one in again if one[1] in held}
    pairs = ({pair for _, pair in had} ^ {pair for _, pair in has}) - others_give
    if pairs:
        touched = closing.keys() | was_closing.keys() | opened.keys()
        pairs -= await grants.held_besides(connection, tenant_id, pairs, [*touched])
    return Compared(
        gained={one for one in has if one[1] in pairs},
        lost={one for one in had if one[1] in pairs},
        given={one.user_id for one in after.openings},
        closing=[*closing],
    )


def _reason(one: NewGrant | Closing) -> Reason:
    return one.mapping_id, (one.user_id, one.permission_id)


async def effect_of(connection: Connection, tenant_id: UUID, mapping_id: UUID, unwritten: Unwritten) -> Effect:
    """Whom an edit affects whose rows are written; nothing is written."""
    concerned = 0
    gained: set[Pair] = set()
    lost: set[Pair] = set()
    given = {identity_id for _, identity_id in unwritten.given([mapping_id])}
    await plan_each_time(connection)  # an edit may concern everybody

    async def look(chunk: Sequence[UUID]) -> None:
        found = await compare(connection, tenant_id, [mapping_id], unwritten, identity_ids=chunk)
        gained.update([pair for _, pair in found.gained])
        lost.update([pair for _, pair in found.lost])

    after: UUID | None = None
    while chunk := await mappings.concerned(connection, tenant_id, mapping_id, after=after, limit=CHUNK):
        concerned, after = concerned + len(chunk), chunk[-1]
        given -= set(chunk)
        await look(chunk)
    for begin in range(0, len(given), CHUNK):
        await look([*given][begin : begin + CHUNK])
    return Effect(concerned + len(given), frozenset(gained), frozenset(lost))


async def effects_together(
    connection: Connection,
    tenant_id: UUID,
    edited: Mapping[UUID, int],
    unwritten: Unwritten,
    *,
    of: Collection[UUID],
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
    # All that concerns a user is in one chunk.
    people = list(dict.fromkeys([one.user_id for one in concerned] + [user_id for user_id, _ in unwritten.given(of)]))
    for begin in range(0, len(people), USERS):
        chunk = people[begin : begin + USERS]
        found = await compare(connection, tenant_id, [*edited], unwritten, user_ids=chunk)
        for noted, reasons in ((gained, found.gained), (lost, found.lost)):
            for mapping_id, pair in reasons:
                assert mapping_id is not None  # nothing is given by hand here
                noted[mapping_id].add(pair)
    return {
        mapping_id: Effect(edited[mapping_id], frozenset(gained[mapping_id]), frozenset(lost[mapping_id]))
        for mapping_id in of
    }
