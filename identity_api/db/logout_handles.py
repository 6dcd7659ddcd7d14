"""One-time handles for the redirect to a provider's end-session endpoint: stored as hashes, with a sealed target."""

from uuid import UUID

import msgspec

from identity_api.db.database import Connection


class SealedTarget(msgspec.Struct, frozen=True):
    """The target of a handle; `vault` opens it with table `logout_handle`, column `sealed`."""

    id: UUID
    sealed: bytes


async def insert(
    connection: Connection, tenant_id: UUID, target: SealedTarget, token_hash: bytes, *, seconds: int
) -> None:
    """Keep a new handle."""
    await connection.execute(
        """
        insert into logout_handle (id, tenant_id, token_hash, sealed, expires_at)
        values ($2, $1, $3, $4, now() + make_interval(secs => $5))
        """,
        tenant_id,
        target.id,
        token_hash,
        target.sealed,
        float(seconds),
    )


async def take(connection: Connection, tenant_id: UUID, token_hash: bytes) -> SealedTarget | None:
    """Use the handle up; None if it is unknown, used, expired, or another tenant's. Of several at once, one gets it."""
    row = await connection.fetchrow(
        """
        delete from logout_handle using (select now() as at) moment where tenant_id = $1 and token_hash = $2
        returning id, sealed, expires_at > moment.at as is_live
        """,
        tenant_id,
        token_hash,
    )
    return SealedTarget(row["id"], row["sealed"]) if row and row["is_live"] else None


async def forget(connection: Connection, limit: int) -> int:
    """Delete up to so many expired handles, of all tenants. Returns how many."""
    status = await connection.execute(
        "delete from logout_handle"
        " where (tenant_id, id) in (select tenant_id, id from logout_handle where expires_at < now() limit $1)",
        limit,
    )
    return int(status.rpartition(" ")[2])
