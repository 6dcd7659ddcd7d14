"""Break-glass codes at the real routes: the way back when nobody can sign in."""

import asyncio
import re
from typing import Any

import httpx
import pytest
import pytest_asyncio

from identity_api.accounts import break_glass
from identity_api.accounts.administration import disable_user, grant_permission
from identity_api.accounts.break_glass import DEFAULT_PERMISSIONS, Made
from identity_api.db import break_glass as credentials
from identity_api.db import locks, ways_in
from identity_api.db.in_force import effective_permissions
from identity_api.errors import Refused
from identity_api.graphql.ids import global_id
from identity_api.ids import token_hash
from identity_api.permissions.service import ADMINISTERING, GRANTS_WRITE, MAPPINGS_WRITE, USERS_WRITE
from identity_api.telemetry import METRICS
from tests import factories as make
from tests.accounts.local_world import LocalWorld
from tests.blocking import blocked_or_done
from tests.web.local_site import from_page, signed_in, with_passwords
from tests.web.site import Site, make_site

pytestmark = pytest.mark.asyncio
PAGE = "/auth/break-glass"
GRANT = (
    "mutation ($input: GrantPermissionInput!) { grantPermission(input: $input) { __typename ... on Problem { code } } }"
)
PERMISSIONS = "{ viewer { permissions { name } } users(first: 50) { edges { node { id username } } } }"


@pytest_asyncio.fixture
async def world(site: Site) -> LocalWorld:
    found = await with_passwords(site)
    async with found.database.transaction() as connection:
        for name in sorted({*DEFAULT_PERMISSIONS, *ADMINISTERING}):
            await make.make_permission(connection, found.tenant.id, name)
    return found


async def made(world: LocalWorld, *wanted: str, minutes: int = 30) -> Made:
    return await break_glass.create(
        world.database, world.operator, wanted or DEFAULT_PERMISSIONS, days=90, minutes=minutes
    )


async def use(site: Site, code: str, client: httpx.AsyncClient | None = None) -> httpx.Response:
    return await (client or site.client()).post(PAGE, data={"code": code}, headers=from_page(site))


async def ask(site: Site, client: httpx.AsyncClient, query: str, **variables: Any) -> Any:
    sent = {"query": query, "variables": variables}
    headers = {"identity-request": "1", "origin": site.origin}
    return (await client.post("/graphql", json=sent, headers=headers)).json()["data"]


def alarms(kind: str) -> float:
    text = METRICS.render()[0].decode()
    found = re.search(rf'identity_alarms_total{{kind="{kind}"}} ([0-9.]+)', text)
    assert found, "an alarm is shown from 0 on"
    return float(found[1])


