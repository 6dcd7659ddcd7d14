"""Redis over TLS, whose handshake takes longer than a hit may wait, and a user with no more rights than are documented."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from identity_api import limits
from identity_api.cli.doctor.storage import examine_redis
from identity_api.limits import COOL_DOWN_SECONDS, Limiter, connect
from identity_api.queue import Queue, run_worker
from tests.docs.pages import text_of
from tests.ports import free_port
from tests.upstream.certificates import issue, server_context

HANDSHAKE_SECONDS = 1.0
_RULE = re.compile(r"^ACL SETUSER identity-api on >PASSWORD (.*)$", re.MULTILINE)


class Way:
    """Passes bytes on, and closes everything at the end."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def join(
        self,
        one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.writers += [one[1], other[1]]
        for source, sink in ((one[0], other[1]), (other[0], one[1])):
            self.tasks.add(asyncio.create_task(self._pump(source, sink)))

    async def to_socket(self, path: str, *browser: Any) -> None:
        await self.join((browser[0], browser[1]), await asyncio.open_unix_connection(path))

    async def late_to_port(self, port: int, *browser: Any) -> None:
        await asyncio.sleep(HANDSHAKE_SECONDS)
        await self.join((browser[0], browser[1]), await asyncio.open_connection("127.0.0.1", port))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def aclose(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def tls_url(redis_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The tests' Valkey behind TLS whose handshake takes its time."""
    authority = issue("authority")
    (tmp_path / "authority.pem").write_text(authority.pem)
    chain = issue("redis", by=authority, hosts=("localhost",)).save(tmp_path / "redis.pem")
    way = Way()
    inner = partial(way.to_socket, urlsplit(redis_url).path)
    ends = await asyncio.start_server(inner, "127.0.0.1", 0, ssl=server_context(chain))
    outer = partial(way.late_to_port, ends.sockets[0].getsockname()[1])
    front = await asyncio.start_server(outer, "127.0.0.1", 0)
    yield f"rediss://localhost:{front.sockets[0].getsockname()[1]}/0?ssl_ca_certs={quote(str(tmp_path / 'authority.pem'))}"
    front.close()
    ends.close()
    await way.aclose()


@pytest.mark.asyncio
async def test_a_handshake_that_takes_longer_than_a_hit_may_wait_is_made_all_the_same(
    tls_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [0.0]
    client = connect(tls_url)
    limiter = Limiter(client, monotonic=lambda: moment[0])
    name = f"test:{uuid4()}"
    began = asyncio.get_running_loop().time()
    monkeypatch.setattr(limits, "REDIS_DEADLINE_SECONDS", 0.05)
    assert (await limiter.hit(name, limit=2, window_seconds=3_600)).allowed
    assert asyncio.get_running_loop().time() - began < HANDSHAKE_SECONDS
    await limiter.settled()
    monkeypatch.setattr(limits, "REDIS_DEADLINE_SECONDS", 5.0)
    moment[0] += COOL_DOWN_SECONDS
    # The first hit has reached Redis meanwhile; this is its second, and another process sees both.
    assert (await limiter.hit(name, limit=2, window_seconds=3_600)).allowed
    assert not (await limiter.hit(name, limit=2, window_seconds=3_600)).allowed
    await client.aclose()


@pytest.mark.asyncio
async def test_a_job_whose_connection_takes_longer_than_anybody_waits_is_added_all_the_same(
    tls_url: str, redis_url: str
) -> None:
    queue, job = Queue(tls_url), f"test.{uuid4().hex}"
    began = asyncio.get_running_loop().time()
    assert not await queue.enqueue(job, job_id=job)
    assert asyncio.get_running_loop().time() - began < HANDSHAKE_SECONDS
    await queue.settled()
    async with Redis.from_url(redis_url) as admin:
        assert await admin.zscore("identity:queue", job) is not None
        await admin.zrem("identity:queue", job)
        await admin.delete(f"arq:job:{job}")
    await queue.aclose()


@pytest.mark.asyncio
async def test_doctor_waits_for_a_handshake(tls_url: str) -> None:
    [finding] = await examine_redis(tls_url)
    assert (finding.level, finding.message) == ("ok", "it answers.")


@pytest.mark.asyncio
async def test_doctor_says_why_there_is_no_connection(tls_url: str, redis_url: str, tmp_path: Path) -> None:
    another = tmp_path / "another.pem"
    another.write_text(issue("another authority").pem)
    address = tls_url.partition("?")[0]
    for url, said in (
        (f"{address}?ssl_ca_certs={quote(str(another))}", "its certificate is not accepted: "),
        (f"unix://nobody:wrong@{urlsplit(redis_url).path}", "it refuses user or password."),
        ("redis://redis.invalid:6379/0", "its host is not known by that name."),
        (f"redis://127.0.0.1:{free_port()}/0", "it does not answer (ConnectionError)."),
    ):
        [finding] = await examine_redis(url)
        assert finding.level == "fail"
        assert finding.message.startswith(said)
        assert finding.message.endswith(" Look at IDENTITY_REDIS_URL and at the server.")


@pytest_asyncio.fixture
async def restricted(redis_url: str) -> AsyncIterator[str]:
    """The same Valkey as a user with the documented rights, and nothing else."""
    found = _RULE.search(text_of("docs/deploy.md"))
    assert found is not None
    rights, name, password = found[1].split(), f"u{uuid4().hex}", uuid4().hex
    async with Redis.from_url(redis_url) as admin:
        await admin.execute_command("ACL", "SETUSER", name, "on", f">{password}", *rights)
        await admin.execute_command("ACL", "LOG", "RESET")
        path = urlsplit(redis_url).path
        yield f"unix://{name}:{password}@{path}"
        refused = [entry["object"] for entry in await admin.acl_log() if entry["username"] == name]
        await admin.execute_command("ACL", "DELUSER", name)
    assert refused == []


@pytest.mark.asyncio
async def test_the_documented_rights_are_enough_for_limits_and_queue(restricted: str) -> None:
    client = connect(restricted)
    limiter, name = Limiter(client), f"test:{uuid4()}"
    hits = [(await limiter.hit(name, limit=2, window_seconds=3_600)).allowed for _ in range(3)]
    assert hits == [True, True, False]
    [finding] = await examine_redis(restricted)
    assert finding.level == "ok"
    ran, stop = asyncio.Event(), asyncio.Event()

    async def body() -> None:
        ran.set()

    queue = Queue(restricted)
    job = f"test.{uuid4().hex}"
    working = asyncio.create_task(run_worker(restricted, {job: body}, stop=stop))
    async with asyncio.timeout(20):
        while not ran.is_set():
            await queue.enqueue(job, job_id=job)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await ran.wait()
    stop.set()
    await asyncio.wait_for(working, 40)
    await queue.aclose()
    await client.aclose()


@pytest.mark.asyncio
async def test_a_user_who_may_not_even_look_is_told_so(redis_url: str) -> None:
    name = f"u{uuid4().hex}"
    async with Redis.from_url(redis_url) as admin:
        await admin.execute_command("ACL", "SETUSER", name, "on", ">secret", "+ping", "+hello", "+select")
        [finding] = await examine_redis(f"unix://{name}:secret@{urlsplit(redis_url).path}")
        await admin.execute_command("ACL", "DELUSER", name)
    assert finding.level == "warn"
    assert "may not run INFO" in finding.message
