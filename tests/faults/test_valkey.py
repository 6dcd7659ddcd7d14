"""Valkey is flushed, killed, full or evicting: it only wakes workers up, so nothing may depend on it."""

import asyncio
from collections.abc import Iterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from identity_api.embedded.valkey import Valkey
from identity_api.queue import Queue
from tests.faults.conftest import Install, Seen
from tests.faults.installation import Installation, socket_of
from tests.faults.processes import Worker
from tests.faults.proxy import Proxy
from tests.faults.waiting import Stopwatch, count, until
from tests.flows.browser import Browser

pytestmark = pytest.mark.asyncio

TOGETHER = 20


@pytest.fixture
def link(valkey: Valkey) -> Iterator[Proxy]:
    """The way to this test's Valkey, at an address that stays when another one takes its place."""
    with Proxy(socket_of(valkey.url)) as proxy:
        yield proxy


class Busy:
    """People who keep asking who they are, and syncs that keep falling due, while something happens to Valkey."""

    def __init__(self, installation: Installation, token: str) -> None:
        self._installation = installation
        self._token = token
        self.answers: list[int] = []
        self.rounds = 0
        self.slowest = 0.0
        self._stop = asyncio.Event()

    async def __aenter__(self) -> "Busy":
        self._tasks = [asyncio.create_task(self._ask()), asyncio.create_task(self._sync())]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def more(self, rounds: int) -> None:
        """Wait until everybody has been synced so many times more, and somebody has been answered."""
        for _ in range(rounds):
            await self._once_more()

    async def _once_more(self) -> None:
        answered, wanted = len(self.answers), self.rounds + 1
        await until(lambda: self.rounds >= wanted and len(self.answers) > answered)

    async def _ask(self) -> None:
        while not self._stop.is_set():
            self.answers.append((await self._installation.me(self._token))[0])

    async def _sync(self) -> None:
        while not self._stop.is_set():
            watch = Stopwatch()
            await self._installation.make_due()
            await self._installation.synced()
            self.slowest = max(self.slowest, watch.seconds)
            self.rounds += 1

    def told(self) -> str:
        assert set(self.answers) == {200}, set(self.answers)
        return (
            f"{len(self.answers)} requests, all answered; {self.rounds * TOGETHER} syncs, the slowest {self.slowest:.1f} s "
            "after it fell due."
        )


async def busy_installation(install: Install, link: Proxy) -> tuple[Installation, Worker, Busy]:
    installation = await install(redis_url=f"redis://127.0.0.1:{link.port}/0")
    await installation.api()
    worker = installation.worker()
    await worker.started()
    people = await installation.sign_in(TOGETHER)
    return installation, worker, Busy(installation, await installation.open_session(people[0]))


def signs_in(installation: Installation) -> bool:
    """Whether somebody new gets to their account page."""
    installation.issuer.add_person("newcomer", ["engineering"])
    with Browser() as browser:
        browser.leave_for_provider(f"{installation.url_of_api}/login")
        return browser.press("Newcomer").url == f"{installation.url_of_api}/account"


@pytest.mark.faults(9)
async def test_a_flushed_valkey_misses_no_sync_and_ends_no_session(
    install: Install, valkey: Valkey, link: Proxy, seen: Seen
) -> None:
    installation, worker, busy = await busy_installation(install, link)
    flushes = 0
    async with busy, Redis.from_url(valkey.url) as redis:
        for _ in range(count(5, 100)):
            await redis.flushall()
            flushes += 1
            await busy.more(1)
    await installation.require_fresh()
    assert await installation.ended_sessions() == 0
    assert worker.is_running
    seen(f"{flushes} times flushed: {busy.told()}")


@pytest.mark.faults(10)
async def test_without_valkey_workers_go_on_and_its_successor_is_used(
    install: Install, valkey: Valkey, link: Proxy, seen: Seen
) -> None:
    installation, worker, busy = await busy_installation(install, link)
    async with busy:
        await busy.more(1)
        valkey.process.kill()
        link.refuse()
        await busy.more(count(3, 60))
        assert await asyncio.to_thread(signs_in, installation)
        valkey.stop()
        valkey.start()
        link.target = socket_of(valkey.url)
        link.accept()
        await busy.more(1)
    assert worker.is_running
    # The queue is there again: a job that is put into it is run.
    queue = Queue(f"redis://127.0.0.1:{link.port}/0")
    await until(lambda: queue.enqueue("clean_up"))
    await queue.aclose()
    async with Redis.from_url(valkey.url) as redis:
        await until(lambda: _is_empty(redis))
    await installation.require_fresh()
    assert await installation.ended_sessions() == 0
    seen(
        f"Killed, and replaced later: {busy.told()} A sign-in in between worked; the worker stayed, and its queue came back."
    )


@pytest.mark.faults(11)
@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru"])
async def test_a_full_valkey_is_as_good_as_none(
    install: Install, valkey: Valkey, link: Proxy, policy: str, seen: Seen
) -> None:
    installation, worker, busy = await busy_installation(install, link)
    async with busy, Redis.from_url(valkey.url) as redis:
        await redis.config_set("maxmemory-policy", policy)
        await redis.config_set("maxmemory", "1mb")
        if policy == "noeviction":
            with pytest.raises(OutOfMemoryError):
                await asyncio.gather(*[redis.set(f"ballast-{number}", b"x" * 1_000) for number in range(2_000)])
        await busy.more(count(3, 60))
        assert await asyncio.to_thread(signs_in, installation)
        doctor = installation.program("doctor")
        await asyncio.to_thread(doctor.process.wait, 60)
    assert (f"it evicts keys ({policy})" in doctor.said) == (policy != "noeviction"), doctor.said
    await installation.require_fresh()
    assert await installation.ended_sessions() == 0
    named = " doctor names the policy." if policy != "noeviction" else ""
    assert worker.is_running
    seen(f"{busy.told()} A sign-in worked.{named}")


async def _is_empty(redis: "Redis") -> bool:
    return not await redis.zcard("identity:queue")
