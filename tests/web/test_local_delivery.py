"""What a frontend on another site gets of a local sign-in: the same as of a login at a provider (S0-05, S4-54)."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from identity_api.accounts.local_passwords import remove_password
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from tests.accounts.local_world import PASSWORD, LocalWorld
from tests.web.local_site import LOGIN, PAGE, from_page, submit, with_passwords
from tests.web.site import FRONTEND, PUBLIC_URL, Site, cookies_set
from tests.web.test_local_login import field

VERIFIER = new_code_verifier()
BY_CODE = {"frontend": "app", "delivery": "code", "code_challenge": code_challenge(VERIFIER), "state": "own"}
BY_FRAGMENT = {"frontend": "app", "delivery": "fragment", "state": "own"}


@pytest_asyncio.fixture
async def world(site: Site) -> LocalWorld:
    return await with_passwords(site)


@pytest_asyncio.fixture
async def ada(world: LocalWorld) -> UUID:
    return await world.make_user("ada")


def code_of(answer: httpx.Response) -> str:
    """The one-time code of an answer that leads back to the frontend."""
    assert answer.status_code == 303, answer.text
    address = urlsplit(answer.headers["location"])
    given = dict(parse_qsl(address.query))
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{FRONTEND}/done"
    assert (given.keys(), given["state"], address.fragment) == ({"code", "state", "iss"}, "own", "")
    assert "__Host-session" not in cookies_set(answer)
    return given["code"]


async def redeem(site: Site, code: str, verifier: str = VERIFIER, origin: str = FRONTEND) -> httpx.Response:
    """What the frontend's page does with it."""
    body = {"frontend": "app", "code": code, "code_verifier": verifier}
    return await site.client().post("/v1/auth/token", json=body, headers={"origin": origin})


async def me(site: Site, token: str) -> httpx.Response:
    return await site.client().get("/v1/me", headers={"authorization": f"Bearer {token}"})


@pytest.mark.asyncio
async def test_a_frontend_need_not_know_who_vouched(site: Site, ada: UUID) -> None:
    """From the page that it opens to the token it holds, both ways in are one; `is_sso` tells them apart."""
    tokens = {}
    for way in ("password", "provider"):
        browser = site.client()
        page = await browser.get("/login", params={**BY_CODE, "choose": "1"}, headers=PAGE)
        if way == "password":
            form = {name: field(page.text, name) for name in BY_CODE}
            ended = await submit(site, browser, **form)
        else:
            ended = await site.sign_in(browser, path=f"/auth/oidc/sso/login?{httpx.QueryParams(BY_CODE)}")
        answer = await redeem(site, code_of(ended))
        assert answer.status_code == 200, answer.text
        assert answer.headers["access-control-allow-origin"] == FRONTEND
        assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
        tokens[way] = answer.json()["access_token"]
    local, provider = (await me(site, tokens["password"])).json(), (await me(site, tokens["provider"])).json()
    assert local.keys() == provider.keys()
    assert (local["user_id"], local["is_sso"], provider["is_sso"]) == (str(ada), False, True)


@pytest.mark.asyncio
async def test_a_token_comes_in_the_fragment_with_the_frontends_state(site: Site, ada: UUID) -> None:
    ended = await submit(site, site.client(), **BY_FRAGMENT)
    address = urlsplit(ended.headers["location"])
    given = {name: value for name, [value] in parse_qs(address.fragment).items()}
    assert (address.query, given["state"], given["token_type"]) == ("", "own", "Bearer")
    assert "__Host-session" not in cookies_set(ended)
    assert (await me(site, given["access_token"])).json()["user_id"] == str(ada)


@pytest.mark.asyncio
async def test_a_program_is_told_the_same_address(site: Site, ada: UUID) -> None:
    typed = {"username": "ada", "password": PASSWORD, **BY_CODE}
    answer = await site.client().post(LOGIN, json=typed, headers={"origin": site.origin})
    code = dict(parse_qsl(urlsplit(answer.json()["location"]).query))["code"]
    assert (await redeem(site, code)).status_code == 200


@pytest.mark.asyncio
async def test_the_second_factor_keeps_what_the_frontend_asked_for(site: Site, world: LocalWorld, ada: UUID) -> None:
    secret = await world.enrol(ada)
    world.wait(seconds=30)  # the code that enrolled works nowhere else
    browser = site.client()
    asked = await submit(site, browser, **BY_CODE)
    form = {name: field(asked.text, name) for name in ("held", *BY_CODE)}
    ended = await browser.post(LOGIN, data={**form, "code": world.code(secret)}, headers=from_page(site))
    assert (await redeem(site, code_of(ended))).status_code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"code_challenge": None}, "CLIENT_CHALLENGE_REQUIRED"),
        ({"code_challenge": "short"}, "CLIENT_CHALLENGE_REQUIRED"),
        ({"state": "a b"}, "CLIENT_STATE_INVALID"),
        ({"delivery": "fragment", "state": None}, "CLIENT_STATE_REQUIRED"),
        ({"delivery": "post"}, "DELIVERY_NOT_ALLOWED"),
        ({"frontend": None}, "DELIVERY_NOT_ALLOWED"),
        ({"frontend": "other"}, "FRONTEND_UNKNOWN"),
        ({"return_to": "https://evil.example/"}, "RETURN_TO_REFUSED"),
    ],
)
async def test_what_cannot_be_used_is_refused_before_and_with_the_password(
    site: Site, ada: UUID, change: dict[str, str | None], refusal: str
) -> None:
    asked = {name: value for name, value in {**BY_CODE, **change}.items() if value is not None}
    page = await site.client().get("/login", params=asked, headers=PAGE)
    assert (page.status_code, refusal in page.text) == (400, True)
    assert "<form" not in page.text
    ended = await submit(site, site.client(), **asked)
    assert (ended.status_code, refusal in ended.text) == (400, True)


