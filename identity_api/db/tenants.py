"""Tenants, their hosts and frontends, and the service clients that may read their data."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec
from asyncpg import Record, UniqueViolationError

from identity_api.db import outbox
from identity_api.db.database import Connection
from identity_api.ids import uuid7


class HostTaken(Exception):
    """One of the hosts is another tenant's."""


class Tenant(msgspec.Struct, frozen=True):
    """A customer organisation."""

    id: UUID
    slug: str
    name: str
    default_provider: str | None
    epoch: int


class Frontend(msgspec.Struct, frozen=True):
    """A program of the tenant that signs people in through us."""

    id: UUID
    tenant_id: UUID
    slug: str
    origins: tuple[str, ...]
    return_urls: tuple[str, ...]
    deliveries: tuple[str, ...]
    managed_by: Literal["FILE", "API"] = "FILE"


FRONTEND_COLUMNS: Final = "id, tenant_id, slug, origins, return_urls, deliveries, managed_by"


def frontend_of(row: Record) -> Frontend:
    """A frontend from a row with its columns."""
    lists = {name: tuple(row[name]) for name in ("origins", "return_urls", "deliveries")}
    return Frontend(**{**row, **lists})


_TENANT = "select t.id, t.slug, t.name, t.default_provider, t.epoch from tenant t"


def _tenant(row: Record | None) -> Tenant | None:
    return Tenant(**row) if row else None


async def by_host(connection: Connection, host: str) -> Tenant | None:
    """The one tenant that this host name (lower case, no port) belongs to, compared exactly."""
    return _tenant(
        await connection.fetchrow(f"{_TENANT} join tenant_host h on h.tenant_id = t.id where h.host = $1", host)
    )


async def by_slug(connection: Connection, slug: str) -> Tenant | None:
    """The tenant with that slug."""
    return _tenant(await connection.fetchrow(f"{_TENANT} where t.slug = $1", slug))


async def get(connection: Connection, tenant_id: UUID) -> Tenant | None:
    """The tenant with that id."""
    return _tenant(await connection.fetchrow(f"{_TENANT} where t.id = $1", tenant_id))


async def list_all(connection: Connection) -> list[Tenant]:
    """Every tenant, by slug. For the operator only."""
    return [Tenant(**row) for row in await connection.fetch(f"{_TENANT} order by t.slug")]


async def hosts(connection: Connection, tenant_id: UUID) -> list[str]:
    """The tenant's host names."""
    rows = await connection.fetch("select host from tenant_host where tenant_id = $1 order by host", tenant_id)
    return [row["host"] for row in rows]


async def frontends(connection: Connection, tenant_id: UUID) -> list[Frontend]:
    """The tenant's frontends, by slug."""
    rows = await connection.fetch(
        f"select {FRONTEND_COLUMNS} from frontend where tenant_id = $1 order by slug", tenant_id
    )
    return [frontend_of(row) for row in rows]


async def write(connection: Connection, tenant: Tenant) -> None:
    """Insert the tenant, or overwrite name and default provider of the row of the same id."""
    await connection.execute(
        """
        insert into tenant (id, slug, name, default_provider, epoch, created_at) values ($1, $2, $3, $4, $5, now())
        on conflict (id) do update set name = excluded.name, default_provider = excluded.default_provider
        """,
        tenant.id,
        tenant.slug,
        tenant.name,
        tenant.default_provider,
        tenant.epoch,
    )


async def raise_epoch(connection: Connection, tenant_id: UUID) -> None:
    """End every session of the tenant at once: each holds the epoch of its beginning, and is compared with it."""
    await connection.execute("update tenant set epoch = epoch + 1 where id = $1", tenant_id)
    await outbox.record(connection, tenant_id, "session.ended", None)


async def replace_hosts(connection: Connection, tenant_id: UUID, names: Sequence[str]) -> None:
    """Replace the tenant's hosts with these.

    Raises:
        HostTaken: one of them is another tenant's; the transaction is over.
    """
    await connection.execute(
        "delete from tenant_host where tenant_id = $1 and host <> all($2::text[])", tenant_id, names
    )
    try:
        await connection.execute(
            """
            insert into tenant_host (id, tenant_id, host)
            select n.id, $1, n.host from unnest($2::uuid[], $3::text[]) as n (id, host)
            where not exists (select from tenant_host h where h.tenant_id = $1 and h.host = n.host)
            """,
            tenant_id,
            [uuid7() for _ in names],
            names,
        )
    except UniqueViolationError as error:  # Citus does not say of which constraint
        raise HostTaken from error


async def write_frontend(connection: Connection, frontend: Frontend) -> None:
    """Insert the frontend, or overwrite the one with the same slug."""
    await connection.execute(
        """
        insert into frontend (id, tenant_id, slug, origins, return_urls, deliveries, managed_by)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (tenant_id, slug) do update
            set origins = excluded.origins, return_urls = excluded.return_urls, deliveries = excluded.deliveries
        """,
        frontend.id,
        frontend.tenant_id,
        frontend.slug,
        list(frontend.origins),
        list(frontend.return_urls),
        list(frontend.deliveries),
        frontend.managed_by,
    )


async def origin_is_known(
    connection: Connection, origin: str, tenant_id: UUID | None, *, delivery: str | None = None
) -> bool:
    """Whether the origin belongs to a frontend: of this tenant, or, for a preflight that carries no session, of any.

    Args:
        delivery: that the frontend has, None for any.
    """
    value: bool = await connection.fetchval(
        "select exists (select from frontend where $1 = any(origins) and ($2::uuid is null or tenant_id = $2)"
        " and ($3::text is null or $3 = any(deliveries)))",
        origin,
        tenant_id,
        delivery,
    )
    return value
