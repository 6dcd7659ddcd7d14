"""Identities by their state and disabled users, without reading everybody else's."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-29T21:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "identities by state, disabled users"

INDEXES = """
create index identity_state on identity (tenant_id, state, id) where unlinked_at is null;
create index app_user_disabled on app_user (tenant_id, id) where disabled_at is not null;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        await engine_finder().current_transaction.get().connection.execute(INDEXES)

    manager.add_raw(run)
    return manager
