"""Keys, checks and references of our own keys at providers, as SQL."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T11:45:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "keys of client keys"

KEYS = """
alter table client_key add constraint client_key_key_id_key unique (tenant_id, provider_id, key_id),
    add constraint client_key_use_known check (use in ('sig', 'enc', 'tls')),
    add constraint client_key_published_whole check ((public_jwk is null) = (use = 'tls')),
    add foreign key (tenant_id, provider_id) references provider (tenant_id, id);
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        await engine_finder().current_transaction.get().connection.execute(KEYS)

    manager.add_raw(run)
    return manager
