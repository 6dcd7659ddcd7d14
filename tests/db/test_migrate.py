"""Migrations: from nothing to the newest schema, once, and never onto somebody else's database."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from identity_api.db.migrate import applied_migrations, check_schema, known_migrations, migrate
from identity_api.errors import ConfigurationError, Unavailable
from identity_api.ids import uuid7


@pytest_asyncio.fixture
async def empty_url(database_url: str) -> AsyncIterator[str]:
    """A database with nothing in it."""
    name = f"t{uuid7().hex}"
    admin = await asyncpg.connect(database_url)
    await admin.execute(f"create database {name}")
    yield database_url.replace("/identity?", f"/{name}?")
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@pytest.mark.asyncio
async def test_an_empty_database_gets_every_migration_once(empty_url: str) -> None:
    assert await migrate(empty_url) == known_migrations()
    assert await migrate(empty_url) == []


@pytest.mark.asyncio
async def test_two_replicas_migrating_at_once_do_not_disturb_each_other(empty_url: str) -> None:
    ran = await asyncio.gather(migrate(empty_url), migrate(empty_url))
    assert sorted(ran, key=len) == [[], known_migrations()]


@pytest.mark.asyncio
async def test_a_database_with_foreign_tables_is_refused_and_left_alone(empty_url: str) -> None:
    connection = await asyncpg.connect(empty_url)
    await connection.execute("create table somebody_elses (id int)")
    with pytest.raises(ConfigurationError, match="not ours"):
        await migrate(empty_url)
    assert await applied_migrations(connection) == []
    await connection.close()


@pytest.mark.asyncio
async def test_starting_on_a_schema_that_is_behind_names_the_command(empty_url: str) -> None:
    connection = await asyncpg.connect(empty_url)
    with pytest.raises(ConfigurationError, match="identity-api migrate"):
        await check_schema(connection)
    await migrate(empty_url)
    await check_schema(connection)
    await connection.close()


@pytest.mark.asyncio
async def test_a_database_of_a_newer_version_is_refused(empty_url: str) -> None:
    await migrate(empty_url)
    connection = await asyncpg.connect(empty_url)
    await connection.execute(
        "insert into migration (name, app_name) values ('2999-01-01T00:00:00:000000', 'identity_api')"
    )
    with pytest.raises(ConfigurationError, match="newer version"):
        await check_schema(connection)
    with pytest.raises(ConfigurationError, match="newer version"):
        await migrate(empty_url)
    await connection.close()


@pytest.mark.asyncio
async def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(Unavailable) as caught:
        await migrate("postgresql://app:hunter2@127.0.0.1:1/identity")
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
