"""Migrations: from nothing to the newest schema, once, and never onto somebody else's database."""

import asyncio

import asyncpg
import pytest

from identity_api.db.migrate import applied_migrations, check_schema, known_migrations, migrate
from identity_api.errors import ConfigurationError, Unavailable


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
    with pytest.raises(ConfigurationError, match="another application"):
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


async def migrated_further(url: str, *works_with: str | None) -> asyncpg.Connection:
    """The database after migrations of a newer version, each with the newest migration that the oldest fitting code knows."""
    await migrate(url)
    connection = await asyncpg.connect(url)
    for number, known in enumerate(works_with, 1):
        name = f"2999-01-0{number}T00:00:00:000000"
        await connection.execute("insert into migration (name, app_name) values ($1, 'identity_api')", name)
        if known is not None:
            await connection.execute("insert into schema_compatibility values ($1, $2)", name, known)
    return connection


OLDEST, NEWEST = known_migrations()[0], known_migrations()[-1]
AFTER = "2999-01-01T00:00:00:000000"


@pytest.mark.asyncio
@pytest.mark.parametrize("works_with", [(OLDEST,), (NEWEST,), (OLDEST, NEWEST)])
async def test_an_older_version_runs_on_what_a_newer_one_has_expanded(empty_url: str, works_with: list[str]) -> None:
    connection = await migrated_further(empty_url, *works_with)
    assert len(await check_schema(connection)) == len(works_with)
    assert await migrate(empty_url) == []
    await connection.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("works_with", [(AFTER,), (OLDEST, AFTER), (None,), (OLDEST, None)])
async def test_an_older_version_is_refused_by_name_of_the_migration_that_it_does_not_work_with(
    empty_url: str, works_with: list[str | None]
) -> None:
    """One that says nothing works with no older version."""
    connection = await migrated_further(empty_url, *works_with)
    refused = (
        f"The database was migrated by a newer version of identity-api, and this version does not work with migration"
        f" 2999-01-0{len(works_with)}T00:00:00:000000. Run the newer version, or restore the backup that was made before it."
    )
    with pytest.raises(ConfigurationError) as started:
        await check_schema(connection)
    with pytest.raises(ConfigurationError) as migrated:
        await migrate(empty_url)
    assert started.value.problems == migrated.value.problems == (refused,)
    await connection.close()


@pytest.mark.asyncio
async def test_migrations_of_ones_own_are_missing_however_far_ahead_the_database_is(empty_url: str) -> None:
    connection = await migrated_further(empty_url, OLDEST)
    await connection.execute("delete from migration where name = $1", NEWEST)
    with pytest.raises(ConfigurationError, match="identity-api migrate"):
        await check_schema(connection)
    await connection.close()


@pytest.mark.asyncio
async def test_each_migration_says_which_code_works_after_it(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    said = {row["migration"]: row["works_with"] for row in await connection.fetch("select * from schema_compatibility")}
    await connection.close()
    assert list(said) == known_migrations()
    assert all(known in said and known <= migration for migration, known in said.items())


@pytest.mark.asyncio
async def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(Unavailable) as caught:
        await migrate("postgresql://app:hunter2@127.0.0.1:1/identity")
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.asyncio
async def test_a_finished_migration_whose_process_ended_before_it_was_listed_is_not_run_again(empty_url: str) -> None:
    await migrate(empty_url)
    connection = await asyncpg.connect(empty_url)
    await connection.execute("delete from migration where name = $1", NEWEST)
    assert await migrate(empty_url) == []
    await check_schema(connection)
    await connection.close()


@pytest.mark.asyncio
async def test_a_start_that_ended_before_the_first_migration_is_continued(empty_url: str) -> None:
    """Piccolo makes its list before it runs anything."""
    await migrate(empty_url)
    connection = await asyncpg.connect(empty_url)
    tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    names = ", ".join(row[0] for row in tables if row[0] != "migration")
    await connection.execute(f"drop table {names} cascade; delete from migration")
    for row in await connection.fetch(
        "select oid::regprocedure as name from pg_proc where pronamespace = 'public'::regnamespace"
    ):
        await connection.execute(f"drop function {row['name']} cascade")
    assert await migrate(empty_url) == known_migrations()
    await connection.close()
