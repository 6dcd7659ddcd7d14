"""Migrate a database to the newest schema, and check whether it has it.

Piccolo runs the migration files and keeps the list of those that ran. Two processes that migrate at once wait for each
other on an advisory lock, so starting several replicas after an upgrade is safe.
"""

import contextlib
import io
import os
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import asyncpg

from identity_api.db.database import Connection
from identity_api.db.migration_files import APP_NAME, MIGRATIONS
from identity_api.errors import ConfigurationError, Unavailable

_LOCK = 0x6D69_6772  # "migr"
OLDEST_POSTGRESQL = 15
_ID = re.compile(r'^ID = "([^"]+)"$', re.MULTILINE)


def known_migrations() -> list[str]:
    """The ids of the migrations in this version of the code, oldest first. Read as text: importing them is slow."""
    found = [_ID.search(path.read_text("utf-8")) for path in MIGRATIONS.glob("identity_api_*.py")]
    return sorted([match[1] for match in found if match])


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


async def migrate(url: str) -> list[str]:
    """Run the missing migrations; returns the ids of those that ran, oldest first.

    Raises:
        Unavailable: the database does not answer.
        ConfigurationError: the database is ahead of this version in a way that this one does not work with, or belongs to
            something else.
    """
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError) as error:
        raise Unavailable(f"The database at {urlsplit(url).hostname or 'the socket'} does not answer.") from error
    try:
        if connection.get_server_version().major < OLDEST_POSTGRESQL:
            raise ConfigurationError([f"PostgreSQL {OLDEST_POSTGRESQL} or newer is needed."])
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        before = set(await applied_migrations(connection))
        newer = sorted(before - set(known_migrations()))
        if newer:
            await _ensure_compatible(connection, newer, known_migrations())
        if not before and await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'"):
            raise ConfigurationError(["The database has tables of another application. Name an empty database."])
        if set(known_migrations()) - before:
            await _run_piccolo(url)
        return [id for id in await applied_migrations(connection) if id not in before]
    finally:
        await connection.close()


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