@pytest.mark.asyncio
@pytest.mark.parametrize("wrong", [{"verifier": new_code_verifier()}, {"origin": "https://evil.example"}])
async def test_a_code_is_of_use_to_the_page_that_began_and_to_nobody_else(
    site: Site, ada: UUID, wrong: dict[str, str]
) -> None:
    code = code_of(await submit(site, site.client(), **BY_CODE))
    refused = await redeem(site, code, **wrong)
    # A page of no frontend is refused before the code is looked at; a wrong verifier uses it up.
    told, later = ((403, "ORIGIN_REFUSED"), 200) if "origin" in wrong else ((400, "CODE_INVALID"), 400)
    assert (refused.status_code, refused.json()["code"]) == told
    assert (await redeem(site, code)).status_code == later


@pytest.mark.asyncio
async def test_a_code_that_is_shown_twice_ends_what_was_made_of_it(site: Site, ada: UUID) -> None:
    code = code_of(await submit(site, site.client(), **BY_CODE))
    token = (await redeem(site, code)).json()["access_token"]
    assert (await me(site, token)).status_code == 200
    assert (await redeem(site, code)).status_code == 400
    assert (await me(site, token)).status_code == 401


async def disabled(world: LocalWorld, ada: UUID) -> None:
    await world.execute("update app_user set disabled_at = now() where id = $1", ada)


async def without_password(world: LocalWorld, ada: UUID) -> None:
    await remove_password(world.database, world.operator, ada)


async def passwords_off(world: LocalWorld, ada: UUID) -> None:
    await world.set_policy(local_sign_in=False)


async def nothing(world: LocalWorld, ada: UUID) -> None:
    pass


Ends = Callable[[LocalWorld, UUID], Awaitable[None]]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("meanwhile", "status"), [(nothing, 200), (disabled, 400), (without_password, 400), (passwords_off, 400)]
)
async def test_what_ends_local_sign_ins_ends_those_on_their_way(
    site: Site, world: LocalWorld, ada: UUID, meanwhile: Ends, status: int
) -> None:
    code = code_of(await submit(site, site.client(), **BY_CODE))
    await meanwhile(world, ada)
    assert (await redeem(site, code)).status_code == status


@pytest.mark.asyncio
async def test_a_sign_in_that_waits_is_not_revived_by_a_new_password(site: Site, world: LocalWorld, ada: UUID) -> None:
    """The password is there again; what the old one gave is not."""
    code = code_of(await submit(site, site.client(), **BY_CODE))
    stored = await site.fetchval("select password_hash from app_user where id = $1", ada)
    await without_password(world, ada)
    await site.execute("update app_user set password_hash = $2 where id = $1", ada, stored)
    assert (await redeem(site, code)).status_code == 400
    assert (await redeem(site, code_of(await submit(site, site.client(), **BY_CODE)))).status_code == 200


@pytest.mark.asyncio
async def test_a_tenant_without_providers_begins_by_the_same_request(site: Site, ada: UUID) -> None:
    """`POST /v1/auth/oidc/login` leads to the form, and the frontend comes by its code as ever."""
    prefix = f"/t/{site.tenant.slug}"
    wish = {"tenant_id": site.tenant.slug, **BY_CODE}
    await site.execute("update provider set enabled = false where tenant_id = $1", site.tenant.id)
    begun = await site.client(base_url=PUBLIC_URL).post("/v1/auth/oidc/login", json=wish)
    assert begun.status_code == 200, begun.text
    assert begun.json()["auth_url"].startswith(f"{PUBLIC_URL}{prefix}/login?")
    browser = site.client(base_url=PUBLIC_URL)
    page = await browser.get(begun.json()["auth_url"], headers=PAGE)
    typed = {name: field(page.text, name) for name in BY_CODE} | {"username": "ada", "password": PASSWORD}
    ended = await browser.post(f"{prefix}{LOGIN}", data=typed, headers={**PAGE, "origin": PUBLIC_URL})
    assert (await redeem(site, code_of(ended))).status_code == 200

    refused = await site.client(base_url=PUBLIC_URL).post("/v1/auth/oidc/login", json={**wish, "frontend": "other"})
    assert refused.json()["code"] == "FRONTEND_UNKNOWN"
    named = await site.client(base_url=PUBLIC_URL).post("/v1/auth/oidc/login", json={**wish, "provider": "sso"})
    assert (named.status_code, named.json()["code"]) == (404, "PROVIDER_NOT_FOUND")


@pytest.mark.asyncio
async def test_without_passwords_and_providers_there_is_no_way_in(site: Site) -> None:
    await site.execute("update provider set enabled = false where tenant_id = $1", site.tenant.id)
    wish = {"tenant_id": site.tenant.slug, **BY_CODE}
    begun = await site.client().post("/v1/auth/oidc/login", json=wish)
    assert (begun.status_code, begun.json()["code"]) == (404, "PROVIDER_NOT_FOUND")
