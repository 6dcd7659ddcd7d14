"""Connections that stay in hand between two uses: which are handed out again, and which the pool gets back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from identity_api.db import database, in_hand
from identity_api.db.database import Database


@contextlib.asynccontextmanager
async def opened(url: str, *, pool_size: int) -> AsyncIterator[Database]:
    database = Database(url, pool_size=pool_size)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url, pool_size=3) as database:
        yield database


async def backend(pool: Database) -> int:
    """The server's process behind the connection that is handed out now."""
    async with pool.reading() as connection:
        return int(await connection.fetchval("select pg_backend_pid()"))


def free(pool: Database) -> int:
    assert pool._in_hand is not None
    return pool._in_hand.free


@pytest.mark.asyncio
async def test_a_connection_that_was_used_without_a_fault_is_handed_out_again(pool: Database) -> None:
    first = await backend(pool)
    assert free(pool) == 1
    assert [await backend(pool) for _ in range(3)] == [first] * 3
    async with pool.transaction() as connection:
        assert await connection.fetchval("select pg_backend_pid()") == first
        assert free(pool) == 0


@pytest.mark.asyncio
async def test_one_that_the_server_ended_meanwhile_is_not_handed_out(pool: Database) -> None:
    over = asyncio.Event()
    async with pool.reading() as other:
        async with pool.reading() as one:
            ended = await one.fetchval("select pg_backend_pid()")
            one.add_termination_listener(lambda _: over.set())
        assert free(pool) == 1
        await other.execute("select pg_terminate_backend($1, 5000)", ended)
        await over.wait()
        assert await backend(pool) != ended
    assert await backend(pool) != ended
    assert await backend(pool) != ended


@pytest.mark.asyncio
async def test_the_connection_of_a_request_that_was_cancelled_goes_to_the_pool(pool: Database) -> None:
    """In the middle of a statement: the next one waits for no rest of it, and reads nothing of its answer."""
    begun = asyncio.Event()

    async def slow() -> None:
        async with pool.reading() as connection:
            begun.set()
            await connection.fetchval("select 5 from pg_sleep(20)")

    request = asyncio.create_task(slow())
    await begun.wait()
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert free(pool) == 0
    async with asyncio.timeout(10), pool.reading() as connection:
        assert await connection.fetchval("select 7") == 7


@pytest.mark.asyncio
async def test_a_connection_that_a_statement_failed_on_goes_to_the_pool(pool: Database) -> None:
    with pytest.raises(Exception, match="division by zero"):
        async with pool.reading() as connection:
            await connection.fetchval("select 1 / 0")
    assert free(pool) == 0
    await backend(pool)
    assert free(pool) == 1


@pytest.mark.asyncio
async def test_an_open_transaction_is_nobody_elses(pool: Database) -> None:
    async with pool.reading() as connection:
        await connection.execute("begin")
    assert free(pool) == 0
    async with pool.reading() as connection:
        assert not connection.is_in_transaction()


@pytest.mark.asyncio
async def test_after_a_failover_every_connection_is_made_anew(pool: Database) -> None:
    before = await backend(pool)
    async with pool.reading() as in_use:
        in_use_before = await in_use.fetchval("select pg_backend_pid()")
        await pool.reconnect()
    assert free(pool) == 0
    assert {await backend(pool), await backend(pool)}.isdisjoint({before, in_use_before})


@pytest.mark.asyncio
async def test_whoever_waits_gets_the_connection_that_is_given_back(database_url: str) -> None:
    async with opened(database_url, pool_size=1) as pool:
        async with asyncio.timeout(20):
            backends = await asyncio.gather(*[backend(pool) for _ in range(20)])
        assert len(set(backends)) == 1
        assert not pool.is_exhausted


