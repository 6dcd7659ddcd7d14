"""Frontends: made, changed and deleted by a tenant's admins. `tenants` reads them, and writes those of files."""

from uuid import UUID

from identity_api.db import outbox
from identity_api.db.database import Connection
from identity_api.db.tenants import FRONTEND_COLUMNS, Frontend, frontend_of


async def get(connection: Connection, tenant_id: UUID, frontend_id: UUID) -> Frontend | None:
    """The frontend, if it is this tenant's."""
    row = await connection.fetchrow(
        f"select {FRONTEND_COLUMNS} from frontend where tenant_id = $1 and id = $2", tenant_id, frontend_id
    )
    return frontend_of(row) if row else None


async def held(connection: Connection, tenant_id: UUID, frontend_id: UUID) -> Frontend | None:
    """The frontend, locked until the transaction ends."""
    row = await connection.fetchrow(
        f"select {FRONTEND_COLUMNS} from frontend where tenant_id = $1 and id = $2 for update", tenant_id, frontend_id
    )
    return frontend_of(row) if row else None


async def hold(connection: Connection, tenant_id: UUID, frontend_id: UUID | None) -> bool:
    """Keep the frontend that a login is for until the transaction ends; False if it is not there any more.

    Before any user: whoever deletes it holds it, and waits then for the logins and sessions that are its own.
    """
    if frontend_id is None:
        return True
    found = await connection.fetchval(
        "select true from frontend where tenant_id = $1 and id = $2 for key share", tenant_id, frontend_id
    )
    return bool(found)


async def insert(connection: Connection, frontend: Frontend) -> bool:
    """Make the frontend; False if its slug is taken."""
    status = await connection.execute(
        """
        insert into frontend (id, tenant_id, slug, origins, return_urls, deliveries, managed_by)
        values ($2, $1, $3, $4, $5, $6, $7) on conflict (tenant_id, slug) do nothing
        """,
        frontend.tenant_id,
        frontend.id,
        frontend.slug,
        list(frontend.origins),
        list(frontend.return_urls),
        list(frontend.deliveries),
        frontend.managed_by,
    )
    return bool(status == "INSERT 0 1")


async def update(connection: Connection, frontend: Frontend) -> None:
    """Overwrite its addresses and deliveries."""
    await connection.execute(
        "update frontend set origins = $3, return_urls = $4, deliveries = $5 where tenant_id = $1 and id = $2",
        frontend.tenant_id,
        frontend.id,
        list(frontend.origins),
        list(frontend.return_urls),
        list(frontend.deliveries),
    )


async def delete(connection: Connection, tenant_id: UUID, frontend_id: UUID) -> int:
    """Remove the frontend with its logins under way, and end its sessions; returns how many sessions ended.

    The caller holds it. Logins go before sessions, as whoever switches a provider off ends them.
    """
    await connection.execute(
        """
        with held as (
            select id from login_attempt where tenant_id = $1 and frontend_id = $2 order by id for update)
        delete from login_attempt a using held where a.tenant_id = $1 and a.id = held.id
        """,
        tenant_id,
        frontend_id,
    )
    rows = await connection.fetch(
        """
        with gone as (
            select id, user_id, ended_at is null as is_live from session where tenant_id = $1 and frontend_id = $2
            order by id for update)
        update session s set frontend_id = null, ended_at = coalesce(s.ended_at, moment.at),
            ended_reason = coalesce(s.ended_reason, 'frontend_deleted'), id_token_sealed = null
        from gone, (select now() as at) moment where s.tenant_id = $1 and s.id = gone.id
        returning s.id, s.user_id, gone.is_live
        """,
        tenant_id,
        frontend_id,
    )
    ended = {row["id"]: row["user_id"] for row in rows if row["is_live"]}
    await outbox.record_sessions(connection, tenant_id, ended)
    await connection.execute("delete from frontend where tenant_id = $1 and id = $2", tenant_id, frontend_id)
    return len(ended)
