"""Programs with a long-lived secret: service clients (the product's backend) and users' API tokens."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db import outbox
from identity_api.db.database import Connection


class ServiceClient(msgspec.Struct, frozen=True):
    """The product's own backend: may read the data of these tenants, and of no other."""

    id: UUID
    name: str
    tenant_ids: frozenset[UUID]
    scopes: frozenset[str]
    was_just_seen: bool = False
    """Its last use was recorded within a minute."""


CLIENT = """
    c.id as client_id, c.name as client_name, c.tenant_ids, c.scopes, c.secret_hash,
    coalesce(c.seen_at > now() - interval '1 minute', false) as was_just_seen
"""
"""Select-list items for a client `c`."""

CLIENT_IS_LIVE = "c.revoked_at is null and (c.expires_at is null or c.expires_at > now())"
"""The condition that the secret of a client `c` works."""


async def service_client(connection: Connection, name: str) -> tuple[ServiceClient, bytes] | None:
    """The client with that name, if its secret works, and the hash of it."""
    row = await connection.fetchrow(
        f"select {CLIENT} from service_client c where c.name = $1 and {CLIENT_IS_LIVE}", name
    )
    return None if row is None else (client_of(row), row["secret_hash"])


async def kept_service_client(connection: Connection, name: str) -> ServiceClient | None:
    """The client with that name, if it is not revoked. Its secret may have expired."""
    row = await connection.fetchrow(
        f"select {CLIENT} from service_client c where c.name = $1 and c.revoked_at is null", name
    )
    return None if row is None else client_of(row)


def client_of(row: Record) -> ServiceClient:
    """The client of a row with `CLIENT`."""
    tenant_ids, scopes = frozenset(row["tenant_ids"]), frozenset(row["scopes"])
    return ServiceClient(row["client_id"], row["client_name"], tenant_ids, scopes, row["was_just_seen"])


async def touch_service_client(connection: Connection, client_id: UUID) -> None:
    """Note that the client was used, at most once a minute."""
    await connection.execute(
        """
        update service_client set seen_at = now()
        where id = $1 and (seen_at is null or seen_at < now() - interval '1 minute')
        """,
        client_id,
    )


async def insert_service_client(
    connection: Connection,
    client_id: UUID,
    name: str,
    secret_hash: bytes,
    tenant_ids: Sequence[UUID],
    scopes: Sequence[str],
    owner_id: UUID | None = None,
    days: int | None = None,
) -> bool:
    """Make the client; False if the name is taken.

    Args:
        owner_id: the tenant whose admins keep it; None for a client of the operator.
        days: how long its secret works; None means until it is revoked.
    """
    status = await connection.execute(
        """
        insert into service_client (id, name, secret_hash, tenant_ids, scopes, created_at, owner_id, expires_at)
        values ($1, $2, $3, $4, $5, now(), $6, now() + make_interval(days => $7)) on conflict (name) do nothing
        """,
        client_id,
        name,
        secret_hash,
        list(tenant_ids),
        list(scopes),
        owner_id,
        days,
    )
    return bool(status == "INSERT 0 1")


class ClientLine(msgspec.Struct, frozen=True):
    """A service client as the operator sees it."""

    id: UUID
    name: str
    tenants: tuple[str, ...]
    """Slugs."""
    tenant_ids: tuple[UUID, ...]
    """In the order of `tenants`."""
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    seen_at: datetime | None
    revoked_at: datetime | None
    is_live: bool


class TenantClient(msgspec.Struct, frozen=True):
    """A service client as the admins of a tenant that it may look into see it."""

    id: UUID
    name: str
    created_at: datetime
    expires_at: datetime | None
    seen_at: datetime | None
    revoked_at: datetime | None
    is_live: bool
    is_owned: bool
    """The admins of this tenant keep it, not the operator."""


_OF_TENANT = f"""
    select c.id, c.name, c.created_at, c.expires_at, c.seen_at, c.revoked_at, {CLIENT_IS_LIVE} as is_live,
        coalesce(c.owner_id = $1, false) as is_owned
    from service_client c where c.tenant_ids @> array[$1::uuid]
"""


async def of_tenant(connection: Connection, tenant_id: UUID) -> list[TenantClient]:
    """The clients that may look into this tenant and are not revoked, by name."""
    rows = await connection.fetch(f"{_OF_TENANT} and c.revoked_at is null order by c.name", tenant_id)
    return [TenantClient(**row) for row in rows]


async def tenant_client(connection: Connection, tenant_id: UUID, client_id: UUID) -> TenantClient | None:
    """The client, if it may look into this tenant."""
    row = await connection.fetchrow(f"{_OF_TENANT} and c.id = $2", tenant_id, client_id)
    return TenantClient(**row) if row else None


async def service_clients(connection: Connection) -> list[ClientLine]:
    """All of this installation, by name."""
    rows = await connection.fetch(
        f"""
        select c.id, c.name, c.scopes,
            array(select t.slug from tenant t where t.id = any(c.tenant_ids) order by t.slug) as tenants,
            array(select t.id from tenant t where t.id = any(c.tenant_ids) order by t.slug) as tenant_ids,
            c.created_at, c.expires_at, c.seen_at, c.revoked_at, {CLIENT_IS_LIVE} as is_live
        from service_client c order by c.name
        """
    )
    return [
        ClientLine(**{**row, **{name: tuple(row[name]) for name in ("tenants", "tenant_ids", "scopes")}})
        for row in rows
    ]


