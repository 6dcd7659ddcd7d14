"""The link of the first run: at most one, while there is no tenant. Only the hash of its token is kept."""

from datetime import datetime

from identity_api.db.database import Connection


async def offer(connection: Connection, token_hash: bytes, *, seconds: int, anew: bool) -> datetime | None:
    """Offer this link until the returned moment; None if there is a tenant, or, unless `anew`, another link that works.

    Of several processes at once, one gets a moment.
    """
    value: datetime | None = await connection.fetchval(
        """
        insert into first_run as f (id, token_hash, created_at, expires_at)
        select 'first', $1, now(), now() + make_interval(secs => $2) where not exists (select from tenant)
        on conflict (id) do update
            set token_hash = excluded.token_hash, tenant_slug = null, created_at = excluded.created_at,
                expires_at = excluded.expires_at, used_at = null
            where $3 or f.expires_at <= excluded.created_at
        returning expires_at
        """,
        token_hash,
        float(seconds),
        anew,
    )
    return value


async def is_ahead(connection: Connection) -> bool:
    """There is no tenant yet."""
    value: bool = await connection.fetchval("select not exists (select from tenant)")
    return value


_LIVE = """
    from first_run f where f.token_hash = $1 and f.used_at is null and f.expires_at > now()
        and not exists (select from tenant t where t.slug is distinct from f.tenant_slug)
"""
"""The link is over once a tenant was made otherwise, also beside its own."""


async def tenant_slug(connection: Connection, token_hash: bytes) -> tuple[str | None] | None:
    """The tenant that was made with the link, which may be none yet; None if the link does not work."""
    row = await connection.fetchrow(f"select tenant_slug {_LIVE}", token_hash)
    return (row["tenant_slug"],) if row else None


async def hold(connection: Connection, token_hash: bytes) -> tuple[str | None] | None:
    """The same, and lock the link until the transaction ends: one browser at a time takes a step."""
    row = await connection.fetchrow(f"select tenant_slug {_LIVE} for update", token_hash)
    return (row["tenant_slug"],) if row else None


async def note_tenant(connection: Connection, slug: str) -> None:
    """The link's tenant is made."""
    await connection.execute("update first_run set tenant_slug = $1 where id = 'first'", slug)


async def use(connection: Connection) -> None:
    """The link has led to a way in; it is over."""
    await connection.execute("update first_run set used_at = now() where id = 'first'")
