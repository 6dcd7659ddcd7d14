"""The planner knows of what was written a moment ago."""

import asyncio
from uuid import uuid4

import pytest

from identity_api.db import statistics
from identity_api.db.database import Connection, Database
from identity_api.jobs.statistics import keep_up

pytestmark = pytest.mark.asyncio


async def make_table(connection: Connection) -> str:
    name = f"grown_{uuid4().hex}"
    await connection.execute(f"create table {name} (id integer primary key)")
    await connection.execute(f"alter table {name} set (autovacuum_enabled = off)")
    return name


async def write(connection: Connection, name: str, rows: int) -> None:
    await connection.execute(
        f"insert into {name} select n + (select count(*) from {name}) from generate_series(1, {rows}) n"
    )
    # The server's counters are up to a second behind.
    await connection.execute("select pg_stat_force_next_flush()")


async def known(connection: Connection, name: str) -> float:
    """How many rows the planner believes there are; -1 where nobody has looked."""
    value: float = await connection.fetchval("select reltuples from pg_class where relname = $1", name)
    return value


async def test_a_table_is_analysed_whenever_it_has_doubled(database: Database) -> None:
    async with database.reading() as connection:
        name = await make_table(connection)
        try:
            seen = []
            for rows in (statistics.LEAST_ROWS, 1, 60, 100):
                await write(connection, name, rows)
                await keep_up(database)
                seen.append(await known(connection, name))
            assert seen == [-1, 51, 111, 111]
        finally:
            await connection.execute(f"drop table {name}")


async def test_a_large_table_is_left_to_autovacuum(database: Database) -> None:
    async with database.reading() as connection:
        name = await make_table(connection)
        try:
            await write(connection, name, 60)
            assert [one for one in await statistics.grown_tables(connection) if name in one]
            await connection.execute(f"analyze {name}")
            await write(connection, name, 200)
            assert not [one for one in await statistics.grown_tables(connection, most=60) if name in one]
            assert [one for one in await statistics.grown_tables(connection, most=61) if name in one]
        finally:
            await connection.execute(f"drop table {name}")


async def test_a_table_whose_rows_come_and_go_has_not_grown(database: Database) -> None:
    """A queue would be analysed every few seconds for ever, most often at a moment when it is empty."""
    async with database.reading() as connection:
        name = await make_table(connection)
        try:
            for _ in range(3):
                await write(connection, name, 60)
                await connection.execute(f"delete from {name}")
            await write(connection, name, 50)
            await keep_up(database)
            assert await known(connection, name) == -1
        finally:
            await connection.execute(f"drop table {name}")


@pytest.mark.parametrize("mode", ["share update exclusive", "access exclusive"])
async def test_a_table_that_is_taken_is_left_for_later(database: Database, mode: str) -> None:
    """By another worker, by autovacuum, which would end for whoever waits for it, or by a migration."""
    async with database.reading() as connection:
        name = await make_table(connection)
        try:
            await write(connection, name, 60)
            async with database.transaction() as other:
                await other.execute(f"lock table {name} in {mode} mode")
                async with asyncio.timeout(20):
                    await keep_up(database)
            assert await known(connection, name) == -1
            await keep_up(database)
            assert await known(connection, name) == 60
        finally:
            await connection.execute(f"drop table {name}")