async def replace_client_secret(
    connection: Connection, client_id: UUID, secret_hash: bytes, days: int | None = None
) -> bool:
    """The old secret ends with the commit; False if the new one does not work, since the client has expired.

    Args:
        days: how long the new secret works; None leaves the client's end as it is.
    """
    await connection.execute("update service_client set secret_hash = $2 where id = $1", client_id, secret_hash)
    if days is not None:
        await connection.execute(
            "update service_client set expires_at = now() + make_interval(days => $2) where id = $1", client_id, days
        )
    return bool(
        await connection.fetchval(f"select true from service_client c where c.id = $1 and {CLIENT_IS_LIVE}", client_id)
    )


async def revoke_service_client(connection: Connection, client_id: UUID) -> None:
    """Its secret ends with the commit; its name stays taken, since the record names it."""
    await connection.execute("update service_client set revoked_at = now() where id = $1", client_id)


async def insert_api_token(
    connection: Connection,
    tenant_id: UUID,
    token_id: UUID,
    user_id: UUID,
    name: str,
    token_hash: bytes,
    *,
    days: int,
    permissions: Sequence[str] = (),
    may_change: bool = False,
) -> None:
    """Make the user an API token that ends after `days` days, or with their logins.

    Args:
        permissions: what it is limited to; empty means no limit.
    """
    await connection.execute(
        """
        insert into api_token
            (id, tenant_id, user_id, name, token_hash, created_at, expires_at, permissions, may_change)
        values ($1, $2, $3, $4, $5, now(), now() + make_interval(days => $6), $7, $8)
        """,
        token_id,
        tenant_id,
        user_id,
        name,
        token_hash,
        days,
        list(permissions),
        may_change,
    )


class ApiTokenLine(msgspec.Struct, frozen=True):
    """An API token as admins and operators see it."""

    id: UUID
    user_id: UUID
    username: str
    display_label: str
    name: str
    created_at: datetime
    expires_at: datetime
    seen_at: datetime | None
    ended_at: datetime | None
    ended_reason: str | None
    permissions: tuple[str, ...]
    may_change: bool
    is_live: bool


_LIVE = "a.ended_at is null and a.expires_at > now()"
_TOKENS = f"""
    select a.id, a.user_id, u.username, u.display_label, a.name, a.created_at, a.expires_at, a.seen_at, a.ended_at,
        a.ended_reason, a.permissions, a.may_change, {_LIVE} as is_live
    from api_token a join app_user u on u.tenant_id = $1 and u.id = a.user_id
    where a.tenant_id = $1
"""


def _line(row: Record) -> ApiTokenLine:
    return ApiTokenLine(**{**row, "permissions": tuple(row["permissions"])})


async def api_tokens(
    connection: Connection,
    tenant_id: UUID,
    *,
    after: UUID | None,
    first: int,
    backward: bool = False,
    live: bool | None = None,
    user_id: UUID | None = None,
) -> list[ApiTokenLine]:
    """At most `first` + 1 API tokens after that one, the oldest first.

    Args:
        backward: those before that one, the newest first.
        live: only those that still work, or only those that are over; None lists both.
        user_id: only those of this user.
    """
    beyond, direction = ("<", "desc") if backward else (">", "asc")
    criteria = "" if live is None else f" and {_LIVE}" if live else f" and not ({_LIVE})"
    if user_id is not None:
        criteria += " and a.user_id = $4"
    rows = await connection.fetch(
        f"{_TOKENS} and ($2::uuid is null or a.id {beyond} $2) {criteria} order by a.id {direction} limit $3",
        tenant_id,
        after,
        first + 1,
        *([] if user_id is None else [user_id]),
    )
    return [_line(row) for row in rows]


async def live_api_tokens(connection: Connection, tenant_id: UUID, user_ids: Sequence[UUID]) -> list[ApiTokenLine]:
    """The API tokens of these users that still work, the oldest first."""
    rows = await connection.fetch(
        f"{_TOKENS} and a.user_id = any($2::uuid[]) and {_LIVE} order by a.id",
        tenant_id,
        list(user_ids),
    )
    return [_line(row) for row in rows]


async def api_token(connection: Connection, tenant_id: UUID, token_id: UUID) -> ApiTokenLine | None:
    """The token, if it is this tenant's."""
    row = await connection.fetchrow(f"{_TOKENS} and a.id = $2", tenant_id, token_id)
    return _line(row) if row else None


async def end_api_token(connection: Connection, tenant_id: UUID, token_id: UUID, reason: str) -> bool:
    """End the token; False if it has ended already."""
    user_id = await connection.fetchval(
        """
        update api_token set ended_at = now(), ended_reason = $3
        where tenant_id = $1 and id = $2 and ended_at is null returning user_id
        """,
        tenant_id,
        token_id,
        reason,
    )
    await outbox.record(connection, tenant_id, "session.ended", [] if user_id is None else [user_id])
    return user_id is not None
