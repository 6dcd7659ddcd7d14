"""An index for failed logins, which administrators page through, as SQL."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T12:25:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "failed logins of a tenant"

INDEX = """
create index audit_event_login_failures on audit_event (tenant_id, id) where action = 'login.failed';
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        await engine_finder().current_transaction.get().connection.execute(INDEX)

    manager.add_raw(run)
    return manager
