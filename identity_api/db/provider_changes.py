"""What changes to a provider need: its lock, the rows that depend on it, its secrets, and the admins there."""

from uuid import UUID

import msgspec

from identity_api.db import providers
from identity_api.db.database import Connection
from identity_api.db.providers import Provider, SealedSecret


async def locked(
    connection: Connection, tenant_id: UUID, provider_id: UUID, *, to_delete: bool = False
) -> Provider | None:
    """Lock and return the provider until the transaction ends; `to_delete` also blocks new references to it."""
    how = "update" if to_delete else "no key update"
    await connection.execute(f"select from provider where tenant_id = $1 and id = $2 for {how}", tenant_id, provider_id)
    return await providers.get(connection, tenant_id, provider_id)


class Footprint(msgspec.Struct, frozen=True):
    """What depends on a provider: its identities, their live sessions, and the mappings made for it alone."""

    identities: int
    sessions: int
    mappings: int


async def footprint(connection: Connection, tenant_id: UUID, provider_id: UUID) -> Footprint:
    """Counted now."""
    row = await connection.fetchrow(
        """
        select (select count(*) from identity where tenant_id = $1 and provider_id = $2) as identities,
            (select count(*) from session s join identity i on i.tenant_id = $1 and i.id = s.identity_id
                where s.tenant_id = $1 and i.provider_id = $2 and s.ended_at is null and s.absolute_until > now()) as sessions,
            (select count(*) from group_mapping
                where tenant_id = $1 and provider_id = $2 and deleted_at is null) as mappings
        """,
        tenant_id,
        provider_id,
    )
    assert row is not None  # it reads no table of its own
    return Footprint(**row)


_OF_PROVIDER = (
    "delete from provider_test where tenant_id = $1 and provider_id = $2",
    "delete from login_attempt where tenant_id = $1 and provider_id = $2",
    "delete from logout_token_seen where tenant_id = $1 and provider_id = $2",
    "delete from client_key where tenant_id = $1 and provider_id = $2",
    "delete from provider_secret where tenant_id = $1 and provider_id = $2",
    "delete from provider_breaker where tenant_id = $1 and id = $2",
    # Deleted mappings stay for history, which needs no provider to be read.
    "update group_mapping set provider_id = null where tenant_id = $1 and provider_id = $2 and deleted_at is not null",
    """
    delete from mapping_group where tenant_id = $1
        and group_id in (select id from provider_group where tenant_id = $1 and provider_id = $2)
    """,
    "delete from provider_group where tenant_id = $1 and provider_id = $2",
)


async def remove(connection: Connection, tenant_id: UUID, provider_id: UUID) -> None:
    """Delete a provider without identities and live mappings, with all rows that belong only to it."""
    for statement in _OF_PROVIDER:
        await connection.execute(statement, tenant_id, provider_id)
    slug = await connection.fetchval(
        "delete from provider where tenant_id = $1 and id = $2 returning slug", tenant_id, provider_id
    )
    await connection.execute(
        "update tenant set default_provider = null where id = $1 and default_provider = $2", tenant_id, slug
    )


async def add_secret(connection: Connection, tenant_id: UUID, provider_id: UUID, secret: SealedSecret) -> None:
    """Add a secret, and delete expired ones."""
    await connection.execute(
        "delete from provider_secret where tenant_id = $1 and provider_id = $2 and expires_at <= now()",
        tenant_id,
        provider_id,
    )
    await connection.execute(
        """
        insert into provider_secret (id, tenant_id, provider_id, sealed, created_at, expires_at)
        values ($3, $1, $2, $4, clock_timestamp(), $5)
        """,
        tenant_id,
        provider_id,
        secret.id,
        secret.sealed,
        secret.expires_at,
    )


async def remove_secret(connection: Connection, tenant_id: UUID, provider_id: UUID, secret_id: UUID) -> bool:
    """Delete one; False if the provider has no such secret."""
    status = await connection.execute(
        "delete from provider_secret where tenant_id = $1 and provider_id = $2 and id = $3",
        tenant_id,
        provider_id,
        secret_id,
    )
    return bool(status == "DELETE 1")


async def identities_of(connection: Connection, tenant_id: UUID, provider_id: UUID, user_id: UUID) -> list[UUID]:
    """The identities that the user has at the provider."""
    rows = await connection.fetch(
        "select id from identity where tenant_id = $1 and provider_id = $2 and user_id = $3",
        tenant_id,
        provider_id,
        user_id,
    )
    return [row["id"] for row in rows]
