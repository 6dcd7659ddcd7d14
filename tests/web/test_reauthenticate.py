"""Proving anew who one is, through the real routes (S3-33 to S3-39)."""

import contextlib
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from identity_api.db import grants, user_read_model
from identity_api.graphql.ids import global_id
from identity_api.ids import token_hash
from identity_api.permissions.service import USERS_WRITE
from tests import factories as make
from tests.accounts.local_world import PASSWORD, LocalWorld
from tests.openid_provider import Fault
from tests.web.local_site import PAGE, from_page, signed_in, with_passwords
from tests.web.site import PUBLIC_URL, Site, come_back, cookies_set

PATH = "/auth/reauthenticate"
COOKIE = "__Host-session"


@pytest_asyncio.fixture
async def world(site: Site) -> LocalWorld:
    return await with_passwords(site)


@pytest_asyncio.fixture
async def ada(world: LocalWorld) -> UUID:
    return await world.make_user("ada")


async def age(site: Site, client: httpx.AsyncClient, cookie: str = COOKIE) -> None:
    """The person signed in an hour ago."""
    await site.execute(
        "update session set authenticated_at = authenticated_at - interval '1 hour' where token_hash = $1",
        token_hash(client.cookies[cookie]),
    )


async def proof_age(site: Site, client: httpx.AsyncClient) -> float:
    """Seconds since the person proved who they are, as their session says."""
    return float(
        await site.fetchval(
            "select extract(epoch from now() - authenticated_at) from session where token_hash = $1 and ended_at is null",
            token_hash(client.cookies[COOKIE]),
        )
    )


