"""A large tenant whose everybody is in one group, one group of many names, and a small tenant beside it."""

from uuid import UUID

import asyncpg
import msgspec

from benchmarks.data import Tenant, build
from identity_api.db.database import Connection
from identity_api.db.migrate import migrate
from identity_api.db.user_facts import REFRESH
from identity_api.graphql.ids import global_id
from identity_api.ids import uuid7
from identity_api.permissions.service import SERVICE_PERMISSIONS

NEIGHBOURS = 1_000
"""People of the small tenant."""
NAMES = 10_000
"""Groups `team-...` of the large tenant, which one pattern matches."""


class Office(msgspec.Struct, frozen=True):
    """What the edits need to know."""

    large: Tenant
    small: Tenant
    provider: str
    provider_id: UUID
    permissions: list[str]
    """Global ids of permissions that nobody has yet."""
    last: UUID
    """The user whose grants are written last."""


async def prepare(url: str, users: int) -> Office:
    """Write both tenants."""
    await migrate(url)
    connection = await asyncpg.connect(url, server_settings={"jit": "off"})
    try:
        # Written in bulk: statistics are never as new as the rows, and looking each up would take hours.
        await connection.execute("set enable_nestloop = off")
        large = await build(connection, users)
        await connection.execute("update tenant set slug = 'large' where id = $1", large.id)
        small = await build(connection, NEIGHBOURS)
        provider_id = await connection.fetchval("select id from provider where tenant_id = $1", large.id)
        await let_administer(connection, large.id, large.user_ids[0])
        await _gather(connection, large.id, provider_id)
        # Nobody may give something to themselves.
        await connection.execute(
            "delete from identity_group where tenant_id = $1 and identity_id in"
            " (select id from identity where tenant_id = $1 and user_id = $2)",
            large.id,
            large.user_ids[0],
        )
        permissions = await _new_permissions(connection, large.id)
        last = await connection.fetchval(
            "select user_id from identity where tenant_id = $1 order by id desc limit 1", large.id
        )
        await connection.execute("vacuum analyze", timeout=3_600)
    finally:
        await connection.close()
    return Office(large, small, global_id("Provider", provider_id), provider_id, permissions, last)


async def let_administer(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    """The user holds every permission of the service and comes by a password, whatever becomes of the provider."""
    for name in SERVICE_PERMISSIONS:
        await connection.execute(
            "insert into permission (id, tenant_id, name, description, delegable, created_at)"
            " values ($1, $2, $3, '', false, now()) on conflict do nothing",
            uuid7(),
            tenant_id,
            name,
        )
    await connection.execute(
        """
        insert into permission_grant (id, tenant_id, user_id, permission_id, source, granted_at, granted_by)
        select gen_random_uuid(), $1, $2, id, 'MANUAL', now(), 'operator:bench'
        from permission where tenant_id = $1 and name like 'identity:%' on conflict do nothing
        """,
        tenant_id,
        user_id,
    )
    await connection.execute(
        "update app_user set password_hash = 'x' where tenant_id = $1 and id = $2", tenant_id, user_id
    )
    await connection.execute(
        "update session set identity_id = null where tenant_id = $1 and user_id = $2", tenant_id, user_id
    )
    await connection.execute(REFRESH, tenant_id, [user_id])


async def _gather(connection: Connection, tenant_id: UUID, provider_id: UUID) -> None:
    for statement in (
        """
        insert into provider_group (id, tenant_id, provider_id, name, first_seen_at)
        select gen_random_uuid(), $1, $2, n, now() from (select 'everyone' as n union all
            select 'team-' || i from generate_series(1, $3::int) i) names
        """,
        "analyze provider_group",
        """
        insert into identity_group (tenant_id, identity_id, group_id)
        select $1, i.id, g.id from identity i join provider_group g on g.tenant_id = $1 and g.name = 'everyone'
        where i.tenant_id = $1 and i.provider_id = $2 and $3::int > 0
        """,
        """
        insert into identity_group (tenant_id, identity_id, group_id)
        select $1, i.id, g.id
        from (select id, 'team-' || (1 + row_number() over (order by id) % $3::int) as team from identity
            where tenant_id = $1 and provider_id = $2) i
        join (select id, name from provider_group where tenant_id = $1 offset 0) g on g.name = i.team
        """,
        """
        insert into session (id, tenant_id, user_id, identity_id, kind, token_hash, epoch, created_at, seen_at,
            authenticated_at, absolute_until)
        select gen_random_uuid(), $1, i.user_id, i.id, 'COOKIE', uuid_send(i.id), 0, now(), now(), now(),
            now() + interval '1 day'
        from identity i where i.tenant_id = $1 and i.provider_id = $2 and $3::int > 0
        """,
    ):
        arguments = (tenant_id, provider_id, NAMES) if "$1" in statement else ()
        await connection.execute(statement, *arguments, timeout=3_600)


async def _new_permissions(connection: Connection, tenant_id: UUID) -> list[str]:
    ids = [uuid7() for _ in range(3)]
    for place, permission_id in enumerate(ids):
        await connection.execute(
            "insert into permission (id, tenant_id, name, description, delegable, created_at)"
            " values ($1, $2, $3, '', true, now())",
            permission_id,
            tenant_id,
            f"bench:p{place}",
        )
    return [global_id("Permission", one) for one in ids]
