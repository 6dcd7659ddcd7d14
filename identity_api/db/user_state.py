"""What admins change about a user, and what prevents it."""

from uuid import UUID

from identity_api.db import outbox
from identity_api.db.database import Connection


async def exists(connection: Connection, tenant_id: UUID, user_id: UUID) -> bool:
    """Whether the user is this tenant's. One who was erased is there for the past alone."""
    value: bool = await connection.fetchval(
        "select exists (select from app_user where tenant_id = $1 and id = $2 and erased_at is null)",
        tenant_id,
        user_id,
    )
    return value


async def has_existed(connection: Connection, tenant_id: UUID, user_id: UUID) -> bool:
    """Whether the user is this tenant's, or was before they were erased."""
    value: bool = await connection.fetchval(
        "select exists (select from app_user where tenant_id = $1 and id = $2)", tenant_id, user_id
    )
    return value


async def set_disabled(connection: Connection, tenant_id: UUID, user_id: UUID, *, disabled: bool) -> bool:
    """Disable or enable the user; False if that changes nothing."""
    row = await connection.fetchval(
        """
        update app_user set disabled_at = moment.at from (select case when $3 then now() end as at) moment
        where tenant_id = $1 and id = $2 and (disabled_at is null) = $3 returning id
        """,
        tenant_id,
        user_id,
        disabled,
    )
    changed = [user_id] if row is not None else []
    await outbox.record(connection, tenant_id, "user.updated", changed)
    await outbox.record(connection, tenant_id, "user.permissions_changed", changed)
    return row is not None


async def strict_provider_of(connection: Connection, tenant_id: UUID, user_id: UUID) -> str | None:
    """The slug of an enabled STRICT provider at which the user has a living identity."""
    value: str | None = await connection.fetchval(
        """
        select p.slug from identity i
        join provider p on p.tenant_id = $1 and p.id = i.provider_id and p.enabled and p.sync_mode = 'STRICT'
        where i.tenant_id = $1 and i.user_id = $2 and i.state not in ('REVOKED', 'QUARANTINED')
        order by p.slug limit 1
        """,
        tenant_id,
        user_id,
    )
    return value
