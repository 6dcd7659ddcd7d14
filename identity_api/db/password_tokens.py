"""One-time tokens that set a password. Only their hashes are kept."""

from datetime import datetime
from uuid import UUID

from identity_api.db.database import Connection


async def insert(
    connection: Connection, tenant_id: UUID, token_id: UUID, user_id: UUID, token_hash: bytes, *, seconds: int
) -> datetime:
    """Keep a new token; returns when it ends."""
    value: datetime = await connection.fetchval(
        """
        insert into password_token (id, tenant_id, user_id, token_hash, created_at, expires_at)
        values ($1, $2, $3, $4, now(), now() + make_interval(secs => $5)) returning expires_at
        """,
        token_id,
        tenant_id,
        user_id,
        token_hash,
        float(seconds),
    )
    return value


async def user_of(connection: Connection, tenant_id: UUID, token_hash: bytes) -> UUID | None:
    """The user whose password the token may set now; None if it is unknown, used, expired, or another tenant's."""
    value: UUID | None = await connection.fetchval(
        """
        select user_id from password_token
        where token_hash = $2 and tenant_id = $1 and used_at is null and expires_at > now()
        """,
        tenant_id,
        token_hash,
    )
    return value


async def use(connection: Connection, tenant_id: UUID, token_hash: bytes) -> UUID | None:
    """Use the token up; returns the user whose password it sets. Of several at once, one gets an answer."""
    value: UUID | None = await connection.fetchval(
        """
        update password_token set used_at = now()
        where token_hash = $2 and tenant_id = $1 and used_at is null and expires_at > now() returning user_id
        """,
        tenant_id,
        token_hash,
    )
    return value


async def void(connection: Connection, tenant_id: UUID, user_id: UUID) -> int:
    """Use up all tokens of the user; returns how many still worked."""
    rows = await connection.fetch(
        """
        update password_token set used_at = moment.at from (select now() as at) moment
        where tenant_id = $1 and user_id = $2 and used_at is null returning expires_at > moment.at as worked
        """,
        tenant_id,
        user_id,
    )
    return sum(row["worked"] for row in rows)


async def delete_old(connection: Connection) -> int:
    """Delete tokens that ended a day ago, of all tenants; for the clean-up job. Returns how many."""
    status = await connection.execute("delete from password_token where expires_at < now() - interval '1 day'")
    return int(status.rpartition(" ")[2])
