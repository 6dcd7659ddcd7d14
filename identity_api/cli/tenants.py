"""Every tenant, for the operator."""

import msgspec

from identity_api.db import tenants
from identity_api.db.database import Database


class TenantLine(msgspec.Struct, frozen=True):
    """A tenant as the list shows it."""

    id: str
    slug: str
    name: str
    hosts: list[str]
    default_provider: str | None


async def describe_tenants(database: Database) -> list[TenantLine]:
    """All tenants by slug."""
    async with database.reading() as connection:
        return [
            TenantLine(str(one.id), one.slug, one.name, await tenants.hosts(connection, one.id), one.default_provider)
            for one in await tenants.list_all(connection)
        ]
