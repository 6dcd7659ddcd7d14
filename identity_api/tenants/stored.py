"""A stored tenant as the tables of a declaration: for export, and for merging a declaration into it (`overlay`)."""

from collections.abc import Collection
from typing import Final

from identity_api.db import client_keys, local_accounts, mappings, permissions, providers, tenants
from identity_api.db.database import Connection
from identity_api.db.mappings import MappingRecord
from identity_api.db.providers import Provider
from identity_api.db.tenants import Tenant
from identity_api.oidc.client_auth import SECRET_METHODS
from identity_api.permissions.service import SERVICE_PREFIX
from identity_api.providers.declaration import Table
from identity_api.providers.provider_row import declaration_of
from identity_api.tenants.overlay import StoredTenant, key_of

_MANY: Final = 100_000


async def stored_tenants(connection: Connection, slugs: Collection[str]) -> dict[str, StoredTenant]:
    """Those of the tenants that exist, by slug."""
    found: dict[str, StoredTenant] = {}
    for slug in slugs:
        tenant = await tenants.by_slug(connection, slug)
        if tenant is not None:
            found[slug] = await _stored(connection, tenant)
    return found


async def _stored(connection: Connection, tenant: Tenant) -> StoredTenant:
    policy = await local_accounts.policy(connection, tenant.id)
    table: Table = {
        "slug": tenant.slug,
        "name": tenant.name,
        "hosts": tuple(await tenants.hosts(connection, tenant.id)),
        "default_provider": tenant.default_provider or "",
        "local_sign_in": policy.local_sign_in,
        "sso_managed": policy.sso_managed,
    }
    frontends = {
        (one.slug,): {
            "slug": one.slug,
            "origins": tuple(one.origins),
            "return_urls": tuple(one.return_urls),
            "deliveries": tuple(one.deliveries),
        }
        for one in await tenants.frontends(connection, tenant.id)
    }
    named = {
        (one.name,): {"name": one.name, "description": one.description, "delegable": one.delegable}
        for one in await permissions.page(connection, tenant.id, after=None, first=_MANY)
        if not one.name.startswith(SERVICE_PREFIX)
    }
    rows = await mappings.page(connection, tenant.id, after=None, first=_MANY)
    declared = [await _provider(connection, one) for one in await providers.of_tenant(connection, tenant.id)]
    return StoredTenant(
        {name: value for name, value in table.items() if value != ""},
        {
            "frontends": frontends,
            "permissions": named,
            "providers": {(one["slug"],): one for one in declared},
            "group_mappings": {key_of("group_mappings", one): one for one in map(_mapping, rows)},
        },
    )


async def _provider(connection: Connection, row: Provider) -> Table:
    table = {name: value for name, value in declaration_of(row).items() if value is not None}
    is_used = row.client_authentication in SECRET_METHODS
    if is_used and await providers.secrets(connection, row.tenant_id, row.id):
        table["client_secret_stored"] = True
    if any(key.use == "tls" for key in await client_keys.live(connection, row.tenant_id, row.id)):
        table["tls_client_certificate_stored"] = True
    return table


def _mapping(row: MappingRecord) -> Table:
    table: Table = {"group": row.pattern, "match": row.match, "permissions": row.permissions, "enabled": row.enabled}
    return {"provider": row.provider_slug, **table} if row.provider_slug else table
