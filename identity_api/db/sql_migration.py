"""A migration that is a text of SQL, run by Piccolo: the `.sql` file beside the migration's Python file."""

from pathlib import Path
from typing import Any

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

from identity_api.db.migration_files import APP_NAME


def sql_migration(python_file: str, migration_id: str, description: str) -> MigrationManager:
    """The migration whose statements are in the `.sql` file of the same name, run as one script in one transaction."""
    script = Path(python_file).with_suffix(".sql").read_text("utf-8")
    manager = MigrationManager(migration_id=migration_id, app_name=APP_NAME, description=description)

    async def run() -> None:
        # One connection, one transaction: Piccolo's own, opened around this migration.
        engine: Any = engine_finder()
        await engine.current_transaction.get().connection.execute(script)

    manager.add_raw(run)
    return manager
