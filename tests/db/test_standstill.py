"""A server that takes no connection, or stands still while one begins."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from identity_api.db import database as module
from identity_api.errors import Overloaded, Unavailable
from tests.db.test_in_hand import opened


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACQUIRE_TIMEOUT_SECONDS", 0.2)


class Relay:
    """A TCP address in front of the server's socket; while `stalls`, new connections get no answer.

    With `stalls_at`, everything stalls from the first message that has these bytes.
    """

    def __init__(self, path: str) -> None:
        self.path, self.stalls, self.writers = path, False, list[asyncio.StreamWriter]()
        self.stalls_at: bytes | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        if self.stalls:
            return
        theirs, ours = await asyncio.open_unix_connection(self.path)
        self.writers.append(ours)
        await asyncio.gather(self.copy(reader, ours), self.copy(theirs, writer))

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while content := await reader.read(65_536):
                if self.stalls_at is not None and self.stalls_at in content:
                    self.stalls = True
                if not (self.stalls and self.stalls_at):
                    writer.write(content)
        writer.close()


@pytest_asyncio.fixture
async def relay(database_url: str) -> AsyncIterator[tuple[Relay, str]]:
    parts = urlsplit(database_url)
    [folder] = parse_qs(parts.query)["host"]
    found = Relay(f"{folder}/.s.PGSQL.5432")
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield found, f"postgresql://app@127.0.0.1:{port}{parts.path}?sslmode=disable"
    server.close()
    for writer in found.writers:
        writer.close()
    await server.wait_closed()


@pytest.mark.asyncio
async def test_a_server_that_takes_no_connection_does_not_answer(relay: tuple[Relay, str], impatient: None) -> None:
    stalling, url = relay
    async with opened(url, pool_size=2) as pool, pool.reading():
        stalling.stalls = True
        with pytest.raises(Unavailable) as caught:
            async with pool.reading():
                pass
        assert caught.value.code == "DATABASE_UNAVAILABLE"


@pytest.mark.asyncio
async def test_a_server_that_stands_still_as_a_connection_begins_keeps_nobody_waiting(
    relay: tuple[Relay, str], impatient: None
) -> None:
    """Not for the rest of the first statement, and not for its cancellation."""
    stalling, url = relay
    async with opened(url, pool_size=2) as pool, pool.reading():
        stalling.stalls_at = b"plan_cache_mode"
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable):
                async with pool.reading():
                    pass
        assert stalling.stalls
        stalling.stalls, stalling.stalls_at = False, None
        async with pool.reading() as connection:
            assert await connection.fetchval("select 7") == 7


@pytest.mark.asyncio
async def test_a_process_that_had_no_time_for_its_own_deadline_does_not_blame_the_database(
    relay: tuple[Relay, str], impatient: None
) -> None:
    """The same, on a machine that is busy with something else."""
    stalling, url = relay
    async with opened(url, pool_size=2) as pool, pool.reading():
        stalling.stalls = True
        asyncio.get_running_loop().call_later(0.1, time.sleep, 0.2 + module.LATE_SECONDS)
        with pytest.raises(Overloaded):
            async with pool.reading():
                pass
