"""Which providers and mappings are managed by files, and which by GraphQL."""

from collections.abc import Collection
from uuid import UUID

from identity_api.db.database import Connection


async def names(connection: Connection, tenant_id: UUID, kind: str) -> set[str]:
    """The slugs of the tenant's providers, or the patterns of its live mappings."""
    statement = (
        "select slug as name from provider where tenant_id = $1"
        if kind == "provider"
        else "select pattern as name from group_mapping where tenant_id = $1 and deleted_at is null"
    )
    return {row["name"] for row in await connection.fetch(statement, tenant_id)}


async def providers(
    connection: Connection, tenant_id: UUID, manager: str, slugs: Collection[str] | None
) -> list[tuple[UUID, str]]:
    """Write the manager of these providers, or of all; returns those that had the other manager, by slug.

    With all, a file takes only those that were handed over before: those that GraphQL made must be named.
    """
    rows = await connection.fetch(
        """
        update provider set managed_by = $2, version = version + 1, updated_at = now()
        where tenant_id = $1 and managed_by <> $2 and (slug = any($3) or ($3::text[] is null and ($2 = 'API' or exists (
            select from audit_event e where e.tenant_id = $1 and e.subject_id = provider.id
                and e.action = 'provider.handed_over')))) returning id, slug
        """,
        tenant_id,
        manager,
        None if slugs is None else list(slugs),
    )
    return sorted([(row["id"], row["slug"]) for row in rows], key=lambda one: one[1])


async def mappings(
    connection: Connection, tenant_id: UUID, manager: str, patterns: Collection[str] | None
) -> list[tuple[UUID, str]]:
    """The same for live mappings, by pattern."""
    rows = await connection.fetch(
        """
        update group_mapping set managed_by = $2, version = version + 1, updated_at = now()
        where tenant_id = $1 and managed_by <> $2 and deleted_at is null
            and (pattern = any($3) or ($3::text[] is null and ($2 = 'API' or exists (
                select from audit_event e where e.tenant_id = $1 and e.subject_id = group_mapping.id
                    and e.action = 'mapping.handed_over')))) returning id, pattern
        """,
        tenant_id,
        manager,
        None if patterns is None else list(patterns),
    )
    return sorted([(row["id"], row["pattern"]) for row in rows], key=lambda one: one[1])