async def test_everybody_is_out_and_a_code_lets_somebody_give_the_rights_back(site: Site, world: LocalWorld) -> None:
    code, before = (await made(world)).code, alarms("break_glass_used")
    ada = await world.make_user("ada")
    client = site.client()
    assert (await client.get(PAGE)).status_code == 200
    answer = await use(site, code, client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    shown = await ask(site, client, PERMISSIONS)
    assert {one["name"] for one in shown["viewer"]["permissions"]} == set(DEFAULT_PERMISSIONS)
    [user] = [edge["node"]["id"] for edge in shown["users"]["edges"] if edge["node"]["username"] == "ada"]
    async with world.database.reading() as connection:
        row_id = await connection.fetchval(
            "select id from permission where tenant_id = $1 and name = $2", world.tenant.id, USERS_WRITE
        )
    given = await ask(site, client, GRANT, input={"user": user, "permission": global_id("Permission", row_id)})
    assert given["grantPermission"]["__typename"] == "UserChanged"
    assert (await (await signed_in(site, "ada")).get("/v1/me")).json()["permissions"] == [USERS_WRITE]
    assert ada
    assert alarms("break_glass_used") == before + 1
    assert await world.fetchval(
        "select address is not null from audit_event where tenant_id = $1 and action = 'break_glass.used'",
        world.tenant.id,
    )


async def test_a_code_works_once_also_if_it_is_typed_twice_at_the_same_moment(site: Site, world: LocalWorld) -> None:
    code = (await made(world)).code
    answers = await asyncio.gather(*[use(site, code) for _ in range(4)])
    assert sorted([one.status_code for one in answers]) == [303, 404, 404, 404]
    again = await use(site, code)
    assert (again.status_code, "has been used" in again.text) == (404, True)


async def test_a_code_can_be_used_while_its_revocation_waits_for_the_use(world: LocalWorld) -> None:
    """Both take the user before the credential, so neither waits for what the other holds."""
    credential, tenant_id = await made(world), world.tenant.id
    user_id = await world.fetchval("select user_id from break_glass where id = $1", credential.id)
    async with world.database.transaction() as connection:
        await locks.users(connection, tenant_id, [user_id])
        revoking = asyncio.create_task(break_glass.revoke(world.database, world.operator, credential.id))
        await blocked_or_done(world.database, revoking, connection)
        assert await credentials.use(connection, tenant_id, token_hash(credential.code)) is not None
    await revoking
    assert await world.fetchval("select admitted_until <= now() from app_user where id = $1", user_id)


async def test_nothing_of_it_is_in_force_before_its_use_or_after_its_minutes(site: Site, world: LocalWorld) -> None:
    credential = await made(world, USERS_WRITE, minutes=5)
    held = effective_permissions("u.tenant_id", "u.id", "now()")
    holders = f"select count(*) from app_user u, lateral {held} e where u.tenant_id = $1"
    assert await world.fetchval(holders, world.tenant.id) == 0
    client = site.client()
    await use(site, credential.code, client)
    assert (await client.get("/v1/me")).json()["permissions"] == [USERS_WRITE]
    # Long after the step-up of others, and to the end of its minutes, it may do what it is for.
    await world.execute(
        "update session set authenticated_at = now() - interval '1 hour' where tenant_id = $1", world.tenant.id
    )
    disable = 'mutation { disableUser(input: {id: "x"}) { ... on Problem { code } } }'
    assert (await ask(site, client, disable))["disableUser"]["code"] == "NOT_FOUND"
    await world.execute(
        "update app_user set admitted_until = now() where tenant_id = $1 and admitted_until > now()", world.tenant.id
    )
    assert (await client.get("/v1/me")).json()["permissions"] == []
    assert await world.fetchval(holders, world.tenant.id) == 0
    until = "select max(absolute_until - created_at) = interval '5 minutes' from session where tenant_id = $1"
    assert await world.fetchval(until, world.tenant.id)


async def test_an_access_by_break_glass_does_not_count_as_the_last_admin(site: Site, world: LocalWorld) -> None:
    """It is over in minutes: whoever is the last lasting admin stays."""
    client = site.client()
    await use(site, (await made(world, *sorted(ADMINISTERING))).code, client)
    ada = await world.make_user("ada")
    async with world.database.reading() as connection:
        rows = await connection.fetch("select id, name from permission where tenant_id = $1", world.tenant.id)
        assert await ways_in.held_in_force(connection, world.tenant.id, sorted(ADMINISTERING)) == frozenset()
    for row in rows:
        await grant_permission(world.database, world.operator, ada, row["id"])
    user_id = await world.fetchval("select user_id from break_glass where tenant_id = $1", world.tenant.id)
    actor = world.actor(user_id, *sorted({*ADMINISTERING, *DEFAULT_PERMISSIONS}))
    with pytest.raises(Refused) as refused:
        await disable_user(world.database, actor, ada)
    assert refused.value.code == "LAST_ADMIN"


async def test_codes_that_are_none_are_refused_alike_and_counted(site: Site, world: LocalWorld) -> None:
    revoked, old, good = await made(world), await made(world), await made(world)
    await break_glass.revoke(world.database, world.operator, revoked.id)
    await world.execute("update break_glass set expires_at = now() where id = $1", old.id)
    other = await make_site(site.app, site.database, site.vault, site.idp)
    texts = set()
    client = site.client()
    for code in (revoked.code, old.code, "", "ibg_x", good.code + "x", "x" * 5_000):
        answer = await use(site, code, client)
        assert answer.status_code == 404, code
        texts.add(re.sub(r"request[^<]*<[^>]*>[^<]*", "", answer.text))
    assert len(texts) == 1
    assert (await use(other, good.code)).status_code == 404
    assert (await use(site, good.code)).status_code == 303
    elsewhere = await client.post(PAGE, data={"code": good.code}, headers={"origin": "https://evil.example"})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "ORIGIN_REFUSED")
    statuses = [(await use(site, "ibg_wrong", client)).status_code for _ in range(40)]
    assert statuses[-1] == 429


async def test_revoking_ends_what_a_used_code_gives(site: Site, world: LocalWorld) -> None:
    credential, client = await made(world), site.client()
    await use(site, credential.code, client)
    assert (await client.get("/v1/me")).status_code == 200
    await break_glass.revoke(world.database, world.operator, credential.id)
    assert (await client.get("/v1/me")).status_code == 401


async def test_only_rights_of_this_service_are_given_and_only_for_a_while(site: Site, world: LocalWorld) -> None:
    for wanted, days, minutes in (
        (("docs:read",), 1, 1),
        ((), 1, 1),
        ((GRANTS_WRITE,), 0, 1),
        ((GRANTS_WRITE,), 1, 241),
        (("identity:none:such",), 1, 1),
    ):
        with pytest.raises(Exception, match=r"permission|credential"):
            await break_glass.create(world.database, world.operator, wanted, days=days, minutes=minutes)
    assert (await made(world, MAPPINGS_WRITE)).permissions == (MAPPINGS_WRITE,)
