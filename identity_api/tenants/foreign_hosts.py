"""Hosts of a declaration that another tenant has."""

from identity_api.db import tenants
from identity_api.db.database import Database
from identity_api.tenants.declaration import TenantDeclaration


async def foreign_hosts(database: Database, declared: TenantDeclaration) -> list[str]:
    """The declared hosts that another tenant has, and which tenant: files are the operator's, who may see that."""
    async with database.reading() as connection:
        owners = {host: await tenants.by_host(connection, host) for host in declared.hosts}
    named = [
        f"Tenant {declared.slug}: its host {host} belongs to another tenant, {owner.slug}. Take it from that one first."
        for host, owner in owners.items()
        if owner is not None and owner.slug != declared.slug
    ]
    return named or [
        f"Tenant {declared.slug}: one of its hosts belonged to another tenant a moment ago. Apply it again."
    ]
