"""Invitations: for whom, by whom, and whether they work. Only hashes of their tokens are kept."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db.database import Connection

KEPT_DAYS = 30
Reason = Literal["USED", "REVOKED", "CLOSED"]
State = Literal["LIVE", "EXPIRED", Reason]


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """One invitation, with its user as they are now."""

    id: UUID
    user_id: UUID
    username: str
    display_label: str
    email: str | None
    provider_id: UUID | None
    """None if the person chooses a password."""
    provider_slug: str | None
    provider_label: str | None
    maker_id: UUID | None
    made_by: str
    created_at: datetime
    expires_at: datetime
    ended_reason: Reason | None
    is_expired: bool
    is_open: bool
    """It was neither used nor revoked, has not expired, and its user has no other way in."""

    @property
    def state(self) -> State:
        """`CLOSED`: neither used nor revoked, but its user has, or had, another way in, or is disabled."""
        return self.ended_reason or ("LIVE" if self.is_open else "EXPIRED" if self.is_expired else "CLOSED")

    def __repr__(self) -> str:
        return f"Invitation(id={self.id})"


# While the account has another way in or is disabled, the invitation does not work. A password may be removed again, so whatever
# sets one ends the invitation (`close`); an identity's row stays when it is unlinked.
_OPEN = """
    i.ended_at is null and i.expires_at > now() and u.disabled_at is null and u.password_hash is null
    and not exists (select from identity x where x.tenant_id = $1 and x.user_id = i.user_id)
"""
_INVITATIONS = f"""
    select i.id, i.user_id, u.username, u.display_label, u.email, i.provider_id, p.slug as provider_slug,
        p.label as provider_label, i.maker_id, i.made_by,
        i.created_at, i.expires_at, i.ended_reason, i.expires_at <= now() as is_expired, {_OPEN} as is_open
    from invitation i
    join app_user u on u.tenant_id = $1 and u.id = i.user_id
    left join provider p on p.tenant_id = $1 and p.id = i.provider_id
    where i.tenant_id = $1
"""


def _invitation(row: Record | None) -> Invitation | None:
    return Invitation(**row) if row else None


async def insert(
    connection: Connection,
    tenant_id: UUID,
    invitation_id: UUID,
    *,
    user_id: UUID,
    provider_id: UUID | None,
    maker: tuple[UUID | None, str],
    token_hash: bytes,
    seconds: int,
) -> None:
    """Store a new invitation, made by this user or, for None, by who is named."""
    await connection.execute(
        """
        insert into invitation (id, tenant_id, user_id, provider_id, maker_id, made_by, token_hash, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, now(), now() + make_interval(secs => $8))
        """,
        invitation_id,
        tenant_id,
        user_id,
        provider_id,
        *maker,
        token_hash,
        float(seconds),
    )


async def get(connection: Connection, tenant_id: UUID, invitation_id: UUID) -> Invitation | None:
    """The invitation of this id, whether it works or not."""
    return _invitation(await connection.fetchrow(f"{_INVITATIONS} and i.id = $2", tenant_id, invitation_id))


async def by_token(connection: Connection, tenant_id: UUID, token_hash: bytes) -> Invitation | None:
    """The invitation of this token, whether it works or not."""
    return _invitation(await connection.fetchrow(f"{_INVITATIONS} and i.token_hash = $2", tenant_id, token_hash))


async def of_tenant(connection: Connection, tenant_id: UUID, *, most: int) -> list[Invitation]:
    """The tenant's invitations: those that wait before those that have ended; the newest of each first."""
    rows = await connection.fetch(
        f"{_INVITATIONS} order by i.ended_at is null and i.expires_at > now() desc, i.id desc limit $2", tenant_id, most
    )
    return [Invitation(**row) for row in rows]


async def count_waiting(connection: Connection, tenant_id: UUID) -> int:
    """How many invitations of the tenant were neither used nor revoked, and have not expired."""
    value: int = await connection.fetchval(
        "select count(*) from invitation where tenant_id = $1 and ended_at is null and expires_at > now()", tenant_id
    )
    return value


async def end(connection: Connection, tenant_id: UUID, invitation_id: UUID, reason: Literal["USED", "REVOKED"]) -> bool:
    """End an invitation that has not ended; of several at once, one does."""
    status = await connection.execute(
        """
        update invitation set ended_at = now(), ended_reason = $3
        where tenant_id = $1 and id = $2 and ended_at is null and expires_at > now()
        """,
        tenant_id,
        invitation_id,
        reason,
    )
    return bool(status == "UPDATE 1")


async def close(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    """End what waits for the user for good: they have another way in."""
    await connection.execute(
        """
        update invitation set ended_at = now(), ended_reason = 'CLOSED'
        where tenant_id = $1 and user_id = $2 and ended_at is null and expires_at > now()
        """,
        tenant_id,
        user_id,
    )


async def forget(connection: Connection, limit: int) -> int:
    """Remove invitations that expired a month ago. The audit keeps the events."""
    status = await connection.execute(
        """
        delete from invitation where (tenant_id, id) in (
            select tenant_id, id from invitation where expires_at < now() - make_interval(days => $2) limit $1)
        """,
        limit,
        KEPT_DAYS,
    )
    return int(status.rpartition(" ")[2])
