"""What ends logins ends them in its own tenant only, whatever ids it is given (I2)."""

import os
from dataclasses import dataclass
from uuid import UUID

import pytest

from identity_api.db import login_ends
from identity_api.db.database import Connection, Database
from identity_api.ids import uuid7
from tests import factories as make


@dataclass
class Login:
    """Somebody of a tenant, with everything that a login leaves."""

    tenant_id: UUID
    user_id: UUID
    identity_id: UUID


async def make_login(connection: Connection) -> Login:
    tenant = await make.make_tenant(connection)
    provider = await make.make_provider(connection, tenant.id)
    user_id, identity_id = await make.make_person(connection, provider)
    await connection.execute(
        """
        insert into session (id, tenant_id, user_id, identity_id, kind, token_hash, epoch, created_at, seen_at,
            authenticated_at, absolute_until)
        values ($1, $2, $3, $4, 'COOKIE', $5, 0, now(), now(), now(), now() + interval '1 day')
        """,
        uuid7(),
        tenant.id,
        user_id,
        identity_id,
        os.urandom(32),
    )
    await connection.execute(
        """
        insert into api_token (id, tenant_id, user_id, name, token_hash, created_at, expires_at)
        values ($1, $2, $3, 'a script', $4, now(), now() + interval '1 day')
        """,
        uuid7(),
        tenant.id,
        user_id,
        os.urandom(32),
    )
    return Login(tenant.id, user_id, identity_id)


async def alive(connection: Connection, login: Login) -> list[int]:
    """How many sessions, API tokens and living identities the tenant has."""
    return [
        await connection.fetchval(f"select count(*) from {rows}", login.tenant_id)
        for rows in (
            "session where tenant_id = $1 and ended_at is null",
            "api_token where tenant_id = $1 and ended_at is null",
            "identity where tenant_id = $1 and state <> 'REVOKED'",
        )
    ]


async def end(connection: Connection, tenant_id: UUID, of: Login) -> None:
    """Everything that can be ended by an id."""
    await login_ends.end_sessions(
        connection, tenant_id, user_ids=[of.user_id], identity_ids=[of.identity_id], reason="admin"
    )
    await login_ends.end_api_tokens(connection, tenant_id, [of.user_id], "admin")
    await login_ends.revoke_identities(connection, tenant_id, [of.identity_id], "REVOKED", "admin")


@pytest.mark.asyncio
async def test_ids_of_another_tenant_end_nothing(database: Database) -> None:
    async with database.transaction() as connection:
        ours, theirs = await make_login(connection), await make_login(connection)
        assert await alive(connection, theirs) == [1, 1, 1]
        await end(connection, ours.tenant_id, theirs)
        assert await alive(connection, theirs) == [1, 1, 1]
        await end(connection, theirs.tenant_id, theirs)
        assert await alive(connection, theirs) == [0, 0, 0]
        assert await alive(connection, ours) == [1, 1, 1]
