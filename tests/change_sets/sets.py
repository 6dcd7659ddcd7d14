"""What the tests of sets share."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from identity_api.change_sets import changes, run
from identity_api.change_sets.errors import ChangesRefused
from identity_api.change_sets.run import Outcome
from identity_api.claims import MatchKind
from identity_api.group_mappings.apply import apply_changes
from identity_api.permissions.delegation import Actor
from tests.group_mappings.conftest import World

Changes = Sequence[changes.Change | changes.Undo]
TABLES = (
    "group_mapping", "mapping_permission", "mapping_group", "mapping_change", "permission", "permission_grant",
    "audit_event", "user_read",
)  # fmt: skip


async def held(world: World) -> set[tuple[UUID, str]]:
    """Who holds an open grant of what."""
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            """
            select distinct g.user_id, p.name from permission_grant g
            join permission p on p.tenant_id = $1 and p.id = g.permission_id
            where g.tenant_id = $1 and g.revoked_at is null
            """,
            world.tenant,
        )
    return {(row["user_id"], row["name"]) for row in rows}


async def contents(world: World) -> dict[str, list[str]]:
    """Every row that a set could touch."""
    async with world.database.reading() as connection:
        return {
            table: [
                str(row)
                for row in await connection.fetch(
                    f"select t.* from {table} t where tenant_id = $1 order by t", world.tenant
                )
            ]
            for table in TABLES
        }


async def look(world: World, asked: Changes, actor: Actor | None = None) -> Outcome:
    return await run.preview(world.database, actor or world.operator, asked)


async def made(world: World, asked: Changes, actor: Actor | None = None) -> Outcome:
    """Look, make, and let grants follow."""
    seen = await look(world, asked, actor)
    done = await run.apply(world.database, actor or world.operator, asked, as_previewed=seen.digest)
    await apply_changes(world.database)
    return done


async def holds_true(world: World, asked: Changes, actor: Actor | None = None) -> Outcome:
    """Look, make, let grants follow, and compare, row by row."""
    before = await held(world)
    seen = await look(world, asked, actor)
    assert await held(world) == before
    await made(world, asked, actor)
    after = await held(world)
    assert (seen.effect.gained, seen.effect.lost) == (after - before, before - after)
    return seen


async def refused(world: World, asked: Changes, actor: Actor | None = None) -> list[tuple[int, str]]:
    """The place and code of each change that is refused; nothing is left behind."""
    before = await contents(world)
    with pytest.raises(ChangesRefused) as caught:
        await look(world, asked, actor)
    assert await contents(world) == before
    return [(one.number, one.error.code) for one in caught.value.problems]


def mapping(world: World, pattern: str, *permissions: changes.Reference, glob: bool = False) -> changes.CreateMapping:
    """For every provider."""
    match = MatchKind.GLOB if glob else MatchKind.EXACT
    return changes.CreateMapping(
        provider_id=None, pattern=pattern, match=match, permissions=permissions or (world.read,)
    )


async def mapping_id(world: World, pattern: str) -> UUID:
    async with world.database.reading() as connection:
        found: UUID = await connection.fetchval(
            "select id from group_mapping where tenant_id = $1 and pattern = $2 and deleted_at is null",
            world.tenant,
            pattern,
        )
    return found


async def events(world: World, action: str) -> list[UUID]:
    """The ids of the record's events of this action, the newest first."""
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select id from audit_event where tenant_id = $1 and action = $2 order by id desc", world.tenant, action
        )
    return [row["id"] for row in rows]
