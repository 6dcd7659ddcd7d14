"""The tenant's permissions."""

from collections.abc import Collection
from uuid import UUID

import msgspec
from asyncpg import Record

from identity_api.db.database import Connection
from identity_api.ids import uuid7


class PermissionRecord(msgspec.Struct, frozen=True):
    """A permission of the tenant."""

    id: UUID
    name: str
    description: str
    delegable: bool


_SELECT = "select id, name, description, delegable from permission"


def _row(row: Record | None) -> PermissionRecord | None:
    return PermissionRecord(**row) if row else None


async def get(connection: Connection, tenant_id: UUID, permission_id: UUID) -> PermissionRecord | None:
    """The permission, if it is this tenant's."""
    return _row(await connection.fetchrow(f"{_SELECT} where tenant_id = $1 and id = $2", tenant_id, permission_id))


async def by_ids(connection: Connection, tenant_id: UUID, ids: Collection[UUID]) -> list[PermissionRecord]:
    """Those of these that are this tenant's, by name."""
    rows = await connection.fetch(
        f"{_SELECT} where tenant_id = $1 and id = any($2::uuid[]) order by name", tenant_id, list(ids)
    )
    return [PermissionRecord(**row) for row in rows]


async def by_names(connection: Connection, tenant_id: UUID, names: Collection[str]) -> dict[str, PermissionRecord]:
    """Those of these names that the catalogue has."""
    rows = await connection.fetch(f"{_SELECT} where tenant_id = $1 and name = any($2::text[])", tenant_id, list(names))
    return {row["name"]: PermissionRecord(**row) for row in rows}


async def page(
    connection: Connection, tenant_id: UUID, *, after: str | None, first: int, backward: bool = False
) -> list[PermissionRecord]:
    """At most `first` + 1 permissions after that name, by name: the last tells whether there are more.

    Args:
        backward: those before that name, in the opposite order.
    """
    beyond, direction = ("<", "desc") if backward else (">", "asc")
    rows = await connection.fetch(
        f"{_SELECT} where tenant_id = $1 and ($2::text is null or name {beyond} $2) order by name {direction} limit $3",
        tenant_id,
        after,
        first + 1,
    )
    return [PermissionRecord(**row) for row in rows]


async def count(connection: Connection, tenant_id: UUID) -> int:
    """How many the tenant has; `IDENTITY_MAX_PERMISSIONS` bounds it."""
    value: int = await connection.fetchval("select count(*) from permission where tenant_id = $1", tenant_id)
    return value


async def insert(
    connection: Connection, tenant_id: UUID, name: str, description: str, *, delegable: bool
) -> PermissionRecord | None:
    """A new permission; None if the name is taken."""
    return _row(
        await connection.fetchrow(
            """
            insert into permission (id, tenant_id, name, description, delegable, created_at) values ($2, $1, $3, $4, $5, now())
            on conflict (tenant_id, name) do nothing returning id, name, description, delegable
            """,
            tenant_id,
            uuid7(),
            name,
            description,
            delegable,
        )
    )


async def update(
    connection: Connection, tenant_id: UUID, permission_id: UUID, *, description: str, delegable: bool
) -> PermissionRecord | None:
    """Change description and delegability; the name stays, because other systems know the permission by it."""
    return _row(
        await connection.fetchrow(
            """
            update permission set description = $3, delegable = $4 where tenant_id = $1 and id = $2
            returning id, name, description, delegable
            """,
            tenant_id,
            permission_id,
            description,
            delegable,
        )
    )


class Uses(msgspec.Struct, frozen=True):
    """What still needs a permission."""

    mappings: int
    open_grants: int
    past_grants: int


async def uses(connection: Connection, tenant_id: UUID, permission_id: UUID) -> Uses:
    """How many live mappings give it and how many grants of it are open or closed."""
    row = await connection.fetchrow(
        """
        select
            (select count(*) from mapping_permission where tenant_id = $1 and permission_id = $2) as mappings,
            (select count(*) from permission_grant
                where tenant_id = $1 and permission_id = $2 and revoked_at is null) as open_grants,
            (select count(*) from permission_grant
                where tenant_id = $1 and permission_id = $2 and revoked_at is not null) as past_grants
        """,
        tenant_id,
        permission_id,
    )
    assert row is not None  # it reads no table of its own
    return Uses(**row)


async def delete(connection: Connection, tenant_id: UUID, permission_id: UUID) -> None:
    """Remove a permission that nothing uses; of one that is not delegable the name is kept."""
    await connection.execute(
        """
        with gone as (delete from permission where tenant_id = $1 and id = $2 returning name, delegable)
        insert into undelegable_name (tenant_id, name) select $1, name from gone where not delegable on conflict do nothing
        """,
        tenant_id,
        permission_id,
    )


async def was_undelegable(connection: Connection, tenant_id: UUID, name: str) -> bool:
    """Whether a permission of this name has been deleted while it was not delegable."""
    found: bool = await connection.fetchval(
        "select exists (select from undelegable_name where tenant_id = $1 and name = $2)", tenant_id, name
    )
    return found


async def all_names(connection: Connection, tenant_id: UUID) -> set[str]:
    """The name of every permission of the tenant; `max_permissions` bounds how many there are."""
    rows = await connection.fetch("select name from permission where tenant_id = $1", tenant_id)
    return {row["name"] for row in rows}
