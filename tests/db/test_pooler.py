"""Behind a real PgBouncer in transaction mode, which lends a server connection for one transaction only."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import pytest_asyncio

from identity_api.db import locks, sync_health
from identity_api.db.database import Database
from identity_api.embedded.services import Services
from identity_api.errors import Unavailable
from identity_api.ids import uuid7
from tests.deploy.servers import running
from tests.embedded.places import new_place
from tests.ports import free_port
from tests.programs import program

SERVERS = 2
"""Connections to PostgreSQL, for all that connect to PgBouncer."""


@pytest.fixture
def pooler(services: Services, database_url: str) -> Iterator[str]:
    """PgBouncer in front of the tests' PostgreSQL; the URL of the tests' database through it."""
    binary = program("pgbouncer")
    behind = urlsplit(database_url)
    place = new_place()
    port, name = free_port(), behind.path.strip("/")
    [host] = parse_qs(behind.query)["host"]
    user = behind.username or "postgres"
    (place / "pgbouncer.ini").write_text(
        f"[databases]\n{name} = host={host} user={user}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = {SERVERS}\nmax_client_conn = 100\n"
    )
    command = [binary, *(["-u", "nobody"] if os.geteuid() == 0 else []), str(place / "pgbouncer.ini")]
    try:
        with running(command, port, place):
            yield f"postgresql://{user}@127.0.0.1:{port}/{name}"
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.asynccontextmanager
async def opened(url: str, **options: str) -> AsyncIterator[Database]:
    database = Database(url, pool_size=8, **options)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest_asyncio.fixture
async def lent(pooler: str) -> AsyncIterator[Database]:
    async with opened(pooler, pooling="transaction") as database:
        yield database


@pytest.mark.asyncio
async def test_as_if_there_were_no_pooler_the_start_is_refused(pooler: str) -> None:
    """What the setting is for."""
    with pytest.raises(Unavailable):
        async with opened(pooler):
            pass


@pytest.mark.asyncio
async def test_more_readers_than_server_connections_are_all_answered(lent: Database, pooler: str) -> None:
    async def read(number: int) -> int:
        async with lent.reading() as connection:
            found: int = await connection.fetchval("select $1::int + (select count(*) from tenant where false)", number)
            await connection.fetchval("select pg_sleep($1)", 0.01)
            return found

    for _ in range(5):
        assert await asyncio.gather(*map(read, range(8))) == list(range(8))
    async with lent.reading() as connection:
        assert isinstance(await sync_health.providers(connection), list)


@pytest.mark.asyncio
async def test_no_statement_and_no_lock_outlives_its_transaction(lent: Database) -> None:
    tenant = uuid7()
    async with lent.transaction() as connection:
        await locks.edit_mappings(connection, tenant)
    for _ in range(2 * SERVERS):
        async with lent.reading() as connection:
            assert await connection.fetchval("select count(*) from pg_prepared_statements where name <> ''") == 0
            held = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
            assert await connection.fetchval(held) == 0
            assert await connection.fetchval("show plan_cache_mode") == "auto"


@pytest.mark.asyncio
async def test_what_fails_is_rolled_back_and_the_connection_goes_on(lent: Database) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with lent.transaction() as connection:
            await connection.fetchval("select 1 / 0")
    async with lent.transaction() as connection:
        assert await connection.fetchval("select 1") == 1
