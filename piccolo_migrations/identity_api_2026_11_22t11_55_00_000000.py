"""Keys and references of tests of providers, as SQL."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T11:55:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "keys of provider tests"

KEYS = """
alter table provider_test add constraint provider_test_id_key unique (tenant_id, id),
    add foreign key (tenant_id, provider_id) references provider (tenant_id, id),
    add foreign key (tenant_id, user_id) references app_user (tenant_id, id);
create index provider_test_created on provider_test (tenant_id, created_at);
create index provider_test_expiry on provider_test (expires_at);

alter table login_attempt
    add foreign key (tenant_id, test_id) references provider_test (tenant_id, id) on delete cascade;
create index login_attempt_test on login_attempt (tenant_id, test_id) where test_id is not null;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        await engine_finder().current_transaction.get().connection.execute(KEYS)

    manager.add_raw(run)
    return manager
