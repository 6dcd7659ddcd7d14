"""Keys and references of remembered logout tokens, and the way from a provider's session to ours, as SQL."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-22T11:39:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "keys of logout tokens"

KEYS = """
alter table logout_token_seen
    add constraint logout_token_seen_token_key unique (tenant_id, provider_id, token_hash),
    add foreign key (tenant_id, provider_id) references provider (tenant_id, id);
create index logout_token_seen_ended on logout_token_seen (tenant_id, provider_id, ended_hash);
create index logout_token_seen_expiry on logout_token_seen (expires_at);

create index session_provider_session_live on session (tenant_id, provider_session)
    where ended_at is null and provider_session is not null;
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        await engine_finder().current_transaction.get().connection.execute(KEYS)

    manager.add_raw(run)
    return manager
