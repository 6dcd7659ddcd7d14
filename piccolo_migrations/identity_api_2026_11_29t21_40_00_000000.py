"""Who left which group, and whose groups could not be read, without reading everybody else's."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-29T21:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "grants of groups that were left, identities whose groups are unread"

INDEXES = """
create index permission_grant_group_left on permission_grant (tenant_id, group_id, revoked_at)
    where revoked_reason = 'GROUP_LEFT';
create index identity_sync_unread on identity_sync (tenant_id, provider_id)
    where groups_completeness not in ('COMPLETE', 'EMPTY');
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        await engine_finder().current_transaction.get().connection.execute(INDEXES)

    manager.add_raw(run)
    return manager