@pytest.mark.asyncio
async def test_what_nobody_uses_goes_back_to_the_pool(pool: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pool.reading(), pool.reading():
        pass
    held = pool._in_hand
    assert held is not None
    assert held.free == 2
    held.let_go_of_unused()
    assert held.free == 2
    monkeypatch.setattr(in_hand, "IDLE_SECONDS", 0.0)
    held.let_go_of_unused()
    await asyncio.wait(held._releasing)
    assert held.free == 0
    assert pool._pool is not None
    assert pool._pool.get_idle_size() == 2


@pytest.mark.asyncio
async def test_the_pool_sees_a_connection_again_after_some_seconds(
    pool: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [100.0]
    assert pool._in_hand is not None
    monkeypatch.setattr(pool._in_hand, "_monotonic", lambda: moment[0])
    held = []
    for _ in range(4):
        await backend(pool)
        held.append(free(pool))
        moment[0] += in_hand.KEPT_SECONDS / 2
    assert held == [1, 1, 0, 1]


@pytest.mark.asyncio
async def test_a_plan_made_when_a_table_was_empty_is_not_kept(pool: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until autovacuum comes, PostgreSQL would go on looking through the whole table."""
    name = f"grown_{uuid4().hex}"

    async def plan() -> str:
        async with pool.reading() as connection:
            rows = await connection.fetch(f"explain execute {name}(7)")
        return "\n".join([row[0] for row in rows])

    async with pool.reading() as connection:
        await connection.execute(f"create table {name} (id integer primary key, text text)")
        await connection.execute(f"analyze {name}")
        await connection.execute(f"prepare {name} (integer) as select text from {name} where id = $1")
    try:
        assert "Seq Scan" in await plan()
        async with pool.reading() as connection:
            await connection.execute(f"insert into {name} select n, 'text' from generate_series(1, 5000) n")
        assert "Seq Scan" in await plan()
        monkeypatch.setattr(database, "KEPT_SECONDS", 0.0)
        assert pool._in_hand is not None
        pool._in_hand.expire()
        await asyncio.wait(pool._in_hand._releasing)
        assert "Seq Scan" not in await plan()
    finally:
        async with pool.reading() as connection:
            await connection.execute(f"drop table {name}")


@pytest.mark.asyncio
async def test_those_who_wait_for_a_connection_find_its_plans(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes back to the pool after every use then, and planning is work that an overload must not bring."""
    sent = []

    def note(record: asyncpg.connection.LoggedQuery) -> None:
        sent.append(record.query)

    async def look(pool: Database) -> None:
        async with pool.reading() as connection:
            connection.add_query_logger(note)
            await connection.fetchval("select $1::integer", 7)

    async with opened(database_url, pool_size=1) as pool:
        for seconds, forgets in ((60.0, False), (0.0, True)):
            monkeypatch.setattr(database, "KEPT_SECONDS", seconds)
            await asyncio.gather(*[look(pool) for _ in range(20)])
            await asyncio.sleep(0)  # asyncpg tells its loggers in the next step of the loop
            assert ("discard plans" in sent) == forgets


@pytest.mark.asyncio
async def test_a_pool_is_closed_though_connections_are_in_hand(database_url: str) -> None:
    async with opened(database_url, pool_size=2) as pool:
        await backend(pool)
        async with asyncio.timeout(4):
            await pool.close()


@pytest.mark.asyncio
async def test_nobody_waits_for_a_server_that_stands_still_when_a_connection_is_given_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for has been answered; the connection is nobody's until the server goes on."""
    goes_on = asyncio.Event()
    goes_on.set()

    async def forget_plans(*_: object) -> None:
        await goes_on.wait()

    monkeypatch.setattr(Database, "_forget_plans", forget_plans)
    monkeypatch.setattr(in_hand, "KEPT_SECONDS", 0.0)
    async with opened(database_url, pool_size=1) as pool:
        goes_on.clear()
        async with asyncio.timeout(4):  # before asyncpg gives the connection up
            first = await backend(pool)
        assert pool.is_exhausted
        goes_on.set()
        assert await backend(pool) == first
