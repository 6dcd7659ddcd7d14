"""Declarations drawn at random, interrupted and repeated: who holds something before and after holds it all along."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest

from identity_api.claims import MatchKind
from identity_api.config import TenantLimits
from identity_api.db import mappings
from identity_api.db.database import Connection
from identity_api.group_mappings import declare as module
from identity_api.group_mappings.apply import apply_changes
from identity_api.group_mappings.declare import DeclaredMapping, declare
from tests.group_mappings.conftest import World
from tests.group_mappings.test_declare import Watching, in_two_groups

ROUNDS = 12
GROUPS = ("staff", "team", "st*", "*", "nobody")
PERMISSIONS = ("docs:read", "docs:write", "vault:open")


class Interrupted(Exception):
    pass


class Breaking(Watching):
    """Breaks before a commit, after so many."""

    left: int | None = None

    @asynccontextmanager
    async def transaction(self, *, is_trial: bool = False) -> AsyncIterator[Connection]:
        async with super().transaction(is_trial=is_trial) as connection:
            yield connection
            if self.left is not None and not is_trial:
                if not self.left:
                    raise Interrupted
                self.left -= 1


def drawn(random: Random) -> list[DeclaredMapping]:
    return [
        DeclaredMapping(
            None,
            group,
            MatchKind.GLOB if "*" in group else MatchKind.EXACT,
            tuple(random.sample(PERMISSIONS, random.choice([1, 1, 2, 3]))),
            random.random() < 0.8,
        )
        for group in random.sample(GROUPS, random.choice([0, 1, 2, 3, 4]))
    ]


def given(declared: Sequence[DeclaredMapping]) -> frozenset[str]:
    """What somebody in both groups holds."""
    return frozenset(name for one in declared if one.enabled and one.group != "nobody" for name in one.permissions)


async def stored(world: World) -> set[tuple[object, ...]]:
    async with world.database.reading() as connection:
        rows = await mappings.page(connection, world.tenant, after=None, first=100)
    return {(one.pattern, one.match, one.enabled, frozenset(one.permissions), one.managed_by) for one in rows}


@pytest.mark.asyncio
async def test_what_somebody_holds_before_and_after_they_hold_all_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id, _ = await in_two_groups(world)
    breaking = Breaking(world.database, world.tenant, user_id)
    random, before = Random(1), list[DeclaredMapping]()
    for number in range(ROUNDS):
        after = drawn(random)
        monkeypatch.setattr(module, "TOGETHER", random.choice([1, 2, 25]))
        has_room = random.random() < 0.7
        breaking.limits = TenantLimits() if has_room else TenantLimits(max_mappings=max(len(before), len(after), 1))
        shown = await declare(breaking, world.operator, after, prune=True, dry_run=True)
        breaking.seen.clear()
        breaking.left = random.choice([None, 0, 1, 2])
        try:
            await declare(breaking, world.operator, after, prune=True)
        except Interrupted:
            breaking.left = None
            await declare(breaking, world.operator, after, prune=True)
        assert await stored(world) == {
            (one.group, one.match.value, one.enabled, frozenset(one.permissions), "FILE") for one in after
        }
        lasting = given(before) & given(after)
        if has_room:
            assert all(lasting <= seen for seen in breaking.seen), (number, before, after)
        assert all(seen <= given(before) | given(after) for seen in breaking.seen)
        await apply_changes(world.database)
        assert await world.effective(user_id) == given(after)
        assert {one.group for one in shown if "lose" in str(one.details)} or not given(before) - given(after)
        assert await declare(breaking, world.operator, after, prune=True) == []
        before = after
