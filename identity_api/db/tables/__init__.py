"""Every table, as Piccolo declares it. `make check` compares them with the migrated database.

Piccolo has no composite keys, so keys, references, checks and indexes are in the migrations as SQL. A row that a tenant
owns has `tenant_id` leading in its primary key, in its unique keys and in each reference, so that the database itself
refuses a row that points into another tenant (I2). Ids are made in Python (`ids.uuid7`).
"""

from piccolo.table import Table

from identity_api.db.tables import (
    audit,
    identities,
    logins,
    outbox,
    permissions,
    providers,
    schema,
    sessions,
    tenants,
    users,
    webhooks,
)

TABLES: list[type[Table]] = [
    value
    for module in (
        schema,
        tenants,
        providers,
        users,
        identities,
        permissions,
        sessions,
        logins,
        audit,
        outbox,
        webhooks,
    )
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, Table) and value is not Table
]
"""All of them, by module and in the order of its text."""
