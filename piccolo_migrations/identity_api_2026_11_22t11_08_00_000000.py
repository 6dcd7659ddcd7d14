"""Keys, checks and references of local accounts, as SQL."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T11:08:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "keys of local accounts"

KEYS = """
alter table local_policy add foreign key (id) references tenant (id);

alter table local_account
    add constraint local_account_failures_counted check (failures >= 0),
    add foreign key (tenant_id, id) references app_user (tenant_id, id);

alter table password_token add constraint password_token_token_key unique (token_hash),
    add foreign key (tenant_id, user_id) references app_user (tenant_id, id);
create index password_token_user on password_token (tenant_id, user_id);
create index password_token_expiry on password_token (expires_at);
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        await engine_finder().current_transaction.get().connection.execute(KEYS)

    manager.add_raw(run)
    return manager
