"""Tickers repeat, wake up, survive, and stop in order."""

import asyncio

import pytest

from identity_api.errors import Unavailable
from identity_api.jobs.tickers import Ticker

LONG = 3_600.0


class Body:
    """Counts its runs; raises what it is told to, one run each."""

    def __init__(self, *raises: Exception) -> None:
        self.runs = 0
        self.ran = asyncio.Semaphore(0)
        self._raises = list(raises)

    async def __call__(self) -> None:
        self.runs += 1
        self.ran.release()
        if self._raises:
            raise self._raises.pop(0)


@pytest.mark.asyncio
async def test_a_ticker_repeats_its_body_until_it_is_stopped() -> None:
    body, stop = Body(), asyncio.Event()
    running = asyncio.create_task(Ticker("sync_sweep", 0.0, body).run(stop))
    for _ in range(3):
        await asyncio.wait_for(body.ran.acquire(), 60)
    stop.set()
    await asyncio.wait_for(running, 60)


@pytest.mark.asyncio
async def test_a_woken_ticker_does_not_wait_for_its_time() -> None:
    body, stop = Body(), asyncio.Event()
    ticker = Ticker("sync_sweep", LONG, body)
    running = asyncio.create_task(ticker.run(stop))
    await asyncio.wait_for(body.ran.acquire(), 60)
    ticker.wake()
    await asyncio.wait_for(body.ran.acquire(), 60)
    stop.set()
    await asyncio.wait_for(running, 60)
    assert body.runs == 2


@pytest.mark.asyncio
async def test_a_ticker_woken_while_it_runs_runs_once_more() -> None:
    held, stop = asyncio.Event(), asyncio.Event()
    runs = asyncio.Semaphore(0)

    async def body() -> None:
        runs.release()
        await held.wait()

    ticker = Ticker("sync_sweep", LONG, body)
    running = asyncio.create_task(ticker.run(stop))
    await asyncio.wait_for(runs.acquire(), 60)
    ticker.wake()
    held.set()
    await asyncio.wait_for(runs.acquire(), 60)
    stop.set()
    await asyncio.wait_for(running, 60)


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [Unavailable("down"), ValueError("a mistake of ours")], ids=["down", "mistake"])
async def test_nothing_that_a_body_raises_ends_a_ticker(error: Exception) -> None:
    body, stop = Body(error), asyncio.Event()
    ticker = Ticker("sync_sweep", 0.0, body)
    running = asyncio.create_task(ticker.run(stop))
    await asyncio.wait_for(body.ran.acquire(), 60)
    await asyncio.wait_for(body.ran.acquire(), 60)
    stop.set()
    await asyncio.wait_for(running, 60)


@pytest.mark.asyncio
async def test_a_stopped_ticker_lets_its_body_finish() -> None:
    held, begun, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    finished = False

    async def body() -> None:
        nonlocal finished
        begun.set()
        await held.wait()
        finished = True

    running = asyncio.create_task(Ticker("sync_sweep", LONG, body).run(stop))
    await asyncio.wait_for(begun.wait(), 60)
    stop.set()
    held.set()
    await asyncio.wait_for(running, 60)
    assert finished
