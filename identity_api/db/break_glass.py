"""Break-glass credentials: a code on paper that signs somebody in once, for a while, when nobody else can."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from identity_api.db.database import Connection


class Credential(msgspec.Struct, frozen=True):
    """A credential without its code, of which only a hash is kept."""

    id: UUID
    user_id: UUID
    permissions: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime
    minutes: int
    used_at: datetime | None
    revoked_at: datetime | None

    @property
    def is_usable(self) -> bool:
        """Whether nobody has used or revoked it; it may have expired."""
        return self.used_at is None and self.revoked_at is None


_COLUMNS = "id, user_id, permissions, created_by, created_at, expires_at, minutes, used_at, revoked_at"


async def insert(
    connection: Connection,
    tenant_id: UUID,
    credential_id: UUID,
    user_id: UUID,
    token_hash: bytes,
    *,
    permissions: Sequence[str],
    days: int,
    minutes: int,
    created_by: str,
) -> datetime:
    """A new credential that can be used for so many days; returns until when."""
    value: datetime = await connection.fetchval(
        """
        insert into break_glass
            (id, tenant_id, user_id, token_hash, permissions, created_by, created_at, expires_at, minutes)
        values ($2, $1, $3, $4, $5, $6, now(), now() + make_interval(days => $7), $8) returning expires_at
        """,
        tenant_id,
        credential_id,
        user_id,
        token_hash,
        list(permissions),
        created_by,
        days,
        minutes,
    )
    return value


async def of_tenant(connection: Connection, tenant_id: UUID) -> list[Credential]:
    """All that were made, the oldest first; the operator makes each by hand."""
    rows = await connection.fetch(f"select {_COLUMNS} from break_glass where tenant_id = $1 order by id", tenant_id)
    return [Credential(**{**row, "permissions": tuple(row["permissions"])}) for row in rows]


async def user_of(connection: Connection, tenant_id: UUID, token_hash: bytes) -> UUID | None:
    """The user of a credential that can be used now; None for any other code."""
    value: UUID | None = await connection.fetchval(
        """
        select user_id from break_glass where tenant_id = $1 and token_hash = $2 and used_at is null
            and revoked_at is null and expires_at > now()
        """,
        tenant_id,
        token_hash,
    )
    return value


class Used(msgspec.Struct, frozen=True):
    """A credential that was used just now."""

    id: UUID
    minutes: int
    until: datetime


async def use(connection: Connection, tenant_id: UUID, token_hash: bytes) -> Used | None:
    """Use the credential up, and let its user's grants be in force for its minutes. Of several at once, one gets an answer."""
    row = await connection.fetchrow(
        """
        with used as (
            update break_glass set used_at = now()
            where tenant_id = $1 and token_hash = $2 and used_at is null and revoked_at is null and expires_at > now()
            returning id, user_id, minutes
        ), admitted as (
            update app_user set admitted_until = a.until
            from (select id, user_id, minutes, now() + make_interval(mins => minutes) as until from used) a
            where app_user.tenant_id = $1 and app_user.id = a.user_id
            returning a.id, a.minutes, a.until
        )
        select id, minutes, until from admitted
        """,
        tenant_id,
        token_hash,
    )
    return Used(**row) if row else None


async def user_of_credential(connection: Connection, tenant_id: UUID, credential_id: UUID) -> UUID | None:
    """The user of a credential, in whatever state; None if there is none with that id."""
    value: UUID | None = await connection.fetchval(
        "select user_id from break_glass where tenant_id = $1 and id = $2", tenant_id, credential_id
    )
    return value


async def revoke(connection: Connection, tenant_id: UUID, credential_id: UUID) -> None:
    """Revoke it, and end the access that it has given. Its user is locked."""
    await connection.execute(
        """
        with ended as (
            update break_glass set revoked_at = coalesce(revoked_at, moment.at) from (select now() as at) moment
            where tenant_id = $1 and id = $2 returning user_id
        )
        update app_user set admitted_until = least(admitted_until, now()) from ended
        where app_user.tenant_id = $1 and app_user.id = ended.user_id
        """,
        tenant_id,
        credential_id,
    )
