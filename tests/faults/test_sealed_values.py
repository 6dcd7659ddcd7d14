"""A value is sealed under a key that the ring lacks."""

import asyncio

import pytest

from tests.faults.conftest import Install, Seen
from tests.faults.waiting import until

pytestmark = pytest.mark.asyncio

TOGETHER = 10


@pytest.mark.faults(33)
async def test_a_missing_key_concerns_the_one_whose_value_needs_it_and_refuses_the_next_start(
    install: Install, seen: Seen
) -> None:
    installation = await install()
    await installation.worker().started()
    people = await installation.sign_in(TOGETHER)
    await installation.synced()
    await installation.world.seal_under_a_lost_key(people[0])
    await installation.make_due()
    await installation.synced(people[1:])

    async def is_missed() -> bool:
        return await installation.standings(people[:1]) == {("STALE", "key_missing")}

    await until(is_missed)
    await installation.require_fresh(people[1:])
    assert await installation.lost_permissions() == []
    assert await installation.ended_sessions() == 0
    for name in ("worker", "serve"):
        refused = installation.program(name)
        assert await asyncio.to_thread(refused.process.wait, 60) == 78
        assert "no key lost" in refused.said
    seen(
        f"1 person stale as key_missing with their permissions, {TOGETHER - 1} synced; two starts refused, naming the key."
    )
