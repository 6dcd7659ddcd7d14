"""The tables and the path of the migrations, for Piccolo's migration commands."""

from piccolo.conf.apps import AppConfig

from identity_api.db.migration_files import APP_NAME, MIGRATIONS
from identity_api.db.tables import TABLES

APP_CONFIG = AppConfig(
    app_name=APP_NAME,
    migrations_folder_path=str(MIGRATIONS),
    table_classes=TABLES,
    migration_dependencies=[],
    commands=[],
)
