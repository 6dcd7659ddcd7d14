"""What the pool says when it cannot give a connection, and when a connection does not do what it should."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from identity_api.db import database as module
from identity_api.db.database import Database, once_committed
from identity_api.db.health import writing
from identity_api.embedded.services import Services, start_services
from identity_api.errors import CannotWrite, Overloaded, Unavailable
from identity_api.fairness.served import work_for
from identity_api.ids import uuid7
from tests.embedded.places import new_place


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACQUIRE_TIMEOUT_SECONDS", 0.2)


@contextlib.asynccontextmanager
async def opened(url: str, *, pool_size: int) -> AsyncIterator[Database]:
    pool = Database(url, pool_size=pool_size)
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


@pytest.mark.asyncio
async def test_a_pool_without_a_free_connection_is_overloaded_and_the_database_is_not_blamed(
    database_url: str, impatient: None
) -> None:
    async with opened(database_url, pool_size=1) as pool:
        async with pool.reading():
            assert pool.is_exhausted
            with pytest.raises(Overloaded) as caught:
                async with pool.reading():
                    pass
        assert caught.value.code == "OVERLOADED"
        async with pool.reading() as connection:
            assert await connection.fetchval("select 1") == 1


@pytest.mark.asyncio
async def test_a_statement_is_planned_once_for_a_connection_unless_it_concerns_thousands(database_url: str) -> None:
    planned = "select generic_plans, custom_plans from pg_prepared_statements where statement like $1"
    async with opened(database_url, pool_size=1) as pool:
        async with pool.reading() as connection:
            for _ in range(3):
                await connection.fetch(
                    "select id from app_user where tenant_id = $1 and id > $2 limit 5", uuid7(), uuid7()
                )
            assert tuple(await connection.fetchrow(planned, "select id from app_user%")) == (3, 0)
        async with pool.transaction() as connection:
            await module.plan_each_time(connection)
            await connection.fetch("select id from identity where tenant_id = $1", uuid7())
            assert tuple(await connection.fetchrow(planned, "select id from identity%")) == (0, 1)
        async with pool.reading() as connection:
            assert await connection.fetchval("show plan_cache_mode") == "force_generic_plan"


@pytest.mark.asyncio
async def test_a_transaction_that_was_undone_for_another_one_may_be_tried_again(database_url: str) -> None:
    both_hold = asyncio.Barrier(2)

    async def lock(pool: Database, *keys: int) -> int:
        async with pool.transaction() as connection:
            await connection.execute("select pg_advisory_xact_lock(7, $1)", keys[0])
            await both_hold.wait()
            await connection.execute("select pg_advisory_xact_lock(7, $1)", keys[1])
            return keys[0]

    async with opened(database_url, pool_size=2) as pool:
        ended = await asyncio.gather(lock(pool, 1, 2), lock(pool, 2, 1), return_exceptions=True)
        assert sorted(type(one).__name__ for one in ended) == ["Overloaded", "int"]


@pytest.mark.asyncio
@pytest.mark.parametrize("setting", ["statement_timeout", "lock_timeout"])
async def test_a_statement_that_the_server_gives_up_may_be_tried_again(database_url: str, setting: str) -> None:
    """By a setting of the operator's, or by `pg_cancel_backend`."""
    lock = "select pg_advisory_xact_lock(8, 1)"

    async def wait(pool: Database) -> None:
        async with pool.transaction() as connection:
            await connection.execute(f"set local {setting} = '10ms'")
            await connection.execute(lock)

    async with opened(database_url, pool_size=2) as pool, pool.transaction() as holder:
        await holder.execute(lock)
        with pytest.raises(Overloaded):
            await wait(pool)


