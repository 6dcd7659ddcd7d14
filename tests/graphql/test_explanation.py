"""`explainPermission`: the chain that gives a permission, and what is missing where nothing gives it."""

from typing import Any
from uuid import UUID

import pytest

from identity_api.graphql.ids import global_id
from identity_api.permissions import service
from tests import factories as make
from tests.graphql.world import Client, World, moment

EXPLAIN = """
    query ($user: ID!, $permission: ID!) {
        explainPermission(user: $user, permission: $permission) {
            held at user { id username } permission { id name }
            grants {
                inForce cause validUntil mapping { id pattern version }
                reason { source group { name } mapping { id } provider { slug } grantedAt grantedBy }
            }
            untakenWays { missing group { id name } mapping { id pattern enabled provider { slug } } }
        }
    }
"""


async def explained(world: World, permission: UUID, *, user: UUID | None = None, client: Client | None = None) -> Any:
    """The answer to an admin about a permission of the person."""
    named = {"user": global_id("User", user or world.person), "permission": global_id("Permission", permission)}
    return (await (client or world.admin).data(EXPLAIN, **named))["explainPermission"]


async def missing(world: World, permission: UUID) -> list[tuple[str, str]]:
    """Which mappings are not taken, and why."""
    found = await explained(world, permission)
    assert found["held"] is False
    return [(one["mapping"]["pattern"], one["missing"]) for one in found["untakenWays"]]


async def mapped(world: World, pattern: str, permission: UUID, **settings: Any) -> UUID:
    """A new mapping."""
    async with world.database.transaction() as connection:
        return await make.make_mapping(connection, world.tenant, pattern, [permission], **settings)


@pytest.mark.asyncio
async def test_what_is_held_leads_from_the_group_through_the_mapping_to_the_grant(world: World) -> None:
    found = await explained(world, world.read)
    assert (found["held"], found["untakenWays"]) == (True, [])
    [grant] = found["grants"]
    assert (grant["inForce"], grant["cause"]) == (True, None)
    assert moment(grant["validUntil"]) > moment(found["at"])
    mapping = global_id("GroupMapping", world.mapping)
    assert grant["mapping"] == {"id": mapping, "pattern": "engineering", "version": 1}
    reason = grant["reason"]
    assert (reason["source"], reason["group"]) == ("GROUP", {"name": "engineering"})
    assert reason["provider"] == {"slug": world.provider.slug}


@pytest.mark.asyncio
async def test_a_lease_that_ran_out_is_said_with_its_end(world: World) -> None:
    await world.execute(
        "update identity_sync set groups_valid_until = now() - interval '1 hour' where id = $1", world.person_identity
    )
    found = await explained(world, world.read)
    [grant] = found["grants"]
    assert (found["held"], grant["cause"]) == (False, "LEASE_OVER")
    assert moment(grant["validUntil"]) < moment(found["at"])
    [way] = found["untakenWays"]
    assert (way["missing"], way["group"]["name"]) == ("GRANT_DORMANT", "engineering")
    assert way["group"]["id"] in (await world.ids())["Group"]


@pytest.mark.asyncio
async def test_a_group_that_the_provider_did_not_send_is_named(world: World) -> None:
    await mapped(world, "sales", world.write)
    assert await missing(world, world.write) == [("sales", "GROUP_NOT_SENT")]


@pytest.mark.asyncio
async def test_the_nearest_mapping_comes_first(world: World) -> None:
    async with world.database.transaction() as connection:
        elsewhere = await make.make_provider(connection, world.tenant)
    await mapped(world, "sales", world.write, provider_id=elsewhere.id)
    off = await mapped(world, "platform", world.write)
    await world.execute("update group_mapping set enabled = false where id = $1", off)
    await mapped(world, "marketing", world.write)
    assert await missing(world, world.write) == [
        ("marketing", "GROUP_NOT_SENT"),
        ("platform", "MAPPING_DISABLED"),
        ("sales", "NO_IDENTITY"),
    ]


@pytest.mark.asyncio
async def test_a_permission_that_nothing_gives_has_neither_grant_nor_way(world: World) -> None:
    found = await explained(world, world.locked)
    assert (found["held"], found["grants"], found["untakenWays"]) == (False, [], [])


@pytest.mark.asyncio
async def test_what_was_given_by_hand_says_by_whom(world: World) -> None:
    await world.execute("update app_user set password_hash = 'x' where id = $1", world.local)
    found = await explained(world, world.write, user=world.local)
    [grant] = found["grants"]
    assert (found["held"], grant["validUntil"], grant["mapping"]) == (True, None, None)
    assert (grant["reason"]["source"], grant["reason"]["grantedBy"]) == ("MANUAL", "operator:root")


@pytest.mark.asyncio
async def test_mappings_are_shown_to_who_may_read_them(world: World) -> None:
    reader = await world.client(service.USERS_READ)
    named = {"user": global_id("User", world.person), "permission": global_id("Permission", world.read)}
    answer = await reader.ask(EXPLAIN, **named)
    assert set(answer.codes) == {"FORBIDDEN"}
    assert answer.data is not None
    found = answer.data["explainPermission"]
    assert (found["held"], found["untakenWays"], found["grants"][0]["mapping"]) == (True, None, None)
