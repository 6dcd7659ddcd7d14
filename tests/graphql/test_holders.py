"""Who holds a permission: everybody with an open grant of it, in force or dormant, each once."""

from typing import Any

import pytest

from identity_api.graphql import connections
from identity_api.graphql.ids import global_id
from identity_api.graphql.permissions import holders
from tests import factories as make
from tests.graphql.world import World

PAGE = """query ($permission: ID!, $inForce: Boolean, $first: Int, $after: String) {
    holders(permission: $permission, inForce: $inForce, first: $first, after: $after) {
        edges { cursor node {
            inForce user { username } reasons { source mapping { id } group { name } } dormant { cause }
        } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    } }"""
COUNT = "query ($permission: ID!) { holderCount(permission: $permission) { inForce dormant isExact } }"

pytestmark = pytest.mark.asyncio


async def crowd(world: World) -> tuple[list[str], list[str]]:
    """Twelve people with `docs:write` by hand: those in force, and the others, who have no way in."""
    in_force, dormant = [], []
    for number in range(12):
        name = f"person-{number:02}"
        async with world.database.transaction() as connection:
            user_id = await make.make_holder(connection, world.tenant, "docs:write", username=name)
            if number % 4:
                await connection.execute("update app_user set password_hash = null where id = $1", user_id)
        (dormant if number % 4 else in_force).append(name)
    await world.execute(
        "update permission_grant set revoked_at = now(), revoked_by = 'x', revoked_reason = 'ADMIN' where user_id = $1",
        world.local,
    )
    return in_force, dormant


async def walk(world: World, size: int, **where: Any) -> list[str]:
    """Everybody, page by page."""
    found: list[str] = []
    after = None
    while True:
        asked = {"permission": global_id("Permission", world.write), "first": size, "after": after, **where}
        page = (await world.admin.data(PAGE, **asked))["holders"]
        found += [edge["node"]["user"]["username"] for edge in page["edges"]]
        assert len(page["edges"]) <= size
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]
        assert after is not None


@pytest.mark.parametrize("size", [1, 5, 12, 50])
async def test_pages_have_every_holder_once(world: World, size: int) -> None:
    in_force, dormant = await crowd(world)
    assert await walk(world, size) == sorted(in_force + dormant)


@pytest.mark.parametrize("looked_at", [2, 2_000])
async def test_only_those_in_force_or_only_the_others_are_listed(
    world: World, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a page has looked at as many as it may before it is full."""
    monkeypatch.setattr(connections, "BATCH", 2)
    monkeypatch.setattr(connections, "MAX_LOOKED_AT", looked_at)
    in_force, dormant = await crowd(world)
    assert await walk(world, 5, inForce=True) == in_force
    assert await walk(world, 5, inForce=False) == dormant


async def test_the_pages_before_another_have_those_in_force_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same people from the end, also where a page has looked at as many as it may before it is full."""
    monkeypatch.setattr(connections, "BATCH", 2)
    monkeypatch.setattr(connections, "MAX_LOOKED_AT", 4)
    in_force, _ = await crowd(world)
    text = """query ($permission: ID!, $before: String) {
        holders(permission: $permission, inForce: true, last: 2, before: $before) {
            totalCount edges { node { user { username } } } pageInfo { hasPreviousPage hasNextPage startCursor } } }"""
    found, before = list[str](), None
    while True:
        page = (await world.admin.data(text, permission=global_id("Permission", world.write), before=before))["holders"]
        assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (len(in_force), before is not None)
        found = [edge["node"]["user"]["username"] for edge in page["edges"]] + found
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        before = page["pageInfo"]["startCursor"]
    assert found == in_force


async def test_a_holder_is_shown_with_the_mapping_and_the_group_that_give_it(world: World) -> None:
    asked = {"permission": global_id("Permission", world.read)}
    [edge] = (await world.admin.data(PAGE, **asked))["holders"]["edges"]
    reason = {
        "source": "GROUP",
        "mapping": {"id": global_id("GroupMapping", world.mapping)},
        "group": {"name": "engineering"},
    }
    assert (edge["node"]["inForce"], edge["node"]["reasons"], edge["node"]["dormant"]) == (True, [reason], [])
    await world.execute("update identity_sync set groups_valid_until = now() where id = $1", world.person_identity)
    [edge] = (await world.admin.data(PAGE, **asked))["holders"]["edges"]
    assert (edge["node"]["inForce"], edge["node"]["reasons"]) == (False, [])
    assert edge["node"]["dormant"] == [{"cause": "LEASE_OVER"}]


async def test_holders_are_counted_up_to_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    in_force, dormant = await crowd(world)
    asked = {"permission": global_id("Permission", world.write)}
    counted = {"inForce": len(in_force), "dormant": len(dormant), "isExact": True}
    assert (await world.admin.data(COUNT, **asked))["holderCount"] == counted
    monkeypatch.setattr(connections, "BATCH", 4)
    for most, is_exact in ((12, True), (8, False)):
        monkeypatch.setattr(holders, "MAX_COUNTED", most)
        found = (await world.admin.data(COUNT, **asked))["holderCount"]
        assert (found["inForce"] + found["dormant"], found["isExact"]) == (most, is_exact)
