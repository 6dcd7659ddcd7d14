"""What the product's backend learns of a token, and of which tenants (RFC 7662)."""

import pytest

from identity_api.db.introspection import Asked
from identity_api.errors import BadInput, Conflict, NotFound, Refused
from identity_api.ids import new_tenant_token, new_token, uuid7
from identity_api.sessions.clients import create_service_client, rotate_service_client
from identity_api.sessions.introspect import introspect, verify_service_client
from tests import factories as make
from tests.graphql.world import CountingDatabase
from tests.openid_provider import RunningProvider
from tests.sessions.browsers import World, make_world

pytestmark = pytest.mark.asyncio

OPERATOR = "operator:somebody"


async def make_client(world: World, days: int | None = None) -> tuple[str, str]:
    name = f"backend-{uuid7().hex}"
    secret = await create_service_client(world.database, name, [world.tenant.id], days=days, actor=OPERATOR)
    return name, secret


async def verified(world: World, name: str, secret: str) -> Asked | None:
    async with world.database.reading() as connection:
        return await verify_service_client(connection, name, secret)


async def ask(world: World, client: tuple[str, str], token: str) -> dict[str, object] | None:
    async with world.database.reading() as connection:
        return await introspect(connection, *client, token, idle_seconds=3_600)


async def test_a_live_token_of_an_allowed_tenant_is_active(world: World) -> None:
    async with world.database.transaction() as connection:
        read = await make.make_permission(connection, world.tenant.id, "docs:read")
        await make.make_mapping(connection, world.tenant.id, "engineering", [read])
    token = (await world.sign_in("alice")).set_cookies[0].value
    client = await make_client(world)
    answer = await ask(world, client, token)
    assert answer is not None
    who = await world.who(token)
    assert who is not None
    assert answer["active"] is True
    assert (answer["sub"], answer["username"]) == (str(who.user.id), "alice")
    assert answer["subject"] == who.user.facts.identities[0].subject != answer["sub"]
    assert (answer["scope"], answer["permissions"]) == ("docs:read", ["docs:read"])
    assert (answer["tenant"], answer["tenant_id"], answer["is_sso"]) == (world.tenant.slug, str(world.tenant.id), True)
    assert answer["exp"] == int(who.idle_until.timestamp()) if who.idle_until else False
    assert answer["iat"] == int(who.issued_at.timestamp())


async def test_a_token_of_another_tenant_is_as_inactive_as_one_that_does_not_exist(
    world: World, idp: RunningProvider
) -> None:
    neighbour = await make_world(world.deps, idp)
    token = (await neighbour.sign_in("alice")).set_cookies[0].value
    client = await make_client(world)
    assert await ask(world, client, token) == {"active": False}
    assert await ask(world, client, new_tenant_token("ias", world.tenant.id)) == {"active": False}
    assert await ask(world, client, "") == {"active": False}
    own = await make_client(neighbour)
    assert (await ask(neighbour, own, token) or {})["active"] is True


async def test_a_session_that_is_over_is_inactive(world: World) -> None:
    token = (await world.sign_in("alice")).set_cookies[0].value
    client = await make_client(world)
    await world.execute("update app_user set disabled_at = now() where tenant_id = $1", world.tenant.id)
    assert await ask(world, client, token) == {"active": False}


async def test_a_client_is_known_by_its_secret_until_it_is_revoked(world: World) -> None:
    name, secret = await make_client(world)
    assert await verified(world, name, secret) is not None
    token = (await world.sign_in("alice")).set_cookies[0].value
    assert await ask(world, (name, secret), token) is not None
    for wrong in ("", secret[:-1], secret.upper(), new_token("isc"), "\udcff"):
        assert await verified(world, name, wrong) is None
        assert await ask(world, (name, wrong), token) is None
    assert await verified(world, f"{name}x", secret) is None
    await world.execute("update service_client set revoked_at = now() where name = $1", name)
    assert await verified(world, name, secret) is None


async def test_the_secret_of_a_client_works_until_its_end_and_another_one_brings_it_back(world: World) -> None:
    name, first = await make_client(world, days=30)
    token = (await world.sign_in("alice")).set_cookies[0].value
    answers = [await ask(world, (name, first), one) for one in (token, "ias_x")]
    assert [one["active"] for one in answers if one is not None] == [True, False]
    await world.execute("update service_client set expires_at = now() - interval '1 second' where name = $1", name)
    for one in (token, new_tenant_token("iat", world.tenant.id), "ias_x"):
        assert await ask(world, (name, first), one) is None
    with pytest.raises(BadInput, match="has expired") as refused:
        await rotate_service_client(world.database, name, actor=OPERATOR)
    assert refused.value.field == "days"
    second = await rotate_service_client(world.database, name, days=1, actor=OPERATOR)
    assert await verified(world, name, first) is None
    assert await verified(world, name, second) is not None


