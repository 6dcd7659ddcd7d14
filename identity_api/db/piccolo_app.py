"""What Piccolo's migration commands need to know: the tables, and where the migrations lie.

In a checkout they are `piccolo_migrations/` at the top; in an installed wheel they are a folder beside this file.
"""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from identity_api.db.tables import TABLES

_INSTALLED = Path(__file__).parent / "migrations"
_CHECKOUT = Path(__file__).parents[2] / "piccolo_migrations"
MIGRATIONS = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT

APP_CONFIG = AppConfig(
    app_name="identity_api",
    migrations_folder_path=str(MIGRATIONS),
    table_classes=TABLES,
    migration_dependencies=[],
    commands=[],
)
