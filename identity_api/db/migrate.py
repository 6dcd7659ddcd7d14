"""Migrate a database to the newest schema, and check whether it has it.

Piccolo runs the migration files and keeps the list of those that ran. Two processes that migrate at once wait for each
other on an advisory lock, so starting several replicas after an upgrade is safe.
"""

import contextlib
import io
import os
import re
from collections.abc import AsyncIterator, Sequence

import asyncpg
import msgspec

from identity_api.db.connecting import FAILURES as FAILED_TO_CONNECT
from identity_api.db.connecting import not_connected
from identity_api.db.database import Connection
from identity_api.db.migration_errors import FAILURES, refused
from identity_api.db.migration_files import APP_NAME, MIGRATIONS
from identity_api.errors import ConfigurationError

_LOCK = 0x6D69_6772  # "migr"
OLDEST_POSTGRESQL = 15
_VALUE = re.compile(r"^(ID|WORKS_WITH|DESCRIPTION) = (.+)$", re.MULTILINE)


def known_migrations() -> list[str]:
    """The ids of the migrations in this version of the code, oldest first."""
    return [one.id for one in _files()]


def _files() -> list["Planned"]:
    """The migrations in this version of the code, oldest first. Read as text: importing them is slow."""
    found = []
    for path in MIGRATIONS.glob("identity_api_*.py"):
        values = dict(_VALUE.findall(path.read_text("utf-8")))
        if "ID" in values:
            id = values["ID"].strip('"')
            works_with = values.get("WORKS_WITH", "ID").strip('"')
            description = values.get("DESCRIPTION", "").strip('"')
            found.append(Planned(id, description, id if works_with == "ID" else works_with))
    return sorted(found, key=lambda one: one.id)


async def applied_migrations(connection: Connection) -> list[str]:
    """The ids of the migrations that ran on this database, oldest first; empty for a new one."""
    if await connection.fetchval("select to_regclass('migration')") is None:
        return []
    rows = await connection.fetch("select name from migration where app_name = $1 order by name", APP_NAME)
    return [row["name"] for row in rows]


async def check_schema(connection: Connection) -> list[str]:
    """Refuse to run on a schema that this code does not work with.

    Returns:
        The migrations that a newer version has added and that this one works with, oldest first; mostly none.

    Raises:
        ConfigurationError: migrations are missing, or a newer version's are not compatible with this one.
    """
    known, applied = known_migrations(), await applied_migrations(connection)
    newer = [migration for migration in applied if migration not in known]
    if newer:
        await _ensure_compatible(connection, newer, known)
    missing = len(set(known) - set(applied))
    if missing:
        raise ConfigurationError([f"The database lacks {missing} migration(s). Run: identity-api migrate"])
    return newer


async def _ensure_compatible(connection: Connection, newer: Sequence[str], known: Sequence[str]) -> None:
    """Each newer migration says which code still works after it; if it does not say, no older code works."""
    rows = await connection.fetch("select migration, works_with from schema_compatibility")
    works_with = {row["migration"]: row["works_with"] for row in rows}
    for migration in newer:
        if works_with.get(migration, migration) > known[-1]:
            raise ConfigurationError(
                [
                    f"The database was migrated by a newer version of identity-api, and this version does not work with"
                    f" migration {migration}. Run the newer version, or restore the backup that was made before it."
                ]
            )


class Planned(msgspec.Struct, frozen=True):
    """A migration that has not run. `works_with`: the newest migration of the oldest code that still works after it."""

    id: str
    description: str
    works_with: str


class Plan(msgspec.Struct, frozen=True):
    """What `migrate` would do to a database; `newest` is the newest migration that ran there, None for an empty one."""

    newest: str | None
    migrations: list[Planned]

    @property
    def stops_older_code(self) -> list[str]:
        """The migrations after which the version that runs on this schema now does not work any more."""
        return [one.id for one in self.migrations if self.newest is not None and one.works_with > self.newest]


async def migrate(url: str) -> list[str]:
    """Run the missing migrations; returns the ids of those that ran, oldest first.

    Each is one transaction. After a failure those before it are kept, and the next call goes on with the one that failed.

    Raises:
        Unavailable: the database does not answer, or a table was in use for too long.
        ConfigurationError: the database is ahead of this version in a way that this one does not work with, or belongs to
            something else.
        MigrationFailed: the database refuses a statement of a migration.
    """
    async with _connected(url) as connection:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await _record_finished(connection)
        before = await _require_ours(connection)
        if set(known_migrations()) - before:
            await _run_piccolo(url)
        return [id for id in await applied_migrations(connection) if id not in before]


async def plan(url: str) -> Plan:
    """What `migrate` would do now; changes nothing, takes no lock, and raises as `migrate` does."""
    async with _connected(url) as connection:
        applied = await _require_ours(connection)
        missing = [one for one in _files() if one.id not in applied]
        return Plan(max(applied, default=None), missing)


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    try:
        connection = await asyncpg.connect(url)
    except FAILED_TO_CONNECT as error:
        raise not_connected(url, error) from error
    try:
        if connection.get_server_version().major < OLDEST_POSTGRESQL:
            raise ConfigurationError([f"PostgreSQL {OLDEST_POSTGRESQL} or newer is needed."])
        yield connection
    except FAILURES as error:
        raise refused(error) from error
    finally:
        with contextlib.suppress(*FAILURES):
            await connection.close()


async def _require_ours(connection: Connection) -> set[str]:
    """The migrations that ran; refuses a database that is not this service's, or is too new for this version."""
    applied = set(await applied_migrations(connection))
    newer = sorted(applied - set(known_migrations()))
    if newer:
        await _ensure_compatible(connection, newer, known_migrations())
    others = "select exists (select from pg_tables where schemaname = 'public' and tablename <> 'migration')"
    if not applied and await connection.fetchval(others):
        raise ConfigurationError(["The database has tables of another application. Name an empty database."])
    return applied


async def _record_finished(connection: Connection) -> None:
    """Enter migrations that were committed by a process that ended before it entered them into Piccolo's list."""
    if await connection.fetchval(
        "select to_regclass('migration') is null or to_regclass('schema_compatibility') is null"
    ):
        return
    await connection.execute(
        """
        insert into migration (name, app_name) select migration, $1::varchar from schema_compatibility
        where migration not in (select name from migration where app_name = $1::varchar)
        """,
        APP_NAME,
    )


async def _run_piccolo(url: str) -> None:
    # Imported here because importing Piccolo's migration code takes longer than the rest of the start.
    from piccolo.apps.migrations.commands.forwards import run_forwards
    from piccolo.apps.migrations.tables import Migration

    from identity_api.db import piccolo_conf

    os.environ["PICCOLO_CONF"] = "identity_api.db.piccolo_conf"
    piccolo_conf.DB = piccolo_conf.QuietEngine(url)
    Migration._meta.db = piccolo_conf.DB  # Piccolo caches the engine on its own table
    with contextlib.redirect_stdout(io.StringIO()):
        result = await run_forwards(APP_NAME)
    if not result.success:
        raise ConfigurationError([f"Migration failed: {result.message}"])
