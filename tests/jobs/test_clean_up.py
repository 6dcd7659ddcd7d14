"""What is forgotten, and what is kept."""

from uuid import UUID

import pytest

from identity_api.db import provider_tests
from identity_api.db.database import Connection, Database
from identity_api.db.provider_tests import Reader
from identity_api.ids import uuid7
from identity_api.jobs.clean_up import clean_up
from tests import factories as make


async def make_attempt(connection: Connection, tenant_id: UUID, provider_id: UUID, expired: str) -> UUID:
    """An attempt with a handle, which expired so long ago."""
    attempt_id, handle_id = uuid7(), uuid7()
    await connection.execute(
        f"""
        insert into login_attempt (id, tenant_id, provider_id, delivery, return_to, session_origin, path_prefix, redirect_url,
            issuer, reauthentication, created_at, expires_at)
        values ($1, $2, $3, 'cookie', '/', 'https://a.example', '', 'https://a.example/', 'https://b.example', false,
            now() - interval '1 day', now() - interval '{expired}')
        """,
        attempt_id,
        tenant_id,
        provider_id,
    )
    await connection.execute(
        """
        insert into login_handle (id, tenant_id, attempt_id, token_hash, stage, expires_at)
        values ($1, $2, $3, $4, 'SESSION_HOST', now())
        """,
        handle_id,
        tenant_id,
        attempt_id,
        handle_id.bytes,
    )
    return attempt_id


@pytest.mark.asyncio
async def test_logins_long_expired_are_forgotten_with_their_handles(database: Database) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        await make_attempt(connection, tenant.id, provider.id, "61 minutes")
        kept = await make_attempt(connection, tenant.id, provider.id, "59 minutes")
    assert await clean_up(database) >= 1
    async with database.reading() as connection:
        attempts = await connection.fetch("select id from login_attempt where tenant_id = $1", tenant.id)
        handles = await connection.fetch("select attempt_id from login_handle where tenant_id = $1", tenant.id)
    assert [row["id"] for row in attempts] == [kept]
    assert [row["attempt_id"] for row in handles] == [kept]


@pytest.mark.asyncio
async def test_sessions_over_for_a_month_are_forgotten(database: Database) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        user = await make.make_user(connection, tenant.id)
        for number, over in enumerate(("31 days", "29 days")):
            await connection.execute(
                f"""
                insert into session (id, tenant_id, user_id, kind, token_hash, epoch, created_at, seen_at,
                    authenticated_at, absolute_until)
                values ($1, $2, $3, 'COOKIE', $4, $5, now(), now(), now(), now() - interval '{over}')
                """,
                uuid7(),
                tenant.id,
                user,
                uuid7().bytes,
                number,
            )
    assert await clean_up(database) >= 1
    async with database.reading() as connection:
        rows = await connection.fetch("select epoch from session where tenant_id = $1", tenant.id)
    assert [row["epoch"] for row in rows] == [1]
    assert await clean_up(database) == 0


@pytest.mark.asyncio
async def test_a_refresh_token_that_was_dead_for_a_month_is_forgotten_and_a_living_one_never(
    database: Database,
) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        user = await make.make_user(connection, tenant.id)
        identity = await make.make_identity(connection, provider, user)
        for hash, dead in (
            (b"31", "now() - interval '31 days'"),
            (b"29", "now() - interval '29 days'"),
            (b"-", "null"),
        ):
            await connection.execute(
                f"""
                insert into refresh_token (id, tenant_id, identity_id, sealed, hash, created_at, dead_at, dead_reason, uncertain)
                values ($1, $2, $3, null, $4, now() - interval '90 days', {dead}, 'rotated', false)
                """,
                uuid7(),
                tenant.id,
                identity,
                hash,
            )
    assert await clean_up(database) >= 1
    async with database.reading() as connection:
        kept = await connection.fetch("select hash from refresh_token where tenant_id = $1", tenant.id)
    assert {row["hash"] for row in kept} == {b"29", b"-"}


@pytest.mark.asyncio
async def test_tokens_too_old_to_count_are_forgotten(database: Database) -> None:
    """A logout token an hour after its end, so that no replay finds it forgotten; a password token after a day."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        user = await make.make_user(connection, tenant.id)
        for over in ("61 minutes", "59 minutes"):
            await connection.execute(
                f"""
                insert into logout_token_seen (tenant_id, provider_id, token_hash, ended_hash, seen_at, expires_at)
                values ($1, $2, $3, $3, now(), now() - interval '{over}')
                """,
                tenant.id,
                provider.id,
                over.encode(),
            )
        for over in ("25 hours", "23 hours"):
            await connection.execute(
                f"""
                insert into password_token (id, tenant_id, user_id, token_hash, created_at, expires_at)
                values ($1, $2, $3, $4, now(), now() - interval '{over}')
                """,
                uuid7(),
                tenant.id,
                user,
                uuid7().bytes + over.encode(),
            )
    assert await clean_up(database) >= 2
    async with database.reading() as connection:
        logouts = await connection.fetch("select token_hash from logout_token_seen where tenant_id = $1", tenant.id)
        passwords = await connection.fetch("select token_hash from password_token where tenant_id = $1", tenant.id)
    assert [row["token_hash"] for row in logouts] == [b"59 minutes"]
    assert [row["token_hash"][16:] for row in passwords] == [b"23 hours"]


@pytest.mark.asyncio
async def test_a_test_login_is_forgotten_after_its_time_with_its_attempt(database: Database) -> None:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        provider = await make.make_provider(connection, tenant.id)
        user = await make.make_user(connection, tenant.id)
        ended, kept = uuid7(), uuid7()
        for test_id in (ended, kept):
            await provider_tests.insert(connection, tenant.id, test_id, provider.id, Reader(user))
            attempt = await make_attempt(connection, tenant.id, provider.id, "1 second")
            await connection.execute("update login_attempt set test_id = $1 where id = $2", test_id, attempt)
        await connection.execute("update provider_test set expires_at = now() - interval '1 s' where id = $1", ended)
    await clean_up(database)
    async with database.reading() as connection:
        tests = await connection.fetch("select id from provider_test where tenant_id = $1", tenant.id)
        attempts = await connection.fetch("select test_id from login_attempt where tenant_id = $1", tenant.id)
    assert [row["id"] for row in tests] == [row["test_id"] for row in attempts] == [kept]
