"""Test logins and their reports, which only their reader can read: an admin, for ten minutes, or who has a set-up link."""

from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection

KEPT_SECONDS = 600.0


class Reader(msgspec.Struct, frozen=True):
    """Who makes a test and reads its report."""

    id: UUID
    """Of the user, or of the set-up link."""
    link_seconds: float | None = None
    """For a set-up link, how long it lasts: its reports are kept until then."""


class ProviderTest(msgspec.Struct, frozen=True):
    """One row. `report` is JSON, None while the login is under way; `launched`: the browser went to the provider."""

    id: UUID
    provider_id: UUID
    created_at: datetime
    expires_at: datetime
    report: bytes | None
    launched: bool


async def insert(connection: Connection, tenant_id: UUID, test_id: UUID, provider_id: UUID, reader: Reader) -> bool:
    """Begin a test; False if the provider has been deleted. It is there until the transaction ends."""
    is_link = reader.link_seconds is not None
    status = await connection.execute(
        """
        insert into provider_test (id, tenant_id, provider_id, user_id, setup_link_id, created_at, expires_at)
        select $1, $2, p.id, $4, $5, now(), now() + make_interval(secs => $6)
        from provider p where p.tenant_id = $2 and p.id = $3 for key share
        """,
        test_id,
        tenant_id,
        provider_id,
        None if is_link else reader.id,
        reader.id if is_link else None,
        reader.link_seconds or KEPT_SECONDS,
    )
    return bool(status == "INSERT 0 1")


async def begun_lately(connection: Connection, tenant_id: UUID, *, seconds: int) -> int:
    """How many tests the tenant has begun in the last seconds."""
    value: int = await connection.fetchval(
        "select count(*) from provider_test where tenant_id = $1 and created_at > now() - make_interval(secs => $2)",
        tenant_id,
        float(seconds),
    )
    return value


async def report(connection: Connection, tenant_id: UUID, test_id: UUID, written: bytes) -> None:
    """Store the report of the test, for ten minutes from now, or for as long as its link lasts; the newest report counts."""
    await connection.execute(
        """
        update provider_test set report = $3::jsonb, expires_at = greatest(expires_at, now() + make_interval(secs => $4))
        where tenant_id = $1 and id = $2
        """,
        tenant_id,
        test_id,
        written.decode(),
        KEPT_SECONDS,
    )


async def newest(
    connection: Connection, tenant_id: UUID, provider_id: UUID, reader_id: UUID, *, has_ended: bool = False
) -> ProviderTest | None:
    """The test of this provider that this user, or who has this link, began last, if it has not expired.

    Args:
        has_ended: pass over tests without a report.
    """
    row = await connection.fetchrow(
        """
        select t.id, t.provider_id, t.created_at, t.expires_at, t.report, exists (
            select from login_attempt a where a.tenant_id = $1 and a.test_id = t.id and a.launched_at is not null
        ) as launched
        from provider_test t
        where t.tenant_id = $1 and t.provider_id = $2 and coalesce(t.user_id, t.setup_link_id) = $3
            and t.expires_at > now() and (t.report is not null or not $4)
        order by t.id desc limit 1
        """,
        tenant_id,
        provider_id,
        reader_id,
        has_ended,
    )
    if row is None:
        return None
    return ProviderTest(**{**row, "report": row["report"].encode() if row["report"] is not None else None})


async def forget_of_links(connection: Connection, tenant_id: UUID, provider_id: UUID) -> None:
    """Remove the provider's tests by set-up links, with their logins under way: they are about settings that change here."""
    await connection.execute(
        "delete from provider_test where tenant_id = $1 and provider_id = $2 and setup_link_id is not null",
        tenant_id,
        provider_id,
    )


async def forget(connection: Connection, limit: int) -> int:
    """Remove expired tests, with their attempts."""
    status = await connection.execute(
        "delete from provider_test"
        " where (tenant_id, id) in (select tenant_id, id from provider_test where expires_at < now() limit $1)",
        limit,
    )
    return int(status.rpartition(" ")[2])
