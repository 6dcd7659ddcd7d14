"""A login without a provider is a local sign-in that has happened: nothing can be sent to it from outside, as SQL."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T13:41:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "one-time codes of local sign-ins: constraints"

KEYS = """
alter table login_attempt add constraint login_attempt_local_is_over check (
    provider_id is not null or (consumed_at is not null and state_hash is null and test_id is null));
alter table one_time_code add constraint one_time_code_local_is_for_a_frontend check (
    identity_id is not null or kind = 'TOKEN');
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        await engine_finder().current_transaction.get().connection.execute(KEYS)

    manager.add_raw(run)
    return manager
