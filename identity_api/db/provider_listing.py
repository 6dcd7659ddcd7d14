"""Providers as admins see them: with their secrets' dates and the parts of their redirect URLs, in one statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db import providers
from identity_api.db.database import Connection
from identity_api.db.providers import Position, Provider
from identity_api.db.tenants import Tenant


class SecretRecord(msgspec.Struct, frozen=True):
    """A stored secret, without its value."""

    id: UUID
    created_at: datetime
    expires_at: datetime | None


class ListedProvider(msgspec.Struct, frozen=True):
    """A provider with its secrets, the newest first, and its tenant with the tenant's hosts."""

    provider: Provider
    secrets: tuple[SecretRecord, ...]
    tenant: Tenant
    hosts: tuple[str, ...]


_SELECT = f"""
select {providers.COLUMNS}, coalesce(s.secrets, '[]')::text as secrets,
    o.slug as tenant_slug, o.name as tenant_name, o.default_provider, o.epoch, o.hosts
from provider p
cross join (
    select t.slug, t.name, t.default_provider, t.epoch,
        array(select host from tenant_host where tenant_id = $1 order by host) as hosts
    from tenant t where t.id = $1
) o
left join (
    select provider_id, json_agg(json_build_array(id, created_at, expires_at) order by created_at desc) as secrets
    from provider_secret where tenant_id = $1 group by provider_id
) s on s.provider_id = p.id
where p.tenant_id = $1
"""


async def page(
    connection: Connection, tenant_id: UUID, *, after: Position | None, first: int, backward: bool = False
) -> list[ListedProvider]:
    """At most `first` + 1 providers after that one: the last tells whether there are more.

    Args:
        backward: those before that one, in the opposite order.
    """
    beyond, direction = ("<", "desc") if backward else (">", "asc")
    rows = await connection.fetch(
        f"{_SELECT} and ($3::integer is null or (p.position, p.slug) {beyond} ($3, $4::text))"
        f" order by p.position {direction}, p.slug {direction} limit $2",
        tenant_id,
        first + 1,
        after and after.position,
        after and after.slug,
    )
    return [_listed(tenant_id, row) for row in rows]


async def get(connection: Connection, tenant_id: UUID, provider_id: UUID) -> ListedProvider | None:
    """The provider, if it is this tenant's."""
    row = await connection.fetchrow(f"{_SELECT} and p.id = $2", tenant_id, provider_id)
    return _listed(tenant_id, row) if row else None


def _listed(tenant_id: UUID, row: Record) -> ListedProvider:
    tenant = Tenant(tenant_id, row["tenant_slug"], row["tenant_name"], row["default_provider"], row["epoch"])
    return ListedProvider(providers.from_row(row), tuple(_secrets(row["secrets"])), tenant, tuple(row["hosts"]))


def _secrets(text: str) -> Sequence[SecretRecord]:
    found = msgspec.json.decode(text, type=list[tuple[UUID, datetime, datetime | None]])
    return [SecretRecord(*one) for one in found]
