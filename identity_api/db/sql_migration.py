"""A migration written in SQL and run by Piccolo: the `.sql` file beside the migration's Python file."""

from pathlib import Path
from typing import Any

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

from identity_api.db.migration_errors import FAILURES, LOCK_SECONDS, told
from identity_api.db.migration_files import APP_NAME


def sql_migration(
    python_file: str, migration_id: str, description: str, *, works_with: str | None = None
) -> MigrationManager:
    """The migration whose statements are in the `.sql` file of the same name, run as one script in one transaction.

    Args:
        works_with: the newest migration that the oldest code knows which still works after this one. A migration that
            expands names the last one of the previous minor version; one that contracts names itself, or a later one
            than the code that used what goes. Without it no older code works.

    Its `run` raises:
        MigrationFailed: the database refuses a statement; the migration is rolled back.
        Unavailable: the database stopped answering, or a table was in use for too long.
    """
    script = Path(python_file).with_suffix(".sql").read_text("utf-8")
    manager = MigrationManager(migration_id=migration_id, app_name=APP_NAME, description=description)

    async def run() -> None:
        # One connection, one transaction: Piccolo's own, opened around this migration.
        engine: Any = engine_finder()
        connection = engine.current_transaction.get().connection
        try:
            await connection.execute(f"set local lock_timeout = '{LOCK_SECONDS}s'")
            await connection.execute(script)
            await connection.execute(
                "insert into schema_compatibility (migration, works_with) values ($1, $2)",
                migration_id,
                works_with or migration_id,
            )
        except FAILURES as error:
            raise told(f"{migration_id} ({description})", error) from error

    manager.add_raw(run)
    return manager
