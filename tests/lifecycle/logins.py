"""Somebody who has signed in, with everything that a login leaves."""

import os
from dataclasses import dataclass
from uuid import UUID

from identity_api.db.database import Connection
from identity_api.db.providers import Provider
from identity_api.ids import uuid7
from tests import factories as make

_LEFT = (
    """
    insert into session (id, tenant_id, user_id, identity_id, kind, token_hash, epoch, created_at, seen_at,
        authenticated_at, absolute_until)
    values ($4, $1, $2, $3, 'COOKIE', $5, 0, now(), now(), now(), now() + interval '1 day')
    """,
    """
    insert into api_token (id, tenant_id, user_id, name, token_hash, created_at, expires_at)
    select $4, $1, $2, 'a script', $5, now(), now() + interval '1 day' where $3::uuid is not null
    """,
    """
    insert into refresh_token (id, tenant_id, identity_id, sealed, hash, created_at, uncertain)
    select $4, $1, $3, 'unopened', $5, now(), false where $2::uuid is not null
    """,
    """
    with attempt as (
        insert into login_attempt (id, tenant_id, delivery, return_to, session_origin, path_prefix, reauthentication,
            redirect_url, issuer, created_at, expires_at, consumed_at)
        values ($4, $1, 'code', '/', 'https://id.example', '', false, '/', '', now(), now() + interval '1 hour', now())
        returning id
    )
    insert into one_time_code (id, tenant_id, attempt_id, user_id, identity_id, kind, code_hash, authenticated_at,
        expires_at)
    select $4, $1, attempt.id, $2, $3, 'TOKEN', $5, now(), now() + interval '1 minute' from attempt
    """,
)
_ALIVE = {
    "identity": "select count(*) from identity where tenant_id = $1 and id = $3 and state not in ('REVOKED', 'QUARANTINED')",
    "session": "select count(*) from session where tenant_id = $1 and user_id = $2 and ended_at is null",
    "api_token": "select count(*) from api_token where tenant_id = $1 and user_id = $2 and ended_at is null",
    "refresh_token": "select count(*) from refresh_token where tenant_id = $1 and identity_id = $3 and sealed is not null",
    "code": "select count(*) from one_time_code where tenant_id = $1 and user_id = $2 and used_at is null",
    "sync": "select count(*) from identity_sync where tenant_id = $1 and id = $3 and generation = 0",
}


@dataclass(frozen=True)
class Login:
    """Whose it is."""

    tenant_id: UUID
    user_id: UUID
    identity_id: UUID

    async def alive(self, connection: Connection) -> set[str]:
        """What is left of it; `sync` while no end has overtaken the syncs under way."""
        named = "and ($1, $2, $3) is distinct from (null::uuid, null::uuid, null::uuid)"
        values = (self.tenant_id, self.user_id, self.identity_id)
        return {name for name, rows in _ALIVE.items() if await connection.fetchval(f"{rows} {named}", *values)}


ALL = frozenset(_ALIVE)


async def make_login(connection: Connection, provider: Provider | None = None) -> Login:
    """A login at the provider, or at one of a tenant of its own."""
    if provider is None:
        provider = await make.make_provider(connection, (await make.make_tenant(connection)).id)
    user_id, identity_id = await make.make_person(connection, provider)
    for statement in _LEFT:
        await connection.execute(statement, provider.tenant_id, user_id, identity_id, uuid7(), os.urandom(32))
    await connection.execute("update identity_sync set generation = 0 where id = $1", identity_id)
    return Login(provider.tenant_id, user_id, identity_id)
