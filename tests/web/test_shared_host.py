"""Tenants that share the public host by prefix have a session each in one browser (I2)."""

import httpx
import pytest
import pytest_asyncio

from identity_api.ids import token_hash
from tests.web.local_site import signed_in, with_passwords
from tests.web.site import PUBLIC_URL, Site, cookies_set, make_site

pytestmark = pytest.mark.asyncio


def prefix(site: Site) -> str:
    return f"/t/{site.tenant.slug}"


def cookie(site: Site) -> str:
    return f"__Host-session-{site.tenant.slug}"


async def below_prefix(site: Site) -> Site:
    """The site without a host of its own: its provider answers at the prefix."""
    url = f"{PUBLIC_URL}{prefix(site)}/auth/oidc/shared/callback"
    await site.add_provider("shared", redirect_url=url)
    return site


@pytest_asyncio.fixture
async def neighbour(site: Site) -> Site:
    return await below_prefix(await make_site(site.app, site.database, site.vault, site.idp))


@pytest_asyncio.fixture
async def browser(site: Site) -> httpx.AsyncClient:
    """Alice's, signed in at the site below its prefix."""
    await below_prefix(site)
    client = site.client(base_url=PUBLIC_URL)
    await enter(site, client, "alice")
    return client


async def enter(site: Site, client: httpx.AsyncClient, person: str) -> httpx.Response:
    ended = await site.sign_in(client, person, path=f"{prefix(site)}/auth/oidc/shared/login")
    assert ended.status_code == 303, ended.text
    return ended


async def who(site: Site, client: httpx.AsyncClient) -> str | None:
    """Who is signed in at the site, by its name for people; None if nobody is."""
    answer = await client.get(f"{prefix(site)}/v1/me")
    return str(answer.json()["name"]) if answer.status_code == 200 else None


async def is_live(site: Site, token: str) -> bool:
    return bool(await site.fetchval("select ended_at is null from session where token_hash = $1", token_hash(token)))


async def test_signing_in_at_one_tenant_leaves_the_session_at_another(
    site: Site, neighbour: Site, browser: httpx.AsyncClient
) -> None:
    """A page sent the browser to the neighbour's login, whose provider asked nobody anything."""
    alice, token = await who(site, browser), browser.cookies[cookie(site)]
    ended = await enter(neighbour, browser, "bob")
    assert [name for name in cookies_set(ended) if "session" in name] == [cookie(neighbour)]
    assert await is_live(site, token)
    assert await who(site, browser) == alice
    assert await who(neighbour, browser) not in (alice, None)


async def test_signing_in_again_at_the_same_tenant_ends_the_session_before(
    site: Site, browser: httpx.AsyncClient
) -> None:
    token = browser.cookies[cookie(site)]
    await enter(site, browser, "bob")
    assert not await is_live(site, token)
    assert browser.cookies[cookie(site)] != token


async def test_signing_out_at_one_tenant_leaves_the_session_at_another(
    site: Site, neighbour: Site, browser: httpx.AsyncClient
) -> None:
    await enter(neighbour, browser, "bob")
    left = await browser.post(f"{prefix(neighbour)}/auth/logout", headers={"origin": PUBLIC_URL})
    assert "Max-Age=0" in cookies_set(left)[cookie(neighbour)]
    assert await who(neighbour, browser) is None
    assert await who(site, browser) is not None


async def test_a_tenants_cookie_is_nothing_below_another_prefix_or_below_none(
    site: Site, neighbour: Site, browser: httpx.AsyncClient
) -> None:
    assert await who(site, browser) is not None
    assert await who(neighbour, browser) is None
    assert (await browser.get("/v1/me")).status_code == 401
    token = browser.cookies[cookie(site)]
    moved = site.client(base_url=PUBLIC_URL, cookies={cookie(neighbour): token})
    assert (await who(neighbour, moved), await who(site, moved)) == (None, None)
    assert await is_live(site, token), "it stays valid at its own"


async def test_a_login_with_another_tenants_token_in_its_cookie_ends_nothing_there(
    site: Site, neighbour: Site, browser: httpx.AsyncClient
) -> None:
    token = browser.cookies[cookie(site)]
    moved = site.client(base_url=PUBLIC_URL, cookies={cookie(neighbour): token})
    await enter(neighbour, moved, "bob")
    assert await is_live(site, token)


async def test_on_its_own_host_a_tenants_cookie_has_the_plain_name(site: Site) -> None:
    world = await with_passwords(site)
    await world.make_user("ada")
    assert [name for name in (await signed_in(site)).cookies if "session" in name] == ["__Host-session"]
