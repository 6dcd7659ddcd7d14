from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import UUID

ID = "2026-11-22T13:40:11:204518"
VERSION = "1.38.0"
DESCRIPTION = "one-time codes of local sign-ins"


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    manager.alter_column(
        table_class_name="LoginAttempt",
        tablename="login_attempt",
        column_name="provider_id",
        db_column_name="provider_id",
        params={"null": True},
        old_params={"null": False},
        column_class=UUID,
        old_column_class=UUID,
        schema=None,
    )

    manager.alter_column(
        table_class_name="OneTimeCode",
        tablename="one_time_code",
        column_name="identity_id",
        db_column_name="identity_id",
        params={"null": True},
        old_params={"null": False},
        column_class=UUID,
        old_column_class=UUID,
        schema=None,
    )

    return manager
