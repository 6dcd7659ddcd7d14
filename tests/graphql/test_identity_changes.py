"""Identities that admins enter, release and take away, as mutations."""

from typing import Any

import pytest

from identity_api.graphql.ids import global_id
from identity_api.permissions.service import USERS_READ, USERS_WRITE
from tests.graphql.inputs import document
from tests.graphql.world import Client, World

LINKED = "{ __typename ... on Problem { code message } ... on IdentityLinked { identityId closed user { username } } }"
CHANGED = "{ __typename ... on Problem { code } ... on UserChanged { user { id identities { state } } } }"


async def change(client: Client, mutation: str, selection: str, **given: Any) -> Any:
    """The payload of a mutation."""
    return (await client.data(document(mutation, selection), input=given))[mutation]


async def link(client: Client, world: World, **given: Any) -> Any:
    wanted = {
        "user": global_id("User", world.local),
        "provider": global_id("Provider", world.provider.id),
        "anchor": "x",
    }
    return await change(client, "linkIdentity", LINKED, **(wanted | given))


@pytest.mark.asyncio
async def test_an_identity_is_entered_and_waits_for_its_person(world: World) -> None:
    """S3-22."""
    linked = await link(world.admin, world)
    assert (linked["__typename"], linked["closed"]) == ("IdentityLinked", [])
    text = "query ($id: ID!) { node(id: $id) { ... on Identity { subject state user { id } } } }"
    shown = (await world.admin.data(text, id=linked["identityId"]))["node"]
    assert shown == {"subject": None, "state": "UNSYNCED", "user": {"id": global_id("User", world.local)}}
    assert (await link(world.admin, world))["code"] == "IDENTITY_EXISTS"


@pytest.mark.asyncio
async def test_what_a_strict_provider_closes_is_said_before_it_is_done(world: World) -> None:
    """The person holds docs:write, by hand of an admin."""
    await world.execute("update provider set sync_mode = 'STRICT' where id = $1", world.provider.id)
    said = await link(world.admin, world)
    assert (said["__typename"], said["code"]) == ("NotAllowed", "CLOSES_GRANTS")
    assert "docs:write" in said["message"]
    assert (await link(world.admin, world, acceptClosing=True))["closed"] == ["docs:write"]


@pytest.mark.asyncio
async def test_an_identity_is_released_and_taken_away(world: World) -> None:
    """S3-22."""
    row = await world.quarantined()
    held = global_id("Identity", row)
    released = await change(world.admin, "releaseIdentity", CHANGED, id=held)
    assert released["user"]["identities"] == [{"state": "REVOKED"}]
    assert (await change(world.admin, "releaseIdentity", CHANGED, id=held))["code"] == "NOT_QUARANTINED"
    taken = await change(world.admin, "unlinkIdentity", CHANGED, id=held)
    assert taken["user"] == {"id": released["user"]["id"], "identities": []}
    assert (await change(world.admin, "unlinkIdentity", CHANGED, id=held))["__typename"] == "NotFoundError"
    listed = (await world.admin.data("{ identities { edges { node { id } } } }"))["identities"]["edges"]
    assert held not in [edge["node"]["id"] for edge in listed]


@pytest.mark.asyncio
async def test_whoever_changes_users_may_not_hand_over_more_than_they_may_give(world: World) -> None:
    """I8."""
    clerk = await world.client(USERS_WRITE, USERS_READ)
    above = await world.client(*world.permissions)
    assert (await link(clerk, world, user=global_id("User", above.user_id)))["code"] == "FORBIDDEN"
    assert (await link(clerk, world, user=global_id("User", clerk.user_id)))["code"] == "SELF_BENEFIT"
    plain = await world.client()
    entered = await link(clerk, world, user=global_id("User", plain.user_id))
    assert entered["code"] == "FORBIDDEN", "plain has a password, and would get what the groups there give"
    waiting = await change(clerk, "createUser", CHANGED, username="waiting")
    assert (await link(clerk, world, user=waiting["user"]["id"]))["__typename"] == "IdentityLinked"
