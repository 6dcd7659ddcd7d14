"""Both services together: they start, answer real clients, and leave nothing behind."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import arq
import asyncpg
import pytest
from arq.connections import RedisSettings

from identity_api.embedded.services import Services, start_services


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with (
        tempfile.TemporaryDirectory(prefix="identity-test-") as directory,
        start_services(Path(directory), fast=True) as running,
    ):
        yield running


@pytest.mark.asyncio
async def test_asyncpg_connects_with_the_database_url(services: Services) -> None:
    connection = await asyncpg.connect(services.database_url)
    try:
        assert await connection.fetchval("select current_database() || ' ' || current_user") == "identity app"
        assert await connection.fetchval("show server_version_num") >= "180000"
    finally:
        await connection.close()


@pytest.mark.asyncio
async def test_arq_queues_a_job_with_the_redis_url(services: Services) -> None:
    assert services.redis_url is not None
    pool = await arq.create_pool(RedisSettings.from_dsn(services.redis_url))
    try:
        job = await pool.enqueue_job("greet", "world")
        assert job is not None
        assert [queued.function for queued in await pool.queued_jobs()] == ["greet"]
    finally:
        await pool.aclose()
