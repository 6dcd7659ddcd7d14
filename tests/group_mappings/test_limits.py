"""How many mappings and permissions a tenant may have: the last one within the limit is made, the next one is not."""

import asyncio

import pytest

from identity_api.claims import MatchKind
from identity_api.db import mappings, tenant_limits
from identity_api.errors import LimitReached
from identity_api.group_mappings import catalogue, edit
from identity_api.group_mappings.declare import DeclaredMapping, declare
from identity_api.permissions.service import MAPPINGS_WRITE
from tests import factories as make
from tests.group_mappings.conftest import World

pytestmark = pytest.mark.asyncio


async def patterns(world: World) -> set[str]:
    async with world.database.reading() as connection:
        return {row.pattern for row in await mappings.page(connection, world.tenant, after=None, first=100)}


def declared(*groups: str, match: MatchKind = MatchKind.EXACT) -> list[DeclaredMapping]:
    return [DeclaredMapping(None, group, match, ("docs:read",), True) for group in groups]


async def test_one_mapping_more_than_the_limit_is_refused_by_name_and_value(world: World) -> None:
    database = make.limited(world.database, max_mappings=2)
    for group in ("one", "two"):
        await edit.make(database, world.actor(), world.rule(group))
    with pytest.raises(LimitReached) as refused:
        await edit.make(database, world.actor(), world.rule("three"))
    assert (refused.value.code, refused.value.limit, refused.value.value) == ("LIMIT_REACHED", "max_mappings", 2)
    assert "IDENTITY_MAX_MAPPINGS" in refused.value.message
    assert await patterns(world) == {"one", "two"}


async def test_of_parallel_creations_no_more_succeed_than_there_is_room_for(world: World) -> None:
    database = make.limited(world.database, max_permissions=await permissions_of_its_own(world) + 2)

    async def create(number: int) -> object:
        return await catalogue.create(database, world.actor(), f"new{number}:read", "", delegable=True)

    made = await asyncio.gather(*[create(number) for number in range(6)], return_exceptions=True)
    assert [type(one) for one in made if isinstance(one, BaseException)] == [LimitReached] * 4
    assert await permissions_of_its_own(world) == database.limits.max_permissions


async def permissions_of_its_own(world: World) -> int:
    async with world.database.reading() as connection:
        return await tenant_limits.count(connection, "max_permissions", world.tenant)


async def test_a_deleted_mapping_makes_room_for_another(world: World) -> None:
    database = make.limited(world.database, max_mappings=1)
    made = await edit.make(database, world.actor(), world.rule("one"))
    await edit.make(database, world.actor(), edit.Deletion(made.mapping_id, 1))
    await edit.make(database, world.actor(), world.rule("two"))
    assert await patterns(world) == {"two"}


async def test_patterns_have_a_limit_of_their_own(world: World) -> None:
    database = make.limited(world.database, max_glob_mappings=1)
    await edit.make(database, world.actor(), world.rule("x*", match=MatchKind.GLOB))
    exact = await edit.make(database, world.actor(), world.rule("b"))
    with pytest.raises(LimitReached, match="IDENTITY_MAX_GLOB_MAPPINGS"):
        await edit.make(database, world.actor(), world.rule("y*", match=MatchKind.GLOB))
    change = edit.Update(exact.mapping_id, world.rule("y*", match=MatchKind.GLOB), 1)
    with pytest.raises(LimitReached, match="IDENTITY_MAX_GLOB_MAPPINGS"):
        await edit.make(database, world.actor(), change)
    assert await patterns(world) == {"x*", "b"}


async def test_above_a_limit_that_was_lowered_mappings_can_still_be_changed(world: World) -> None:
    made = await edit.make(world.database, world.actor(), world.rule("x*", match=MatchKind.GLOB))
    await edit.make(world.database, world.actor(), world.rule("y*", match=MatchKind.GLOB))
    database = make.limited(world.database, max_mappings=1, max_glob_mappings=1)
    change = edit.Update(made.mapping_id, world.rule("z*", match=MatchKind.GLOB), 1)
    await edit.make(database, world.actor(), change)
    assert await patterns(world) == {"y*", "z*"}


async def test_a_preview_is_refused_as_its_edit_would_be(world: World) -> None:
    database = make.limited(world.database, max_mappings=1)
    await edit.make(database, world.actor(), world.rule("one"))
    with pytest.raises(LimitReached):
        await edit.preview(database, world.actor(), world.rule("two"))


@pytest.mark.parametrize(
    ("limit", "match"), [("max_mappings", MatchKind.EXACT), ("max_glob_mappings", MatchKind.GLOB)], ids=["all", "globs"]
)
async def test_a_file_with_too_many_mappings_changes_nothing(world: World, limit: str, match: MatchKind) -> None:
    database = make.limited(world.database, **{limit: 2})
    await declare(database, world.operator, declared("one", "two", match=match), prune=True)
    with pytest.raises(LimitReached):
        await declare(database, world.operator, declared("two", "three", "four", match=match), prune=True)
    assert await patterns(world) == {"one", "two"}
    await declare(database, world.operator, declared("two", "three", match=match), prune=True)
    assert await patterns(world) == {"two", "three"}


async def test_one_permission_more_than_the_limit_is_refused(world: World) -> None:
    """The world has three of its own; the service's do not count."""
    actor = world.actor(MAPPINGS_WRITE)
    database = make.limited(world.database, max_permissions=4)
    await catalogue.create(database, actor, "one:read", "")
    with pytest.raises(LimitReached, match="IDENTITY_MAX_PERMISSIONS"):
        await catalogue.create(database, actor, "two:read", "")


async def test_a_preview_of_more_identities_than_are_looked_at_says_so_and_the_edit_is_made(world: World) -> None:
    change = world.rule("engineering")
    database = make.limited(world.database, max_preview_identities=1)
    assert (await edit.preview(database, world.actor(), change)).concerned == 1
    async with world.database.transaction() as connection:
        identity_id = await make.make_identity(
            connection, world.provider, await make.make_user(connection, world.tenant)
        )
        await make.sign_in(connection, world.provider, identity_id, ["engineering"])
    with pytest.raises(LimitReached, match=r"concerns 2 identities.* 1 at most .IDENTITY_MAX_PREVIEW_IDENTITIES"):
        await edit.preview(database, world.actor(), change)
    assert (await edit.make(database, world.actor(), change)).concerned == 2
