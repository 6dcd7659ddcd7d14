"""Test logins: the admin who makes one, and its report, which only this admin can read, for ten minutes."""

from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection

KEPT_SECONDS = 600.0


class ProviderTest(msgspec.Struct, frozen=True):
    """One row. `report` is JSON, None while the login is under way; `launched`: the browser went to the provider."""

    id: UUID
    provider_id: UUID
    created_at: datetime
    expires_at: datetime
    report: bytes | None
    launched: bool


async def insert(connection: Connection, tenant_id: UUID, test_id: UUID, provider_id: UUID, user_id: UUID) -> None:
    """Begin a test."""
    await connection.execute(
        """
        insert into provider_test (id, tenant_id, provider_id, user_id, created_at, expires_at)
        values ($1, $2, $3, $4, now(), now() + make_interval(secs => $5))
        """,
        test_id,
        tenant_id,
        provider_id,
        user_id,
        KEPT_SECONDS,
    )


async def begun_lately(connection: Connection, tenant_id: UUID, *, seconds: int) -> int:
    """How many tests the tenant has begun in the last seconds."""
    value: int = await connection.fetchval(
        "select count(*) from provider_test where tenant_id = $1 and created_at > now() - make_interval(secs => $2)",
        tenant_id,
        float(seconds),
    )
    return value


async def report(connection: Connection, tenant_id: UUID, test_id: UUID, written: bytes) -> None:
    """Store the report of the test, for ten minutes from now; the newest report counts."""
    await connection.execute(
        """
        update provider_test set report = $3::jsonb, expires_at = now() + make_interval(secs => $4)
        where tenant_id = $1 and id = $2
        """,
        tenant_id,
        test_id,
        written.decode(),
        KEPT_SECONDS,
    )


async def newest(connection: Connection, tenant_id: UUID, provider_id: UUID, user_id: UUID) -> ProviderTest | None:
    """The test of this provider that this user began last, if it has not expired."""
    row = await connection.fetchrow(
        """
        select t.id, t.provider_id, t.created_at, t.expires_at, t.report, exists (
            select from login_attempt a where a.tenant_id = $1 and a.test_id = t.id and a.launched_at is not null
        ) as launched
        from provider_test t
        where t.tenant_id = $1 and t.provider_id = $2 and t.user_id = $3 and t.expires_at > now()
        order by t.id desc limit 1
        """,
        tenant_id,
        provider_id,
        user_id,
    )
    if row is None:
        return None
    return ProviderTest(**{**row, "report": row["report"].encode() if row["report"] is not None else None})


async def forget(connection: Connection, limit: int) -> int:
    """Remove expired tests, with their attempts."""
    status = await connection.execute(
        "delete from provider_test"
        " where (tenant_id, id) in (select tenant_id, id from provider_test where expires_at < now() limit $1)",
        limit,
    )
    return int(status.rpartition(" ")[2])