async def prove(site: Site, client: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await client.post(PATH, data={"password": PASSWORD, **form}, headers=from_page(site))


@pytest.mark.asyncio
async def test_a_password_proves_it_and_the_session_goes_on_with_a_new_token(site: Site, ada: UUID) -> None:
    client = await signed_in(site)
    await age(site, client)
    before = client.cookies[COOKIE]
    page = await client.get(PATH, params={"return_to": "/account?tab=1"}, headers=PAGE)
    assert 'value="/account?tab=1"' in page.text
    assert "<script" not in page.text
    answer = await prove(site, client, return_to="/account?tab=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?tab=1")
    assert "HttpOnly" in cookies_set(answer)[COOKIE]
    assert await proof_age(site, client) < 60
    old = await site.client().get("/v1/me", headers={"authorization": f"Bearer {before}"})
    assert (old.status_code, (await client.get("/v1/me")).status_code) == (401, 200)


@pytest.mark.asyncio
async def test_a_wrong_password_raises_nothing(site: Site, ada: UUID) -> None:
    client = await signed_in(site)
    await age(site, client)
    answer = await prove(site, client, password="not this one")
    assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
    assert COOKIE not in cookies_set(answer)
    assert await proof_age(site, client) > 3_000
    program = await client.post(PATH, json={"password": "x"}, headers={"origin": site.origin})
    assert (program.status_code, program.json()["code"]) == (403, "CREDENTIALS_REFUSED")


@pytest.mark.asyncio
async def test_a_second_factor_is_part_of_it(site: Site, world: LocalWorld, ada: UUID) -> None:
    client = await signed_in(site)
    session_id = await site.fetchval("select id from session where user_id = $1", ada)
    secret = await world.enrol(ada, session_id=session_id)
    world.wait(seconds=30)
    await age(site, client)
    asked = await prove(site, client)
    assert 'name="code"' in asked.text
    assert await proof_age(site, client) > 3_000
    assert (await prove(site, client, code=world.code(secret))).status_code == 303
    assert await proof_age(site, client) < 60


@pytest.mark.asyncio
async def test_a_frontend_proves_it_with_json_and_keeps_its_token(site: Site, ada: UUID) -> None:
    token = (await signed_in(site)).cookies[COOKIE]
    await site.execute("update session set kind = 'BEARER' where token_hash = $1", token_hash(token))
    bearer = {"authorization": f"Bearer {token}"}
    answer = await site.client().post(PATH, json={"password": PASSWORD}, headers=bearer)
    assert (answer.status_code, list(answer.json())) == (200, ["elevated_until"])
    assert (await site.client().get("/v1/me", headers=bearer)).status_code == 200


@pytest.mark.asyncio
async def test_nobody_proves_anything_without_a_session_or_from_another_page(site: Site, ada: UUID) -> None:
    nobody = await site.client().post(PATH, data={"password": PASSWORD}, headers=from_page(site))
    assert nobody.status_code == 401
    assert (await site.client().get(PATH)).headers["location"] == "/login"
    client = await signed_in(site)
    for sent in ({}, {"origin": "https://evil.example"}, {"origin": "null"}):
        foreign = await client.post(PATH, data={"password": PASSWORD}, headers=sent)
        assert (foreign.status_code, foreign.json()["code"]) == (403, "ORIGIN_REFUSED")
    assert (await prove(site, client)).status_code == 303


@pytest.mark.asyncio
@pytest.mark.parametrize("astray", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_the_way_back_is_a_path_of_ours(site: Site, ada: UUID, astray: str) -> None:
    client = await signed_in(site)
    for answer in (
        await client.get(PATH, params={"return_to": astray}),
        await client.post(PATH, data={"password": PASSWORD, "return_to": astray}, headers={"origin": site.origin}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "RETURN_TO_REFUSED")


# At the provider


async def allow(site: Site) -> None:
    await site.execute("update provider set reauthentication = true where id = $1", site.provider.id)


@pytest.mark.asyncio
async def test_a_provider_is_asked_to_let_the_person_prove_it(site: Site) -> None:
    """S3-35, S3-36: prompt=login and max_age=0 go out, a fresh auth_time must come back."""
    await allow(site)
    client = await site.signed_in("alice")
    await age(site, client)
    before = client.cookies[COOKIE]
    page = await client.get(PATH, params={"return_to": "/account?tab=1"}, headers=PAGE)
    link = "/auth/oidc/sso/login?reauth=1&amp;return_to=%2Faccount%3Ftab%3D1"
    assert f'href="{link}"' in page.text
    begun = await client.get(link.replace("&amp;", "&"))
    asked = dict(parse_qsl(urlsplit(begun.headers["location"]).query))
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    ended = await come_back(client, await site.at_provider(begun.headers["location"]))
    assert (ended.status_code, ended.headers["location"]) == (303, f"{site.origin}/account?tab=1")
    assert client.cookies[COOKIE] != before
    assert await proof_age(site, client) < 60
    old = await site.client().get("/v1/me", headers={"authorization": f"Bearer {before}"})
    assert old.status_code == 401


@pytest.mark.asyncio
async def test_the_provider_is_told_whom_to_ask(site: Site) -> None:
    """S1-22, S1-23: the name is known, from the sign-in before; without one, or to anybody else, none is sent."""
    await allow(site)

    async def hint(client: httpx.AsyncClient, path: str) -> str | None:
        begun = await client.get(path)
        return dict(parse_qsl(urlsplit(begun.headers["location"]).query)).get("login_hint")

    client = await site.signed_in("alice")
    again = "/auth/oidc/sso/login?reauth=1"
    assert await hint(client, again) == "alice"
    assert await hint(client, f"{again}&login_hint=other%40acme.example") == "other@acme.example"
    assert await hint(client, "/auth/oidc/sso/login") is None
    assert await hint(site.client(), again) is None
    # A name for people is no name that a provider would know: then the address is sent, or nothing.
    by_name = """update provider set claims = jsonb_set(claims::jsonb, '{username}', '["name"]') where id = $1"""
    await site.execute(by_name, site.provider.id)
    assert await hint(client, again) == site.idp.people["alice"].email
    await site.execute("update identity set claims = claims::jsonb - 'email' where provider_id = $1", site.provider.id)
    assert await hint(client, again) is None


@pytest.mark.asyncio
async def test_an_ordinary_login_demands_no_new_proof(site: Site) -> None:
    await allow(site)
    begun = await site.client().get("/auth/oidc/sso/login")
    assert {"prompt", "max_age"}.isdisjoint(dict(parse_qsl(urlsplit(begun.headers["location"]).query)))


@pytest.mark.asyncio
async def test_consent_is_still_asked_for_where_it_is_configured(site: Site) -> None:
    await allow(site)
    await site.execute(
        """update provider set authorization_parameters = '{"prompt": "consent"}' where id = $1""", site.provider.id
    )
    begun = await site.client().get("/auth/oidc/sso/login?reauth=1")
    assert dict(parse_qsl(urlsplit(begun.headers["location"]).query))["prompt"] == "login consent"


@pytest.mark.asyncio
async def test_a_provider_that_asked_nobody_proves_nothing(site: Site) -> None:
    """S3-36, S3-37: a proof that is older than the question is none, and neither is one without a time."""
    await allow(site)
    for fault in (None, Fault.AUTH_TIME_ZERO):
        client = await site.signed_in("alice")
        before = client.cookies[COOKIE]
        begun = await client.get("/auth/oidc/sso/login?reauth=1")
        arrival = await site.at_provider(begun.headers["location"])
        if fault is None:
            await site.execute(
                "update login_attempt set launched_at = launched_at + interval '5 minutes' where tenant_id = $1",
                site.tenant.id,
            )
        with contextlib.ExitStack() as faults:
            if fault is not None:
                faults.enter_context(site.idp.fault(fault))
            answer = await client.get(arrival.url)
        assert (answer.status_code, "TOKEN_REFUSED" in answer.text) == (400, True)
        # The session that there was is as it was.
        assert client.cookies[COOKIE] == before
        assert (await client.get("/v1/me")).status_code == 200


@pytest.mark.asyncio
async def test_somebody_else_does_not_take_over(site: Site) -> None:
    await allow(site)
    client = await site.signed_in("alice")
    before = (await client.get("/v1/me")).json()
    begun = await client.get("/auth/oidc/sso/login?reauth=1")
    answer = await come_back(client, await site.at_provider(begun.headers["location"], "bob"))
    assert (answer.status_code, "OTHER_PERSON" in answer.text) == (403, True)
    assert (await client.get("/v1/me")).json() == before


@pytest.mark.asyncio
async def test_a_provider_that_does_not_support_it_is_not_asked(site: Site) -> None:
    """S3-34, S3-37: off by default; then a new sign-in is the way."""
    client = await site.signed_in("alice")
    page = await client.get(PATH, headers=PAGE)
    assert "Sign out and sign in anew" in page.text
    assert "reauth=1" not in page.text
    answer = await client.get("/auth/oidc/sso/login?reauth=1")
    assert (answer.status_code, answer.json()["code"]) == (400, "REAUTHENTICATION_NOT_OFFERED")


@pytest.mark.asyncio
async def test_a_local_password_serves_people_of_a_provider(site: Site, world: LocalWorld) -> None:
    """S3-39."""
    client = site.client()
    assert (await site.sign_in(client, "alice", "/auth/oidc/sso/login")).status_code == 303
    alice = UUID((await client.get("/v1/me")).json()["user_id"])
    assert 'name="password"' not in (await client.get(PATH, headers=PAGE)).text
    made = await world.make_user("helper")
    await site.execute(
        "update app_user set password_hash = (select password_hash from app_user where id = $2) where id = $1",
        alice,
        made,
    )
    await age(site, client)
    assert 'name="password"' in (await client.get(PATH, headers=PAGE)).text
    assert (await prove(site, client)).status_code == 303
    assert await proof_age(site, client) < 60


# The whole way, from a refused mutation and back


ENABLE = "mutation ($id: ID!) { enableUser(input: {id: $id}) { __typename ... on NotAllowed { code stepUpUrl } } }"


@pytest.mark.asyncio
@pytest.mark.parametrize("base_url", [None, PUBLIC_URL])
async def test_a_refused_mutation_leads_to_the_proof_after_which_it_succeeds(
    site: Site, world: LocalWorld, ada: UUID, base_url: str | None
) -> None:
    """S3-33, S3-38: on the tenant's host, and below its prefix on the public one."""
    origin, prefix = base_url or site.origin, f"/t/{site.tenant.slug}" if base_url else ""
    other = await world.make_user("bob")
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, USERS_WRITE)
        await grants.open_manual_grant(connection, site.tenant.id, ada, permission, "operator:root")
        await user_read_model.refresh(connection, site.tenant.id, [ada])
    client = site.client(base_url=base_url)
    form = {"username": "ada", "password": PASSWORD}
    assert (await client.post(f"{prefix}/auth/local/login", data=form, headers={"origin": origin})).status_code == 303
    asked = {"query": ENABLE, "variables": {"id": global_id("User", other)}}

    async def ask() -> object:
        headers = {"origin": origin, "identity-request": "1"}
        answer = (await client.post(f"{prefix}/graphql", json=asked, headers=headers)).json()
        return answer["data"]["enableUser"]

    assert await ask() == {"__typename": "UserChanged"}
    await age(site, client, f"{COOKIE}-{site.tenant.slug}" if prefix else COOKIE)
    url = origin + prefix + PATH
    assert await ask() == {"__typename": "NotAllowed", "code": "STEP_UP_REQUIRED", "stepUpUrl": url}
    assert 'name="password"' in (await client.get(url, headers=PAGE)).text
    proven = await client.post(url, data={"password": PASSWORD}, headers={**PAGE, "origin": origin})
    assert (proven.status_code, proven.headers["location"]) == (303, f"{prefix}/account")
    assert await ask() == {"__typename": "UserChanged"}
