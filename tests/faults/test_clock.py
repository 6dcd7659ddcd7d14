"""A worker whose clock steps while it runs."""

from pathlib import Path

import pytest

from tests.faults.clocks import SteppedClock, needs_faketime
from tests.faults.conftest import Install, Seen
from tests.faults.waiting import Stopwatch, count, until

pytestmark = pytest.mark.asyncio

TOGETHER = 10
STEP_SECONDS = 600


@needs_faketime
@pytest.mark.faults(28)
async def test_a_clock_that_steps_makes_syncs_fail_visibly_and_costs_nobody_anything(
    install: Install, tmp_path: Path, seen: Seen
) -> None:
    installation = await install()
    clock = SteppedClock(tmp_path)
    worker = installation.program("worker", **clock.environment)
    await worker.says("worker.started")
    await installation.sign_in(TOGETHER)
    await installation.synced()
    leases = await installation.rows("select groups_valid_until from identity_sync order by id")
    told, rounds = [], count(1, 10)
    for one in range(rounds):
        for seconds in (STEP_SECONDS, -STEP_SECONDS):
            clock.step_to(seconds)
            watch = Stopwatch()
            await installation.make_due()

            async def failed() -> bool:
                return {state for state, _ in await installation.standings()} == {"STALE"}

            await until(failed)
            if one == 0:
                reasons = {str(reason) for _, reason in await installation.standings()}
                told.append(f"{seconds:+d} s: {', '.join(sorted(reasons))} after {watch.seconds:.1f} s")
            assert await installation.lost_permissions() == []
            assert await installation.ended_sessions() == 0
            cut = await installation.rows("select groups_valid_until from identity_sync order by id")
            assert all(
                now["groups_valid_until"] >= then["groups_valid_until"] for now, then in zip(cut, leases, strict=True)
            )
            clock.step_to(0)
            await installation.make_due()
            await installation.synced()
            await installation.require_fresh()
    presented = installation.presented()
    assert len(presented) == len(set(presented))
    seen(
        f"{2 * rounds} steps with {TOGETHER} people: everybody stale ({'; '.join(told)}), 0 revoked, all fresh with the "
        "right time."
    )
