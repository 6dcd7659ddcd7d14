"""Refresh tokens whose presentation is in doubt, and refusals counted by person, as SQL."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-29T18:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "doubtful refresh tokens, and refusals by person"

COLUMNS = """
alter table refresh_token add column uncertain boolean not null default false;
alter table refresh_token alter column uncertain drop default;
alter table provider_breaker add column people uuid[] not null default '{}';
alter table provider_breaker alter column people drop default;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        await engine_finder().current_transaction.get().connection.execute(COLUMNS)

    manager.add_raw(run)
    return manager
