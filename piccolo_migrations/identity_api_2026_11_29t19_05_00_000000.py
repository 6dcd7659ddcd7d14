"""Tries at a password by source, and handles for signing out at a provider."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-29T19:05:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "tries at a password by source, and handles for signing out"

TABLES = """
create table password_try (
    id uuid primary key,
    tenant_id uuid not null,
    user_id uuid not null,
    source_hash bytea not null,
    is_known boolean not null,
    failures integer not null,
    locked_until timestamp with time zone,
    tried_at timestamp with time zone not null
);
create table logout_handle (
    id uuid primary key,
    tenant_id uuid not null,
    token_hash bytea not null,
    sealed bytea not null,
    expires_at timestamp with time zone not null
);
alter table password_try add constraint password_try_source unique (tenant_id, user_id, source_hash),
    add foreign key (tenant_id, user_id) references app_user (tenant_id, id) on delete cascade;
create index password_try_tried on password_try (tried_at);
alter table logout_handle add constraint logout_handle_token unique (tenant_id, token_hash),
    add foreign key (tenant_id) references tenant (id);
create index logout_handle_expiry on logout_handle (expires_at);
"""


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        await engine_finder().current_transaction.get().connection.execute(TABLES)

    manager.add_raw(run)
    return manager
