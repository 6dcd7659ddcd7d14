"""The effect of a set on people: who gains and who loses a permission, not merely a reason for one."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import msgspec

from identity_api.change_sets.steps import Done
from identity_api.config import TenantLimits
from identity_api.db import change_sets as rows
from identity_api.db import grants, permissions
from identity_api.db.change_sets import Concerned
from identity_api.db.database import Connection, plan_each_time
from identity_api.errors import LimitReached

USERS: Final = 250
"""Looked at with one statement, and without a pause."""
MAX_PAIRS: Final = 100_000
"""Pairs of a user and a permission gained or lost: more than anybody reads, and more would delay other requests."""

IdPair = tuple[UUID, UUID]
Pair = tuple[UUID, str]
"""A user, and a permission by name."""


class Effect(msgspec.Struct, frozen=True):
    """The effect of a set whose rows are written, once its grants by groups have followed."""

    concerned: int
    """Identities in the groups of its mappings, before or after."""
    gained: frozenset[Pair]
    lost: frozenset[Pair]
    gaining: frozenset[UUID]
    """Users who gain something."""
    losing: frozenset[UUID]
    """Users who lose something."""
    left_with_nothing: frozenset[UUID]
    """Users who lose something and then hold nothing, in force or not."""
    permission_ids: Mapping[str, UUID]
    """Of the permissions gained and lost, by name; without those that the set itself makes."""
    digest: str
    """Equal for equal gains and losses, and only for those."""


def digest_of(done: Sequence[Done], effect: Effect) -> str:
    """Equal for equal changes, from and to equal values, with equal gains and losses, and only for those.

    It does not contain ids of what the set makes: they differ each time.
    """
    changes: list[Any] = [(one.action, one.name, one.user_id, one.old, one.new) for one in done]
    return hashlib.sha256(msgspec.json.encode([changes, effect.digest], order="deterministic")).hexdigest()


def mapping_ids_of(done: Sequence[Done]) -> list[UUID]:
    """The mappings that are changed, each once."""
    return list(dict.fromkeys([one.mapping_id for one in done if one.mapping_id is not None]))


async def effect_of(connection: Connection, limits: TenantLimits, tenant_id: UUID, done: Sequence[Done]) -> Effect:
    """Run the deciding query for everybody concerned; nothing is written.

    Raises:
        LimitReached: the set concerns more identities than are looked at in a request, or changes more than is shown.
    """
    await plan_each_time(connection)  # a set may concern everybody
    mapping_ids = mapping_ids_of(done)
    most = limits.max_preview_identities
    concerned = await rows.concerned(connection, tenant_id, mapping_ids, limit=most + 1)
    if len(concerned) > most:
        raise LimitReached(
            f"The changes concern more than {most:,} identities, the most that a preview looks at"
            " (IDENTITY_MAX_PREVIEW_IDENTITIES). Make a set of fewer changes.",
            limit="max_preview_identities",
            value=most,
        )
    look = _Look(connection, tenant_id, mapping_ids, await _ByHand.of(connection, tenant_id, done))
    for chunk in _chunks(concerned, look.by_hand):
        await look.at(chunk)
    made = {one.permission_id for one in done if one.action == "permission.created"}
    return look.effect(len(concerned), without=made)


class _ByHand(msgspec.Struct, frozen=True):
    """Grants that the set's own rows have already opened and closed."""

    opened_ids: frozenset[UUID]
    opened: frozenset[IdPair]
    closed: frozenset[IdPair]

    @classmethod
    async def of(cls, connection: Connection, tenant_id: UUID, done: Sequence[Done]) -> "_ByHand":
        opened = frozenset([grant_id for one in done for grant_id in one.opened])
        closed = frozenset([grant_id for one in done for grant_id in one.closed])
        return cls(
            opened,
            frozenset(await rows.pairs_of(connection, tenant_id, opened)),
            frozenset(await rows.pairs_of(connection, tenant_id, closed)),
        )


Chunk = dict[UUID, list[UUID]]
"""Users with those of their identities that are concerned."""


