"""Logouts that came from providers: a token is used once, and both kinds also end a login under way."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection


class UsedToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a logout token: hashes only."""

    token_hash: bytes
    """Of issuer and `jti`."""
    ended_hash: bytes
    """Of the provider's session, or of the person, that it names."""
    expires_at: datetime
    """From then on the token is too old to be accepted (by this service's clock)."""


async def is_used(connection: Connection, tenant_id: UUID, provider_id: UUID, token_hash: bytes) -> bool:
    """Whether the token was used before. Checked outside any transaction, so that replays wait for nobody."""
    value: bool = await connection.fetchval(
        """
        select exists (
            select from logout_token_seen where tenant_id = $1 and provider_id = $2 and token_hash = $3)
        """,
        tenant_id,
        provider_id,
        token_hash,
    )
    return value


_OF_PROVIDER = "from provider p where p.tenant_id = $1 and p.id = $2 for key share"
"""A logout that comes while its provider is deleted is about nobody."""


async def remember(connection: Connection, tenant_id: UUID, provider_id: UUID, used: UsedToken) -> bool:
    """Use the token up; False if it was used before, or the provider has been deleted. Of several at once, one gets True."""
    status = await connection.execute(
        f"""
        insert into logout_token_seen (tenant_id, provider_id, token_hash, ended_hash, seen_at, expires_at)
        select $1, p.id, $3, $4, now(), $5 {_OF_PROVIDER} on conflict (tenant_id, provider_id, token_hash) do nothing
        """,
        tenant_id,
        provider_id,
        used.token_hash,
        used.ended_hash,
        used.expires_at,
    )
    return bool(status == "INSERT 0 1")


async def remember_browser(
    connection: Connection, tenant_id: UUID, provider_id: UUID, ended_hash: bytes, *, name_hash: bytes, seconds: float
) -> None:
    """Keep for `seconds` that a browser named what this hash stands for: one row, however often it is named.

    Args:
        name_hash: stands for the same in the place of a token's hash, and is no token's.
    """
    await connection.execute(
        f"""
        insert into logout_token_seen as seen (tenant_id, provider_id, token_hash, ended_hash, seen_at, expires_at)
        select $1, p.id, $3, $4, now(), now() + make_interval(secs => $5) {_OF_PROVIDER}
        on conflict (tenant_id, provider_id, token_hash) do update
            set seen_at = greatest(seen.seen_at, excluded.seen_at), expires_at = excluded.expires_at
        """,
        tenant_id,
        provider_id,
        name_hash,
        ended_hash,
        seconds,
    )


class ProviderSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session at a provider, as a logout names it."""

    tenant_id: UUID
    provider_id: UUID
    issuer: str
    session_id: str
    subject: str | None = None
    """Must be whose it is, if given. Then it also means those logins of that person of which the provider did not say
    from which of its sessions they came, since one of them may be the one."""


class FoundSession(msgspec.Struct, frozen=True):
    """A session of this service that came from a session of a provider."""

    id: UUID
    user_id: UUID
    identity_id: UUID
    token_hash: bytes


_CAME_FROM = """
    {row}.tenant_id = $1 and i.tenant_id = $1 and i.id = {row}.identity_id and i.provider_id = $2 and i.issuer = $3
    and ($5::text is null or i.subject = $5)
    and ({row}.provider_session = $4 or ($5 is not null and {row}.provider_session is null))
"""


async def sessions_from(connection: Connection, named: ProviderSession) -> list[FoundSession]:
    """This service's sessions that came from this one and that nobody has ended."""
    rows = await connection.fetch(
        f"""
        select s.id, s.user_id, s.identity_id, s.token_hash from session s, identity i
        where {_CAME_FROM.format(row="s")} and s.ended_at is null
        """,
        *_values(named),
    )
    return [FoundSession(**row) for row in rows]


async def users_from(connection: Connection, named: ProviderSession) -> list[UUID]:
    """Users whose sessions came from this one, or will once a finished login is picked up."""
    rows = await connection.fetch(
        f"""
        select s.user_id from session s, identity i where {_CAME_FROM.format(row="s")} and s.ended_at is null
        union
        select c.user_id from one_time_code c, identity i where {_CAME_FROM.format(row="c")} and c.used_at is null
        """,
        *_values(named),
    )
    return [row["user_id"] for row in rows]


async def codes_wait_from(connection: Connection, named: ProviderSession) -> bool:
    """Whether there are finished logins from this session that nobody has picked up yet."""
    value: bool = await connection.fetchval(
        f"""
        select exists (
            select from one_time_code c, identity i where {_CAME_FROM.format(row="c")} and c.used_at is null)
        """,
        *_values(named),
    )
    return value


async def void_codes_from(connection: Connection, named: ProviderSession) -> None:
    """Use up finished logins from this session that nobody has picked up yet."""
    await connection.execute(
        f"""
        update one_time_code c set used_at = now() from identity i
        where {_CAME_FROM.format(row="c")} and c.used_at is null
        """,
        *_values(named),
    )


def _values(named: ProviderSession) -> tuple[UUID | str | None, ...]:
    return named.tenant_id, named.provider_id, named.issuer, named.session_id, named.subject


async def sync_soon(connection: Connection, tenant_id: UUID, identity_ids: Sequence[UUID]) -> None:
    """Make the identities due now, if they are synced at all. A sync that is under way goes on, and is followed by another."""
    await connection.execute(
        """
        with held as (
            select id from identity_sync where tenant_id = $1 and id = any($2::uuid[]) and due_at is not null
            order by id for no key update
        )
        update identity_sync s set due_at = now() from held where s.tenant_id = $1 and s.id = held.id
        """,
        tenant_id,
        list(identity_ids),
    )


async def forget(connection: Connection, limit: int) -> int:
    """Delete up to `limit` logouts that have been too old for an hour, of all tenants. Returns how many.

    The hour is for clocks: `expires_at` is by the service's, and a replay must never find its token forgotten.
    """
    status = await connection.execute(
        """
        delete from logout_token_seen where (tenant_id, provider_id, token_hash) in (
            select tenant_id, provider_id, token_hash from logout_token_seen
            where expires_at < now() - interval '1 hour' limit $1)
        """,
        limit,
    )
    return int(status.rpartition(" ")[2])
