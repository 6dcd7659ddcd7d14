"""Long work takes turns, one slice in every second round of the event loop, and with a pause beside other tenants."""

import asyncio
import time
from collections.abc import Generator, Iterator
from itertools import pairwise
from uuid import uuid4

import pytest

from identity_api.fairness import time_slices
from identity_api.fairness.served import serving, work_for
from identity_api.fairness.time_slices import (
    FIRST_SLICE_SECONDS,
    PAUSE_SECONDS,
    ROUNDS,
    SLICE_SECONDS,
    first_slice_end,
    in_slices,
    let_others_first,
    own_turn,
    run_in_slices,
)

pytestmark = pytest.mark.asyncio


async def test_of_many_that_want_a_turn_one_goes_in_every_second_round() -> None:
    rounds, went = 0, list[int]()

    async def count() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    async def go() -> None:
        await own_turn()
        went.append(rounds)

    counting = asyncio.create_task(count())
    await asyncio.gather(*[go() for _ in range(5)])
    counting.cancel()
    assert [later - earlier for earlier, later in pairwise(went)] == [ROUNDS] * 4


async def test_what_begins_without_a_turn_has_less_time_beside_another_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 7.0)
    with serving():
        work_for(uuid4())
        alone = first_slice_end()
        with serving():
            work_for(uuid4())
            beside = first_slice_end()
    assert (alone, beside) == (7.0 + SLICE_SECONDS, 7.0 + FIRST_SLICE_SECONDS)


async def test_beside_another_tenant_there_is_a_pause_after_each_turn() -> None:
    answer = asyncio.Event()

    async def neighbour() -> None:
        with serving():
            work_for(uuid4())
            await answer.wait()

    with serving():
        work_for(uuid4())
        beside = asyncio.create_task(neighbour())
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        for _ in range(5):
            await own_turn()
        # The clock that timers go by may count whole milliseconds.
        assert asyncio.get_running_loop().time() - began > 3 * PAUSE_SECONDS
        answer.set()
        await beside


async def test_whoever_gives_up_waiting_keeps_nobody_from_their_turn() -> None:
    first, second, third = [asyncio.create_task(own_turn()) for _ in range(3)]
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, third)
    with pytest.raises(asyncio.CancelledError):
        await second
    await own_turn()


async def test_every_piece_is_handed_on_in_order() -> None:
    def pieces() -> Iterator[int]:
        yield from range(100)

    slices = [made async for made in in_slices(pieces(), seconds=0.0)]
    assert [piece for made in slices for piece in made] == list(range(100))
    assert len(slices) > 100


async def test_steps_are_run_to_their_end_and_what_they_return_is_handed_on() -> None:
    def steps() -> Generator[None, None, str]:
        for _ in range(100):
            yield
        return "all"

    assert await run_in_slices(steps()) == "all"


async def test_a_mistake_in_a_step_reaches_whoever_runs_them() -> None:
    def steps() -> Generator[None, None, str]:
        yield
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await run_in_slices(steps())


async def test_one_of_too_many_requests_waits_only_beside_another_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_slices, "REFUSED_SECONDS", 3_600)
    with serving():
        work_for(uuid4())
        await let_others_first()
        waiting = asyncio.create_task(let_others_first())
        with serving():
            work_for(uuid4())
            await asyncio.sleep(0)
            assert not waiting.done()
        waiting.cancel()
