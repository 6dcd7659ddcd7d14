"""A tenant that has used its part does one thing at a time, while others want something."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest

from identity_api.fairness import gate
from identity_api.fairness.gate import FairGate
from identity_api.fairness.served import serving, work_for

pytestmark = pytest.mark.asyncio


@contextmanager
def request_of(tenant: UUID) -> Iterator[None]:
    with serving():
        work_for(tenant)
        yield


class Work:
    """Requests of tenants at one gate, which last until they are let go."""

    def __init__(self) -> None:
        self.gate = FairGate()
        self.inside = 0
        self._answers: list[asyncio.Event] = []

    async def begin(self, tenant: UUID) -> asyncio.Task[None]:
        """A request that has gone as far as it may."""
        answer = asyncio.Event()
        self._answers.append(answer)

        async def request() -> None:
            with request_of(tenant):
                async with self.gate.passing():
                    self.inside += 1
                    await answer.wait()
                    self.inside -= 1

        task = asyncio.create_task(request())
        for _ in range(3):
            await asyncio.sleep(0)
        return task

    def answer(self, number: int) -> None:
        self._answers[number].set()

    def use_up(self, tenant: UUID) -> None:
        """The tenant has used all of the last tenth of a second."""
        self.gate._tenant(tenant).use(gate.WINDOW_SECONDS)


async def test_a_tenant_that_used_its_part_does_one_thing_at_a_time_beside_another() -> None:
    work, greedy = Work(), uuid4()
    work.use_up(greedy)
    with request_of(uuid4()):
        first, second = await work.begin(greedy), await work.begin(greedy)
        assert work.inside == 1
        work.answer(0)
        await first
        work.use_up(greedy)
        for _ in range(5):
            await asyncio.sleep(0)
        assert work.inside == 1
        work.answer(1)
        await second


async def test_whoever_used_little_is_let_in_beside_it() -> None:
    work, greedy, modest = Work(), uuid4(), uuid4()
    work.use_up(greedy)
    begun = [await work.begin(greedy), await work.begin(modest), await work.begin(modest)]
    assert work.inside == 3
    for number in range(3):
        work.answer(number)
    await asyncio.gather(*begun)


async def test_a_tenant_that_is_alone_does_not_wait() -> None:
    work, greedy = Work(), uuid4()
    work.use_up(greedy)
    begun = [await work.begin(greedy), await work.begin(greedy)]
    assert work.inside == 2
    for number in range(2):
        work.answer(number)
    await asyncio.gather(*begun)


async def test_behind_a_request_that_takes_long_nobody_waits_for_its_end() -> None:
    """It may wait for a provider: then nothing is used, and in a moment the next is let in."""
    work, greedy = Work(), uuid4()
    work.use_up(greedy)
    with request_of(uuid4()):
        first, second = await work.begin(greedy), await work.begin(greedy)
        assert work.inside == 1
        work.answer(1)
        await second
        assert work.inside == 1
        work.answer(0)
        await first


async def test_whoever_gives_up_keeps_nobody_out() -> None:
    work, greedy = Work(), uuid4()
    work.use_up(greedy)
    with request_of(uuid4()):
        begun = [await work.begin(greedy) for _ in range(3)]
        begun[1].cancel()
        work.answer(0)
        work.answer(2)
        await begun[0]
        await begun[2]
    assert work.inside == 0
