"""Names for actors as the audit and grants record them: `user:<id>` and `provider:<id>` are told by name."""

from collections.abc import Collection
from uuid import UUID

from identity_api.db.database import Connection


async def actor_names(connection: Connection, tenant_id: UUID, actors: Collection[str]) -> dict[str, str]:
    """Each actor with its name: a username, or `provider:<slug>`. Others, and those that are gone, keep what is recorded."""
    rows = await connection.fetch(
        """
        select 'user:' || id as actor, username as name from app_user where tenant_id = $1 and id = any($2::uuid[])
        union all
        select 'provider:' || id, 'provider:' || slug from provider where tenant_id = $1 and id = any($3::uuid[])
        """,
        tenant_id,
        _ids(actors, "user:"),
        _ids(actors, "provider:"),
    )
    return {actor: actor for actor in actors} | {row["actor"]: row["name"] for row in rows}


def _ids(actors: Collection[str], kind: str) -> list[UUID]:
    return [UUID(actor.removeprefix(kind)) for actor in actors if actor.startswith(kind)]