def _chunks(concerned: Sequence[Concerned], by_hand: _ByHand) -> Iterator[Chunk]:
    """A user is in one chunk with all that concerns them, so that each chunk can be judged alone."""
    people: Chunk = {user_id: [] for user_id, _ in by_hand.opened | by_hand.closed}
    for user_id, found in groupby(concerned, key=lambda one: one.user_id):
        people[user_id] = [one.identity_id for one in found]
    users = sorted(people, key=lambda user_id: user_id.int)
    for begin in range(0, len(users), USERS):
        yield {user_id: people[user_id] for user_id in users[begin : begin + USERS]}


class _Look:
    """Looks at everybody concerned, chunk by chunk."""

    def __init__(self, connection: Connection, tenant_id: UUID, mapping_ids: Sequence[UUID], by_hand: _ByHand) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._mapping_ids = mapping_ids
        self.by_hand = by_hand
        self._names: dict[UUID, str] = {}
        self._gained: set[Pair] = set()
        self._lost: set[Pair] = set()
        self._gaining: set[UUID] = set()
        self._losing: set[UUID] = set()
        self._left_with_nothing: set[UUID] = set()
        self._digest = hashlib.sha256()

    async def at(self, chunk: Chunk) -> None:
        """Look at the people of a chunk, who come in the order of their ids."""
        identity_ids = [identity_id for found in chunk.values() for identity_id in found]
        decision = await grants.decide(self._connection, self._tenant_id, identity_ids, self._mapping_ids)
        opened = {(one.user_id, one.permission_id) for one in decision.openings}
        closing = {one.grant_id: (one.user_id, one.permission_id) for one in decision.closings}
        by_hand = {pair for pair in self.by_hand.opened | self.by_hand.closed if pair[0] in chunk}
        pairs = opened | by_hand | {*closing.values()}
        if not pairs:
            return
        before = self.by_hand.closed | await self._held_besides(pairs, self.by_hand.opened_ids)
        after = opened | await self._held_besides(pairs, closing)
        gained, lost = (pairs & after) - before, (pairs & before) - after
        losing = {user_id for user_id, _ in lost} - {user_id for user_id, _ in opened}
        if losing:
            self._left_with_nothing |= losing - await rows.holding_besides(
                self._connection, self._tenant_id, losing, closing
            )
        await self._note(gained, lost)

    async def _held_besides(self, pairs: set[IdPair], grant_ids: Collection[UUID]) -> set[IdPair]:
        return await grants.held_besides(self._connection, self._tenant_id, pairs, list(grant_ids))

    async def _note(self, *gained_and_lost: set[IdPair]) -> None:
        """By name: a permission that the set makes has a different id each time."""
        unknown = {permission_id for pairs in gained_and_lost for _, permission_id in pairs} - set(self._names)
        named = await permissions.by_ids(self._connection, self._tenant_id, unknown) if unknown else []
        self._names.update({one.id: one.name for one in named})
        noting = ((self._gained, self._gaining), (self._lost, self._losing))
        for pairs, (noted, users) in zip(gained_and_lost, noting, strict=True):
            found = [(user_id, self._names[permission_id]) for user_id, permission_id in pairs]
            noted.update(found)
            users.update([user_id for user_id, _ in found])
            self._digest.update(msgspec.json.encode(sorted([(str(user_id), name) for user_id, name in found])))
        self._ensure_within()

    def effect(self, concerned: int, *, without: Collection[UUID | None]) -> Effect:
        """Of everybody looked at, without the ids of these permissions."""
        return Effect(
            concerned,
            frozenset(self._gained),
            frozenset(self._lost),
            frozenset(self._gaining),
            frozenset(self._losing),
            frozenset(self._left_with_nothing),
            {name: row_id for row_id, name in self._names.items() if row_id not in without},
            self._digest.hexdigest(),
        )

    def _ensure_within(self) -> None:
        if len(self._gained) + len(self._lost) > MAX_PAIRS:
            raise LimitReached(
                f"The changes give or take more than {MAX_PAIRS:,} permissions in all. Make a set of fewer changes.",
                limit="max_preview_identities",
                value=MAX_PAIRS,
            )
