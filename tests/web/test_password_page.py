"""Choosing a password with a one-time token, through the real routes (S0-05)."""

from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from identity_api.accounts import local_passwords
from tests.accounts.local_world import OTHER_PASSWORD, PASSWORD, LocalWorld
from tests.web.local_site import PAGE, from_page, signed_in, submit, with_passwords
from tests.web.site import Site, make_site


@pytest_asyncio.fixture
async def world(site: Site) -> LocalWorld:
    return await with_passwords(site)


@pytest_asyncio.fixture
async def ada(world: LocalWorld) -> UUID:
    return await world.make_user("ada", password=None)


@pytest_asyncio.fixture
async def token(world: LocalWorld, ada: UUID) -> str:
    return (await local_passwords.create_password_token(world.database, world.operator, ada)).token


async def opened(site: Site, token: str) -> httpx.AsyncClient:
    """A browser in which somebody followed the link."""
    client = site.client()
    answer = await client.get(f"/auth/password/{token}", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/auth/password")
    return client


async def choose(
    site: Site,
    client: httpx.AsyncClient,
    password: str = PASSWORD,
    repeated: str | None = None,
    *,
    shown_for: str = "ada",
    username: str | None = None,
) -> httpx.Response:
    names = {"shown_for": shown_for, "username": username or shown_for}
    form = {**names, "password": password, "repeated": password if repeated is None else repeated}
    return await client.post("/auth/password", data=form, headers=from_page(site))


@pytest.mark.asyncio
async def test_somebody_chooses_a_password_and_signs_in_with_it(site: Site, token: str) -> None:
    client = await opened(site, token)
    page = await client.get("/auth/password", headers=PAGE)
    assert (page.status_code, 'value="ada"' in page.text) == (200, True)
    # Neither the address nor the page has the token, so no log, history or `Referer` gets it from here.
    assert token not in page.text
    assert "<script" not in page.text
    done = await choose(site, client)
    assert (done.status_code, done.headers["location"]) == (303, "/login?password_set=1")
    assert "__Host-password" not in client.cookies
    assert "Your password has been set" in (await client.get(done.headers["location"], headers=PAGE)).text
    assert (await submit(site, client)).status_code == 303


@pytest.mark.asyncio
async def test_a_form_that_was_shown_for_somebody_else_sets_nobodys_password(
    site: Site, world: LocalWorld, token: str
) -> None:
    """An admin who follows one link after the other, and goes back to the first tab."""
    bob = await world.make_user("bob", password=None)
    other = (await local_passwords.create_password_token(world.database, world.operator, bob)).token
    client = await opened(site, token)
    await client.get(f"/auth/password/{other}", headers=PAGE)
    refused = await choose(site, client)
    assert (refused.status_code, "LINK_REPLACED" in refused.text) == (409, True)
    for username in ("ada", "bob"):
        assert (await submit(site, site.client(), username=username)).status_code == 400
    await client.get(f"/auth/password/{token}", headers=PAGE)
    assert (await choose(site, client)).status_code == 303
    assert (await submit(site, site.client(), username="ada")).status_code == 303


@pytest.mark.asyncio
async def test_a_password_manager_may_type_over_the_username(site: Site, token: str) -> None:
    """Some do, though the field cannot be changed by hand: whose password is chosen is the link's business."""
    client = await opened(site, token)
    assert (
        '<input type="hidden" name="shown_for" value="ada">' in (await client.get("/auth/password", headers=PAGE)).text
    )
    assert (await choose(site, client, username="ada@home.example")).status_code == 303


@pytest.mark.asyncio
async def test_a_link_is_used_up_by_a_choice_and_not_by_looking(site: Site, token: str) -> None:
    for _ in range(3):
        assert (await (await opened(site, token)).get("/auth/password", headers=PAGE)).status_code == 200
    assert (await choose(site, await opened(site, token))).status_code == 303
    again = await opened(site, token)
    late = await choose(site, again, OTHER_PASSWORD)
    assert (late.status_code, "PASSWORD_TOKEN_UNKNOWN" in late.text) == (404, True)
    assert (await submit(site, site.client(), password=OTHER_PASSWORD)).status_code == 400


@pytest.mark.asyncio
async def test_a_password_that_may_not_be_set_can_be_chosen_again(site: Site, token: str) -> None:
    client = await opened(site, token)
    for password, repeated, said in (
        ("short", None, "at least 12 characters"),
        ("passwordpassword", None, "too common"),
        (PASSWORD, OTHER_PASSWORD, "The two passwords differ"),
    ):
        refused = await choose(site, client, password, repeated)
        assert (refused.status_code, said in refused.text, password in refused.text) == (400, True, False)
    assert (await choose(site, client)).status_code == 303


@pytest.mark.asyncio
async def test_the_choice_ends_sessions_of_the_password_before(site: Site, world: LocalWorld) -> None:
    bob = await world.make_user("bob")
    client = await signed_in(site, "bob")
    made = await local_passwords.create_password_token(world.database, world.operator, bob)
    assert (await client.get("/v1/me")).status_code == 200
    await choose(site, await opened(site, made.token), OTHER_PASSWORD, shown_for="bob")
    assert (await client.get("/v1/me")).status_code == 401


@pytest.mark.asyncio
async def test_another_page_cannot_choose(site: Site, token: str) -> None:
    client, form = await opened(site, token), {"password": PASSWORD, "repeated": PASSWORD}
    for sent in ({}, {"origin": "https://evil.example"}, {"origin": "null"}):
        refused = await client.post("/auth/password", data=form, headers=sent)
        assert (refused.status_code, refused.json()["code"]) == (403, "ORIGIN_REFUSED")
    assert (await choose(site, client)).status_code == 303


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/auth/password/x", "/auth/password/ipw_" + "a" * 100, "/auth/password"])
async def test_what_is_no_link_is_answered_like_a_used_one(site: Site, world: LocalWorld, path: str) -> None:
    answer = await site.client().get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "PASSWORD_TOKEN_UNKNOWN")


@pytest.mark.asyncio
async def test_a_link_of_another_tenant_is_nothing_here(site: Site, token: str) -> None:
    other = await make_site(site.app, site.database, site.vault, site.idp)
    await with_passwords(other)
    client = await opened(other, token)
    assert (await client.get("/auth/password", headers=PAGE)).status_code == 404
    assert "__Host-password" not in client.cookies
    assert (await choose(other, await opened(other, token))).status_code == 404


@pytest.mark.asyncio
async def test_where_passwords_are_off_links_are_refused(site: Site, world: LocalWorld, token: str) -> None:
    client = await opened(site, token)
    await world.set_policy(local_sign_in=False)
    answer = await client.get("/auth/password")
    assert (answer.status_code, answer.json()["code"]) == (403, "LOCAL_SIGN_IN_OFF")
