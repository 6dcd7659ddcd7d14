"""Programs that come with a long-lived secret: service clients (the product's backend) and users' API tokens."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from identity_api.db.database import Connection


class ServiceClient(msgspec.Struct, frozen=True):
    """The product's own backend: may look into these tenants, and no other."""

    id: UUID
    name: str
    tenant_ids: frozenset[UUID]
    scopes: frozenset[str]


async def service_client(connection: Connection, name: str) -> tuple[ServiceClient, bytes] | None:
    """The client of that name, if it is not revoked, and the hash of its secret."""
    row = await connection.fetchrow(
        "select id, name, tenant_ids, scopes, secret_hash from service_client where name = $1 and revoked_at is null",
        name,
    )
    if row is None:
        return None
    client = ServiceClient(row["id"], row["name"], frozenset(row["tenant_ids"]), frozenset(row["scopes"]))
    return client, row["secret_hash"]


async def insert_service_client(
    connection: Connection,
    client_id: UUID,
    name: str,
    secret_hash: bytes,
    tenant_ids: Sequence[UUID],
    scopes: Sequence[str],
) -> bool:
    """Make the client; False if the name is taken."""
    status = await connection.execute(
        """
        insert into service_client (id, name, secret_hash, tenant_ids, scopes, created_at)
        values ($1, $2, $3, $4, $5, now()) on conflict (name) do nothing
        """,
        client_id,
        name,
        secret_hash,
        list(tenant_ids),
        list(scopes),
    )
    return bool(status == "INSERT 0 1")


async def insert_api_token(
    connection: Connection, tenant_id: UUID, token_id: UUID, user_id: UUID, name: str, token_hash: bytes, *, days: int
) -> None:
    """Make the user an API token that ends after `days` days, or with their logins."""
    await connection.execute(
        """
        insert into api_token (id, tenant_id, user_id, name, token_hash, created_at, expires_at)
        values ($1, $2, $3, $4, $5, now(), now() + make_interval(days => $6))
        """,
        token_id,
        tenant_id,
        user_id,
        name,
        token_hash,
        days,
    )
