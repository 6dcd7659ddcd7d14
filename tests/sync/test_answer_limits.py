"""How many groups of one person count: the last number within the limit does, and one more is as good as not known."""

import pytest

from tests import factories as make
from tests.sync.world import World


@pytest.mark.asyncio
async def test_more_groups_than_the_operator_allows_change_nothing(world: World) -> None:
    alice = await world.sign_in("alice")
    before = await world.permissions(alice)
    narrow = world.with_database(make.limited(world.database, max_answer_groups=2))
    world.issuer.set_groups("alice", ["one", "two", "three"])
    await world.make_due(alice)
    await narrow.sync(alice)
    assert await world.state(alice) == ("STALE", "too_many")
    assert await world.permissions(alice) == before


@pytest.mark.asyncio
async def test_as_many_as_the_operator_allows_count(world: World) -> None:
    alice = await world.sign_in("alice")
    wide = world.with_database(make.limited(world.database, max_answer_groups=3))
    world.issuer.set_groups("alice", ["one", "two", "three"])
    await world.make_due(alice)
    assert (await wide.sync(alice)).outcomes == {"ok": 1}
    assert await world.state(alice) == ("FRESH", None)
    assert await world.permissions(alice) == set()