async def test_another_secret_without_days_ends_when_the_one_before_it_does(world: World) -> None:
    (limited, _), (endless, _) = await make_client(world, days=30), await make_client(world)
    ends = "select expires_at from service_client where name = $1"
    async with world.database.reading() as connection:
        before = await connection.fetchval(ends, limited)
    for name, expected in ((limited, before), (endless, None)):
        await rotate_service_client(world.database, name, actor=OPERATOR)
        async with world.database.reading() as connection:
            assert await connection.fetchval(ends, name) == expected


@pytest.mark.parametrize("days", [0, -1, 367])
async def test_a_client_lasts_a_number_of_days_that_is_offered(world: World, days: int) -> None:
    with pytest.raises(BadInput, match="1 to 366 days"):
        await make_client(world, days=days)
    name, secret = await make_client(world, days=366)
    with pytest.raises(BadInput, match="1 to 366 days"):
        await rotate_service_client(world.database, name, days=days, actor=OPERATOR)
    assert await verified(world, name, secret) is not None


async def test_a_client_without_the_scope_may_not_ask(world: World) -> None:
    client = await make_client(world)
    await world.execute("update service_client set scopes = '{}' where name = $1", client[0])
    with pytest.raises(Refused) as refused:
        await ask(world, client, "ias_x")
    assert refused.value.code == "SCOPE_REQUIRED"


async def test_a_client_needs_a_usable_name_tenants_and_known_scopes(world: World) -> None:
    here = [world.tenant.id]
    for name in ("", "a:b", "a\nb", "ü", "x" * 129):
        with pytest.raises(BadInput):
            await create_service_client(world.database, name, here, actor=OPERATOR)
    name, _ = await make_client(world)
    with pytest.raises(Conflict):
        await create_service_client(world.database, name, here, actor=OPERATOR)
    fresh = f"{name}-2"
    with pytest.raises(BadInput):
        await create_service_client(world.database, fresh, [], actor=OPERATOR)
    with pytest.raises(BadInput):
        await create_service_client(world.database, fresh, here, scopes=["everything"], actor=OPERATOR)
    with pytest.raises(NotFound):
        await create_service_client(world.database, fresh, [uuid7()], actor=OPERATOR)
    [event] = await world.events("service_client.created")
    assert event == {}


async def test_an_api_token_needs_a_user_a_name_and_a_time(world: World) -> None:
    await world.sign_in("alice")
    right = {"name": "backup", "days": 1}
    for change, error in (
        ({"name": ""}, BadInput),
        ({"name": "a\nb"}, BadInput),
        ({"days": 0}, BadInput),
        ({"days": 367}, BadInput),
        ({"username": "nobody"}, NotFound),
    ):
        wish = {"username": "alice", **right, **change}
        with pytest.raises(error):
            await make.create_api_token(world.database, world.tenant.id, **wish)
    await make.create_api_token(world.database, world.tenant.id, "alice", **right)
    assert len(await world.events("api_token.created")) == 1


async def test_an_api_token_is_introspected_with_its_limits(world: World) -> None:
    await world.sign_in("alice")
    client = await make_client(world)
    token = await make.create_api_token(world.database, world.tenant.id, "alice", "backup", days=1)
    assert (await ask(world, client, token) or {})["is_sso"] is False
    assert await ask(world, client, token + "x") == {"active": False}
    assert await ask(world, (client[0], "isc_wrong"), token) is None


async def test_an_api_token_is_no_proof_of_the_person_however_new_it_is(world: World) -> None:
    """A backend that asks for a recent proof (RFC 9470) must not take a program's token for one."""
    session = (await world.sign_in("alice")).set_cookies[0].value
    client = await make_client(world)
    token = await make.create_api_token(world.database, world.tenant.id, "alice", "backup", days=1)
    by_session, by_token = [await ask(world, client, one) or {} for one in (session, token)]
    assert by_session["auth_time"] > by_token["auth_time"] == 0
    assert by_token["iat"] >= by_session["auth_time"]


async def test_client_and_token_are_read_with_one_statement(world: World) -> None:
    token = (await world.sign_in("alice")).set_cookies[0].value
    client = await make_client(world)
    assert await ask(world, client, token)  # and it is noted that the client was used
    counting = CountingDatabase(world.database)
    async with counting.reading() as connection:
        answer = await introspect(connection, *client, token, idle_seconds=3_600)
    assert answer is not None
    assert answer["active"] is True
    assert len(counting.statements) == 1
