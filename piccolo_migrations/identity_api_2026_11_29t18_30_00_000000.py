"""What the planner supposes of tenants: a thousand rows each, in every table that grows with a tenant's people.

By its own count the average tenant may have one or two rows, and a large one among them. It then takes reading all rows of
a tenant for as good as looking one up, or for cheaper than following an index in order: a session of the large tenant
read 100,000 rows, and a page of fifty users five million pages. The supposition holds for plans that do not know which
tenant is asked for; where the tenant is known, the most common ones are counted as before.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder

ID = "2026-11-29T18:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "plans that do not depend on how large the average tenant is"

TABLES = (
    "app_user",
    "user_read",
    "identity",
    "identity_sync",
    "identity_group",
    "permission_grant",
    "refresh_token",
    "session",
    "api_token",
    "provider_group",
    "mapping_group",
    "mapping_permission",
    "login_attempt",
    "login_handle",
    "one_time_code",
    "password_token",
    "audit_event",
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="identity_api", description=DESCRIPTION)

    async def run():
        # One connection, one transaction: Piccolo's own, opened around this migration.
        connection = engine_finder().current_transaction.get().connection
        for table in TABLES:
            await connection.execute(f"alter table {table} alter column tenant_id set (n_distinct = -0.001)")
            await connection.execute(f"analyze {table} (tenant_id)")

    manager.add_raw(run)
    return manager
