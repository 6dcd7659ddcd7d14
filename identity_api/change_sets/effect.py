"""The effect of a set on people: who gains and who loses a permission, not merely a reason for one."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from identity_api.change_sets.steps import Done
from identity_api.config import TenantLimits
from identity_api.db import change_sets as rows
from identity_api.db import permissions
from identity_api.db.database import Connection, plan_each_time
from identity_api.errors import LimitReached
from identity_api.group_mappings.impact import compare
from identity_api.group_mappings.unwritten import Unwritten

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


async def effect_of(
    connection: Connection, limits: TenantLimits, tenant_id: UUID, done: Sequence[Done], unwritten: Unwritten
) -> Effect:
    """Run the deciding query for everybody concerned; nothing is written.

    Raises:
        LimitReached: the set concerns more identities than are looked at in a request, or changes more than is shown.
    """
    await plan_each_time(connection)  # a set may concern everybody
    mapping_ids = mapping_ids_of(done)
    most = limits.max_preview_identities
    found = await rows.concerned(connection, tenant_id, mapping_ids, limit=most + 1)
    concerned = {(one.user_id, one.identity_id) for one in found} | unwritten.given(mapping_ids)
    if len(concerned) > most:
        raise LimitReached(
            f"The changes concern more than {most:,} identities, the most that a preview looks at"
            " (IDENTITY_MAX_PREVIEW_IDENTITIES). Make a set of fewer changes.",
            limit="max_preview_identities",
            value=most,
        )
    by_hand = await _ByHand.of(connection, tenant_id, done)
    users = {user_id for user_id, _ in concerned} | by_hand.users
    in_order = sorted(users, key=lambda user_id: user_id.int)
    look = _Look(connection, tenant_id, mapping_ids, unwritten, by_hand)
    for begin in range(0, len(in_order), USERS):
        await look.at(in_order[begin : begin + USERS])
    made = {one.permission_id for one in done if one.action == "permission.created"}
    return look.effect(len(concerned), without=made)


class _ByHand(msgspec.Struct, frozen=True):
    """Grants, by id, that the set's own rows have already opened and closed, but for those it has done both to."""

    opened: Mapping[UUID, IdPair]
    closed: Mapping[UUID, IdPair]

    @classmethod
    async def of(cls, connection: Connection, tenant_id: UUID, done: Sequence[Done]) -> "_ByHand":
        opened = {grant_id for one in done for grant_id in one.opened}
        closed = {grant_id for one in done for grant_id in one.closed}
        return cls(
            await rows.pairs_of(connection, tenant_id, opened - closed),
            await rows.pairs_of(connection, tenant_id, closed - opened),
        )

    @property
    def users(self) -> set[UUID]:
        return {user_id for user_id, _ in (*self.opened.values(), *self.closed.values())}

    def among(self, user_ids: Collection[UUID]) -> "_ByHand":
        """Those of these users."""
        wanted = set(user_ids)
        return _ByHand(
            *[
                {grant_id: pair for grant_id, pair in some.items() if pair[0] in wanted}
                for some in (self.opened, self.closed)
            ]
        )


class _Look:
    """Looks at everybody concerned, chunk by chunk."""

    def __init__(
        self,
        connection: Connection,
        tenant_id: UUID,
        mapping_ids: Sequence[UUID],
        unwritten: Unwritten,
        by_hand: _ByHand,
    ) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._mapping_ids = mapping_ids
        self._unwritten = unwritten
        self._by_hand = by_hand
        self._names: dict[UUID, str] = {}
        self._gained: set[Pair] = set()
        self._lost: set[Pair] = set()
        self._gaining: set[UUID] = set()
        self._losing: set[UUID] = set()
        self._left_with_nothing: set[UUID] = set()
        self._digest = hashlib.sha256()

    async def at(self, user_ids: Sequence[UUID]) -> None:
        """Look at these people, who come in the order of their ids."""
        by_hand = self._by_hand.among(user_ids)
        found = await compare(
            self._connection,
            self._tenant_id,
            self._mapping_ids,
            self._unwritten,
            user_ids=user_ids,
            opened=by_hand.opened,
            closed=by_hand.closed,
        )
        gained, lost = ({pair for _, pair in reasons} for reasons in (found.gained, found.lost))
        losing = {user_id for user_id, _ in lost} - found.given
        if losing:
            self._left_with_nothing |= losing - await rows.holding_besides(
                self._connection, self._tenant_id, losing, found.closing
            )
        await self._note(gained, lost)

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
