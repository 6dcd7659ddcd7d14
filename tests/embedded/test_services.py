"""Both services together: they start, answer real clients, and stop as one."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import arq
import asyncpg
import pytest
from arq.connections import RedisSettings
from arq.worker import Worker, func
from piccolo.columns import Integer
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table
from redis.asyncio import Redis

from identity_api.embedded.errors import DataDirectoryError
from identity_api.embedded.services import Services, prepare_data_directory, start_services
from tests.embedded.places import new_place, wait_gone


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    place = new_place()
    with start_services(place / "data", fast=True) as running:
        yield running
    shutil.rmtree(place)


@pytest.mark.asyncio
async def test_asyncpg_connects_with_the_database_url(services: Services) -> None:
    connection = await asyncpg.connect(services.database_url)
    try:
        assert await connection.fetchval("select current_database() || ' ' || current_user") == "identity app"
        assert await connection.fetchval("select current_setting('server_version_num')::int / 10000") == 18
    finally:
        await connection.close()


@pytest.mark.asyncio
async def test_piccolo_reads_and_writes_with_the_database_url(services: Services) -> None:
    engine = PostgresEngine(config={"dsn": services.database_url}, extensions=())
    await engine.start_connection_pool()

    class Counter(Table, db=engine):
        value = Integer()

    try:
        await Counter.create_table()
        await Counter(value=7).save()
        assert await Counter.select(Counter.value) == [{"value": 7}]
    finally:
        await engine.close_connection_pool()


@pytest.mark.asyncio
async def test_the_database_sorts_by_code_point_and_lowers_every_alphabet(services: Services) -> None:
    """The same on every machine, whatever locales it has installed."""
    connection = await asyncpg.connect(services.database_url)
    try:
        assert await connection.fetchval("select lower('ÄΣ')") == "äσ"
        assert await connection.fetchval("select 'Z' < 'a'") is True
        assert await connection.fetchval("show timezone") == "UTC"
    finally:
        await connection.close()


@pytest.mark.asyncio
async def test_the_database_listens_on_no_network_address(services: Services) -> None:
    connection = await asyncpg.connect(services.database_url)
    try:
        assert await connection.fetchval("show listen_addresses") == ""
        socket_directory = await connection.fetchval("show unix_socket_directories")
    finally:
        await connection.close()
    assert os.stat(socket_directory).st_mode & 0o777 == 0o700


@pytest.mark.asyncio
async def test_the_queue_has_no_port_keeps_nothing_on_disk_and_never_evicts(services: Services) -> None:
    assert services.redis_url is not None
    client = Redis.from_url(services.redis_url, decode_responses=True)
    try:
        assert await client.config_get("port", "save", "appendonly", "maxmemory-policy") == {
            "port": "0",
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
        }
    finally:
        await client.aclose()


@pytest.mark.asyncio
async def test_arq_runs_a_job_through_the_redis_url(services: Services) -> None:
    assert services.redis_url is not None

    async def greet(context: dict[str, Any], name: str) -> str:
        return f"hello {name}"

    pool = await arq.create_pool(RedisSettings.from_dsn(services.redis_url))
    worker = Worker([func(greet, name="greet")], redis_pool=pool, burst=True, poll_delay=0, handle_signals=False)
    try:
        job = await pool.enqueue_job("greet", "world")
        assert job is not None
        await worker.async_run()
        assert await job.result(timeout=5) == "hello world"
    finally:
        await pool.aclose(close_connection_pool=True)  # by itself it keeps a pool it was given


@pytest.mark.usefixtures("root_only")
def test_both_servers_give_up_root(services: Services) -> None:
    for process in services.processes.values():
        status = Path(f"/proc/{process.pid}/status").read_text()
        uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        groups = next(line for line in status.splitlines() if line.startswith("Groups:")).split()[1:]
        assert "0" not in uids
        assert groups == []


def test_the_servers_do_not_see_our_environment(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds key rings, and a PGOPTIONS or PGDATA of the operator would change what the server does."""
    monkeypatch.setenv("IDENTITY_SECRET_KEYS", "not for servers")
    with start_services(place / "data", need_database=False) as services:
        environ = Path(f"/proc/{services.processes['Valkey'].pid}/environ")
        if not environ.exists():
            pytest.skip("needs /proc")
        assert b"IDENTITY" not in environ.read_bytes()


def test_stopping_ends_both_and_removes_their_directories(place: Path) -> None:
    services = start_services(place / "data", fast=True)
    pids = [process.pid for process in services.processes.values()]
    assert len(list((place / "tmp").iterdir())) == 2
    services.stop()
    services.stop()
    assert all(wait_gone(pid, 0) for pid in pids)
    assert list((place / "tmp").iterdir()) == []


def test_only_what_is_needed_starts(place: Path) -> None:
    with start_services(place / "data", need_database=False) as services:
        assert services.database_url is None
        assert services.redis_url is not None
        assert not (place / "data").exists()
    with start_services(place / "data", need_database=False, need_redis=False) as services:
        assert services.processes == {}


def test_a_database_that_cannot_start_takes_the_queue_with_it(place: Path) -> None:
    (place / "data").write_text("a file where the directory should be")
    with pytest.raises(DataDirectoryError, match="Set IDENTITY_DATA_DIR"):
        start_services(place / "data")
    assert list((place / "tmp").iterdir()) == []


def test_a_new_data_directory_opens_no_more_than_needed(place: Path) -> None:
    prepare_data_directory(place / "new" / "data")
    assert (place / "new" / "data").stat().st_mode & 0o777 == (0o711 if os.geteuid() == 0 else 0o700)


def test_the_database_keeps_its_content_between_runs(place: Path) -> None:
    for expected in (None, "kept"):
        with start_services(place / "data", need_redis=False, fast=True) as services:
            assert asyncio.run(_remember(services.database_url)) == expected


async def _remember(url: str | None) -> str | None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("create table if not exists memory (word text)")
        word: str | None = await connection.fetchval("select word from memory")
        await connection.execute("insert into memory values ('kept')")
        return word
    finally:
        await connection.close()
