"""Service clients that a tenant's admins keep, and those of the operator, which are shown to them."""

from datetime import datetime

import pytest

from identity_api.db.database import Database
from identity_api.errors import LimitReached
from identity_api.graphql.ids import global_id
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import CLIENTS_READ, CLIENTS_WRITE
from identity_api.sessions.clients import create_service_client, create_tenant_client
from identity_api.sessions.introspect import touch, verify_service_client
from tests import factories as make
from tests.graphql.inputs import document
from tests.graphql.world import Client, World

pytestmark = pytest.mark.asyncio

MADE = "{ ... on ServiceClientMade { value serviceClient { id clientId isOwned seenAt } } ... on Problem { code } }"
LIST = "{ serviceClients { clientId isOwned seenAt revokedAt } }"


async def keeper(world: World) -> Client:
    return await world.client(CLIENTS_READ, CLIENTS_WRITE)


async def is_right(database: Database, client_id: str, secret: str) -> bool:
    async with database.reading() as connection:
        return await verify_service_client(connection, client_id, secret) is not None


async def test_a_client_is_made_for_its_tenant_with_a_secret_that_works_until_it_is_rotated_or_revoked(
    world: World,
) -> None:
    admin = await keeper(world)
    made = (await admin.data(document("createServiceClient", MADE), input={"name": "reports"}))["createServiceClient"]
    client_id, first = made["serviceClient"]["clientId"], made["value"]
    assert client_id.endswith(".reports")
    async with world.database.reading() as connection:
        found = await verify_service_client(connection, client_id, first)
    assert found is not None
    assert found.client.tenant_ids == {world.tenant}
    asked = {"input": {"id": made["serviceClient"]["id"]}}
    second = (await admin.data(document("rotateServiceClient", MADE), **asked))["rotateServiceClient"]["value"]
    assert [await is_right(world.database, client_id, one) for one in (first, second)] == [False, True]
    await admin.data(document("revokeServiceClient"), **asked)
    assert not await is_right(world.database, client_id, second)
    assert client_id not in str(await admin.data(LIST))
    again = (await admin.data(document("createServiceClient", MADE), input={"name": "reports"}))["createServiceClient"]
    assert again["code"] == "NAME_TAKEN"


async def test_a_client_shows_when_its_secret_ends_and_is_told_when_it_has(world: World) -> None:
    admin = await keeper(world)
    shape = "{ ... on ServiceClientMade { serviceClient { id clientId isLive createdAt expiresAt } } ... on Problem { code } }"
    asked = document("createServiceClient", shape)
    made = (await admin.data(asked, input={"name": "short", "days": 30}))["createServiceClient"]["serviceClient"]
    lasts = datetime.fromisoformat(made["expiresAt"]) - datetime.fromisoformat(made["createdAt"])
    assert (lasts.days, made["isLive"]) == (30, True)
    async with world.database.transaction() as connection:
        await connection.execute("update service_client set expires_at = now() where name = $1", made["clientId"])
    listed = (await admin.data("{ serviceClients { id isLive expiresAt } }"))["serviceClients"]
    assert [one["isLive"] for one in listed if one["id"] == made["id"]] == [False], "listed until it is revoked"
    rotate = document("rotateServiceClient", shape.replace("code", "code ... on InvalidInput { field }"))
    assert (await admin.data(rotate, input={"id": made["id"]}))["rotateServiceClient"]["field"] == "days"
    again = (await admin.data(rotate, input={"id": made["id"], "days": 1}))["rotateServiceClient"]["serviceClient"]
    assert again["isLive"] is True


async def test_a_name_of_another_tenant_is_no_name_here(world: World, other: World) -> None:
    asked = {"input": {"name": "same"}}
    for one in (world, other):
        made = (await (await keeper(one)).data(document("createServiceClient", MADE), **asked))["createServiceClient"]
        assert made["serviceClient"]["clientId"].endswith(".same")
    assert (await (await keeper(world)).data(document("createServiceClient", MADE), **asked))[
        "createServiceClient"
    ] == {"code": "NAME_TAKEN"}


async def test_the_operators_client_is_shown_and_cannot_be_changed(world: World, other: World) -> None:
    name = f"product-{world.tenant}"
    await create_service_client(world.database, name, [world.tenant, other.tenant], actor="operator:root")
    async with world.database.reading() as connection:
        row_id = await connection.fetchval("select id from service_client where name = $1", name)
    for one in (world, other):
        admin = await keeper(one)
        shown = [one for one in (await admin.data(LIST))["serviceClients"] if one["clientId"] == name]
        assert shown == [{"clientId": name, "isOwned": False, "seenAt": None, "revokedAt": None}]
        for mutation in ("rotateServiceClient", "revokeServiceClient"):
            answer = await admin.data(document(mutation), input={"id": global_id("ServiceClient", row_id)})
            assert answer[mutation]["code"] == "MANAGED_BY_OPERATOR"


async def test_a_client_shows_when_it_was_last_used(world: World) -> None:
    admin = await keeper(world)
    made = (await admin.data(document("createServiceClient", MADE), input={"name": "used"}))["createServiceClient"]
    assert made["serviceClient"]["seenAt"] is None
    async with world.database.reading() as connection:
        client = await verify_service_client(connection, made["serviceClient"]["clientId"], made["value"])
        assert client is not None
        await touch(connection, client.client)
        again = await verify_service_client(connection, made["serviceClient"]["clientId"], made["value"])
    assert again is not None
    assert (client.client.was_just_seen, again.client.was_just_seen) == (False, True)
    [shown] = [one for one in (await admin.data(LIST))["serviceClients"] if one["clientId"] == client.client.name]
    assert shown["seenAt"] is not None


async def test_one_client_more_than_the_limit_is_refused(world: World) -> None:
    operator = Actor(world.tenant, None, "operator:root", frozenset())
    database = make.limited(world.database, max_service_clients=2)  # the world has one
    await create_tenant_client(database, operator, "second")
    with pytest.raises(LimitReached, match="IDENTITY_MAX_SERVICE_CLIENTS"):
        await create_tenant_client(database, operator, "third")
