"""Mappings are found by their pattern, by what they give, and by the group that they match."""

import pytest

from identity_api.permissions.service import GROUPS_READ, MAPPINGS_READ
from tests import factories as make
from tests.graphql.test_paging import is_refused, walk
from tests.graphql.world import Client, World

pytestmark = pytest.mark.asyncio
FOUND = "query ($search: String) { groupMappings(search: $search) { totalCount edges { node { pattern } } } }"


async def found(client: Client, search: str | None) -> list[str]:
    page = (await client.data(FOUND, search=search))["groupMappings"]
    patterns = [edge["node"]["pattern"] for edge in page["edges"]]
    assert page["totalCount"] == len(patterns)
    return patterns


async def fill(world: World) -> None:
    """Beside `engineering`, which gives `docs:read`."""
    async with world.database.transaction() as connection:
        await make.make_mapping(connection, world.tenant, "100%_Sales", [world.write])
        await make.make_mapping(connection, world.tenant, "plat*", [world.locked], match="GLOB")


@pytest.mark.parametrize("pattern", ["Bu\u0308ro", "B\u00fcro"])
@pytest.mark.parametrize("search", ["b\u00fcro", "bu\u0308ro", "B\u00dcRO"])
async def test_an_accent_of_a_pattern_is_found_however_it_is_written(world: World, pattern: str, search: str) -> None:
    async with world.database.transaction() as connection:
        await make.make_mapping(connection, world.tenant, pattern, [world.write])
    assert await found(world.admin, search) == [pattern]


@pytest.mark.parametrize(
    ("search", "patterns"),
    [
        (None, ["engineering", "100%_Sales", "plat*"]),
        ("", ["engineering", "100%_Sales", "plat*"]),
        ("SALES", ["100%_Sales"]),
        ("%_s", ["100%_Sales"]),
        ("%", ["100%_Sales"]),
        ("t*", ["plat*"]),
        ("docs:", ["engineering", "100%_Sales"]),
        ("Vault:Open", ["plat*"]),
        ("platform", ["plat*"]),
        ("platfor", []),
        ("PLATFORM", []),
        ("nothing of that", []),
    ],
)
async def test_a_part_of_pattern_or_permission_or_a_whole_group_finds_a_mapping(
    world: World, search: str | None, patterns: list[str]
) -> None:
    await fill(world)
    assert await found(world.admin, search) == patterns


async def test_who_may_not_read_groups_does_not_learn_by_a_search_which_there_are(world: World) -> None:
    await fill(world)
    assert await found(await world.client(MAPPINGS_READ), "platform") == []
    assert await found(await world.client(MAPPINGS_READ, GROUPS_READ), "platform") == ["plat*"]


async def test_neither_a_deleted_mapping_nor_one_of_another_tenant_is_found(world: World, other: World) -> None:
    await fill(other)
    await world.execute("update group_mapping set deleted_at = now() where tenant_id = $1", world.tenant)
    assert await found(world.admin, "s") == []


async def test_what_is_found_is_read_page_by_page_and_a_cursor_is_of_its_search(world: World) -> None:
    await fill(world)
    assert len(await walk(world, "groupMappings", ', search: "docs:"', 1)) == 2
    page = await world.admin.data('{ groupMappings(first: 1, search: "docs:") { pageInfo { endCursor } } }')
    cursor = page["groupMappings"]["pageInfo"]["endCursor"]
    assert not await is_refused(world, "groupMappings", 'search: "docs:"', cursor)
    assert await is_refused(world, "groupMappings", 'search: "docs"', cursor)
    assert await is_refused(world, "groupMappings", "", cursor)


async def test_a_text_longer_than_any_name_is_refused(world: World) -> None:
    assert await found(world.admin, "x" * 512) == []
    answer = await world.admin.ask(FOUND, search="x" * 513)
    assert (answer.code, answer.errors[0]["extensions"]["field"]) == ("BAD_INPUT", "search")
