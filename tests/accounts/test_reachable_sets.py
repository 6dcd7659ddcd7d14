"""The world in memory that shows who may become whom is the real one: the same histories, accepted and refused alike."""

from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio

from identity_api.upstream.addresses import AllowList
from identity_api.upstream.exchange import Upstream
from tests.accounts.local_world import LocalWorld, make_local_world
from tests.accounts.rule_replay import Replay
from tests.permissions.histories import next_step, starting_world
from tests.permissions.play import play
from tests.permissions.test_reachable_sets import LENGTH, first_seed
from tests.providers.office import make_deps

pytestmark = pytest.mark.asyncio
HISTORIES, PARTS = 240, 8


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    carrying = Upstream(allow=AllowList.parse([]))
    yield carrying
    await carrying.aclose()


@pytest.mark.parametrize("part", range(PARTS))
async def test_the_use_cases_accept_and_refuse_what_the_world_in_memory_does(
    local_world: LocalWorld, upstream: Upstream, part: int
) -> None:
    size = HISTORIES // PARTS
    start = first_seed() + part * size
    for seed in range(start, start + size):
        await replay(await make_local_world(local_world.database), upstream, seed * 37)


async def replay(local_world: LocalWorld, upstream: Upstream, seed: int) -> None:
    """Play one history in both; after each step both say the same, and everybody holds the same."""
    real = Replay(local_world, make_deps(local_world.database, upstream, AllowList.parse([])))
    random, world = Random(seed ^ 0x5EED), starting_world(seed)
    await real.begin(world)
    history = []
    for _ in range(LENGTH):
        step = next_step(random, world)
        outcome, after = play(world, step)
        if outcome == "SUBJECT_CHANGED" or not step[2]:
            continue  # what becomes of the identity is not this rule's
        history.append((step, outcome))
        told = await real.do(step, world)
        # What is impossible and forbidden besides may be told as either: which is looked at first decides nothing.
        alike = told == outcome or (told != "OK" and outcome != "OK" and "IMPOSSIBLE" in (told, outcome))
        assert alike, f"seed {seed}: {told} after {history}"
        real.learn(after)
        assert await real.differs(after) == {}, f"seed {seed}: after {history}"
        world = after
