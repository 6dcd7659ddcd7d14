"""What an operator's check looks at: the server, and what should have happened by now. Not bound to a tenant."""

from datetime import datetime

import msgspec

from identity_api.db.database import Connection


class ServerFacts(msgspec.Struct, frozen=True):
    """The server's version (as `server_version_num`, 180001 for 18.1), its name for it, and its clock."""

    version: int
    version_text: str
    clock: datetime


async def server(connection: Connection) -> ServerFacts:
    """One question, so that its round trip bounds the error of the clock."""
    row = await connection.fetchrow(
        """
        select current_setting('server_version_num')::int as version, current_setting('server_version') as version_text,
            clock_timestamp() as clock
        """
    )
    return ServerFacts(**row)


async def try_write(connection: Connection) -> None:
    """Touch no row, in the way in which every change does. Raises asyncpg's error where rights or a standby forbid it."""
    await connection.execute("update tenant set name = name where false")
    await connection.execute("delete from login_attempt where false")


async def oldest_unsealed_seconds(connection: Connection) -> float:
    """For how long the oldest audit event has waited to be sealed; 0 if none does."""
    seconds = await connection.fetchval(
        "select extract(epoch from now() - min(at))::float8 from audit_event where sequence is null"
    )
    return max(0.0, seconds or 0.0)


class SecretAge(msgspec.Struct, frozen=True):
    """When an enabled provider's last client secret ends: None for never; `live` counts those that have not ended."""

    tenant: str
    provider: str
    client_authentication: str
    live: int
    ends_at: datetime | None
    remaining_days: float | None


async def client_secrets(connection: Connection) -> list[SecretAge]:
    """Every enabled provider's client secret, by tenant and provider."""
    rows = await connection.fetch(
        """
        select t.slug as tenant, p.slug as provider, p.client_authentication, count(s.id) as live,
            case when bool_or(s.id is not null and s.expires_at is null) then null else max(s.expires_at) end as ends_at,
            case when bool_or(s.id is not null and s.expires_at is null) then null
                else extract(epoch from max(s.expires_at) - now())::float8 / 86400 end as remaining_days
        from provider p
        join tenant t on t.id = p.tenant_id
        left join provider_secret s on s.tenant_id = p.tenant_id and s.provider_id = p.id
            and (s.expires_at is null or s.expires_at > now())
        where p.enabled
        group by t.slug, p.slug, p.client_authentication
        order by t.slug, p.slug
        """
    )
    return [SecretAge(**row) for row in rows]