@pytest.mark.asyncio
async def test_a_statement_that_takes_too_long_is_overload(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMAND_TIMEOUT_SECONDS", 0.1)
    async with opened(database_url, pool_size=1) as pool:
        with pytest.raises(Overloaded):
            async with pool.reading() as connection:
                await connection.fetchval("select pg_sleep(30)")
        async with pool.reading() as connection:
            assert await connection.fetchval("select 1") == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("sqlstate", ["53100", "25006"])
async def test_a_change_that_the_server_cannot_write_is_told_apart_from_a_server_that_is_down(
    database: Database, sqlstate: str
) -> None:
    with pytest.raises(CannotWrite) as caught:
        async with database.transaction() as connection:
            await connection.execute(f"do $$ begin raise exception 'no' using errcode = '{sqlstate}'; end $$")
    assert (caught.value.code, caught.value.retry_after_seconds) == ("DATABASE_CANNOT_WRITE", 10)
    async with database.reading() as connection:
        assert await writing(connection) == "ok"


@pytest.mark.asyncio
async def test_the_server_ends_a_transaction_that_stands_still(database: Database) -> None:
    """A stopped process keeps no lock that others wait for; tests/faults stops one."""
    async with database.transaction() as connection:
        assert await connection.fetchval("show idle_in_transaction_session_timeout") == "10s"


@pytest.mark.asyncio
async def test_what_has_been_answered_stays_answered_though_the_connection_breaks_before_it_is_given_back(
    database_url: str,
) -> None:
    async with opened(database_url, pool_size=2) as pool:
        async with pool.reading() as connection:
            found = await connection.fetchval("select 7")
            connection.terminate()
        assert found == 7
        async with pool.reading() as connection:
            assert await connection.fetchval("select 1") == 1


# With a server of its own


@pytest.fixture
def own_services() -> Iterator[Services]:
    """A PostgreSQL that may be killed."""
    place = new_place()
    services = start_services(place / "data", need_redis=False, fast=True)
    try:
        yield services
    finally:
        services.stop()
        shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize("victims", ["backends", "all"])
def test_whatever_a_killed_postgresql_interrupts_is_told_as_a_database_that_is_down(
    own_services: Services, victims: str
) -> None:
    unforeseen: list[BaseException] = []
    interrupted: list[Unavailable] = []

    async def ask(pool: Database, number: int, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                # A third of them is given up in the middle, as a request whose client has left.
                async with asyncio.timeout(0.02 if number % 3 == 0 else 10), pool.transaction() as connection:
                    await connection.execute("insert into t values (1)")
                    await connection.fetchval("select pg_sleep(0.03)")
            except Unavailable as error:
                interrupted.append(error)
                await asyncio.sleep(0.005)
            except TimeoutError:
                pass
            except BaseException as error:
                unforeseen.append(error)
                raise

    async def work(url: str) -> None:
        async with opened(url, pool_size=6) as pool:
            async with pool.transaction() as connection:
                await connection.execute("create table t (i int)")
            async with pool.reading() as connection:
                await connection.execute(
                    "checkpoint"
                )  # the server does not wait for its log, and is about to be killed
            stop = asyncio.Event()
            tasks = [asyncio.create_task(ask(pool, number, stop)) for number in range(18)]
            await asyncio.sleep(0.3)
            kill(own_services, victims)
            await asyncio.sleep(0.3)
            stop.set()
            await asyncio.gather(*tasks, return_exceptions=True)

    assert own_services.database_url is not None
    asyncio.run(work(own_services.database_url))
    assert unforeseen == []
    assert interrupted
    assert {error.code for error in interrupted} <= {"DATABASE_UNAVAILABLE", "OVERLOADED"}


def kill(services: Services, victims: str) -> None:
    """SIGKILL to the server's children, and to the server itself."""
    server = services.processes["PostgreSQL"].pid
    shown = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(server)], capture_output=True, text=True, check=True
    )
    lines = [line.split(None, 1) for line in shown.stdout.splitlines()]
    if victims == "all":
        os.kill(server, signal.SIGKILL)
    for pid, arguments in lines:
        if victims == "all" or " app identity " in f" {arguments} ":
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 96 MB, for a data directory."""
    place = new_place()
    disk = place / "disk"
    disk.mkdir()
    disk.chmod(0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m,mode=755", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        shutil.rmtree(place)
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)
    shutil.rmtree(place, ignore_errors=True)


def test_a_full_disk_lets_reads_go_on_and_is_over_when_there_is_space_again(small_disk: Path) -> None:
    async def work(url: str) -> None:
        async with opened(url, pool_size=2) as pool:
            async with pool.transaction() as connection:
                await connection.execute("create table t (content text); alter table t alter content set storage plain")
            assert await state(pool) == "ok"
            ballast = small_disk / "ballast"
            fill(ballast)
            with pytest.raises(CannotWrite):
                await grow(pool)
            assert await state(pool) == "full"
            async with pool.reading() as connection:
                assert await connection.fetchval("select count(*) from t") == 0
            ballast.unlink()
            assert await state(pool) == "ok"
            async with pool.transaction() as connection:
                await connection.execute("insert into t values ('x')")

    async def grow(pool: Database) -> None:
        async with pool.transaction() as connection:
            for _ in range(4):
                await connection.execute("insert into t select repeat('x', 7000) from generate_series(1, 1000)")

    async def state(pool: Database) -> Any:
        async with pool.reading() as connection:
            return await writing(connection)

    with start_services(small_disk / "data", need_redis=False, fast=True) as services:
        assert services.database_url is not None
        asyncio.run(work(services.database_url))


def fill(path: Path) -> None:
    """Take all the space there is."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65_536)


@pytest.mark.asyncio
async def test_a_tenant_that_holds_its_half_of_the_connections_leaves_the_others_theirs(
    database_url: str, impatient: None
) -> None:
    hostile, other = uuid7(), uuid7()

    async def hold(pool: Database, tenant_id: UUID | None, release: asyncio.Event, held: asyncio.Semaphore) -> None:
        work_for(tenant_id)
        async with pool.reading():
            held.release()
            await release.wait()

    async with opened(database_url, pool_size=4) as pool:
        release, held = asyncio.Event(), asyncio.Semaphore(0)
        holding = [asyncio.create_task(hold(pool, hostile, release, held)) for _ in range(2)]
        for _ in holding:
            await held.acquire()
        with pytest.raises(Overloaded):
            await asyncio.create_task(hold(pool, hostile, release, held))
        holding += [asyncio.create_task(hold(pool, one, release, held)) for one in (other, None)]
        for _ in range(2):
            await held.acquire()
        release.set()
        await asyncio.gather(*holding)
        await asyncio.create_task(hold(pool, hostile, release, held))
        assert pool._shares.tenants == set()


@pytest.mark.asyncio
async def test_the_log_is_told_of_what_is_committed_and_of_nothing_else(database: Database) -> None:
    told = list[str]()
    async with database.transaction() as connection:
        once_committed(connection, lambda: told.append("done"))
        assert told == []
    async with database.transaction(is_trial=True) as connection:
        once_committed(connection, lambda: told.append("rehearsed"))

    async def fail() -> None:
        async with database.transaction() as connection:
            once_committed(connection, lambda: told.append("failed"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert told == ["done"]
    async with database.reading() as connection:
        once_committed(connection, lambda: told.append("without a transaction"))
        assert told == ["done", "without a transaction"]
