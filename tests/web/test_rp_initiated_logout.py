"""Signing out here leads through the provider and back: the modules of the RP-Initiated Logout plan, and promise 19."""

from urllib.parse import urlsplit

import httpx
import pytest

from identity_api.providers.urls import provider_urls
from tests.openid_provider.running import RunningProvider
from tests.web.logouts import is_signed_in, query_of
from tests.web.site import PUBLIC_URL, Site, cookies_set

pytestmark = pytest.mark.asyncio

PAGE = {"accept": "text/html"}
LOGOUT_PAGE = "https://www.acme.example/signed-out"
KEPT = "__Host-logout"


async def leave(site: Site, client: httpx.AsyncClient) -> str:
    """Press "Sign out"; where the browser goes."""
    answer = await client.post("/auth/logout", headers={**PAGE, "origin": site.origin})
    assert answer.status_code == 303
    return answer.headers["location"]


async def through_the_provider(location: str) -> str:
    """The provider's own end of its session, and where it sends the browser then."""
    async with httpx.AsyncClient(trust_env=False, verify=False) as browser:
        answer = await browser.get(location)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def use_logout_page(site: Site) -> None:
    await site.execute("update provider set logout_page_url = $2 where id = $1", site.provider.id, LOGOUT_PAGE)


async def test_rp_init_logout(site: Site) -> None:
    """The hint, the client, the registered way back and a state; then the logout page of this provider (S1-09)."""
    await use_logout_page(site)
    client = await site.signed_in()
    location = await leave(site, client)
    assert location.partition("?")[0] == f"{site.idp.issuer}/end-session"
    sent = query_of(location)
    assert set(sent) == {"id_token_hint", "client_id", "post_logout_redirect_uri", "state"}
    assert sent["client_id"] == site.provider.client_id
    assert sent["post_logout_redirect_uri"] == f"{site.origin}/auth/logout/return"
    assert not await is_signed_in(client)
    back = await through_the_provider(location)
    assert query_of(back) == {"state": sent["state"]}
    answer = await client.get(back)
    assert (answer.status_code, answer.headers["location"]) == (303, LOGOUT_PAGE)
    assert "Max-Age=0" in cookies_set(answer)[KEPT]


@pytest.mark.parametrize("query", ["?state=another", "?state=", "?state=%ff", "?state={state}&state={state}"])
async def test_rp_init_logout_other_state(site: Site, query: str) -> None:
    """Promise 19: nothing is done for it. The session is over, nobody is signed in, and our own page says so."""
    await use_logout_page(site)
    client = await site.signed_in()
    state = query_of(await leave(site, client))["state"]
    answer = await client.get(f"/auth/logout/return{query.format(state=state)}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?signed_out=1")
    assert not await is_signed_in(client)
    assert (await client.get(answer.headers["location"], headers=PAGE)).status_code == 200


async def test_rp_init_logout_no_state(site: Site) -> None:
    await use_logout_page(site)
    client = await site.signed_in()
    await leave(site, client)
    answer = await client.get("/auth/logout/return")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?signed_out=1")
    assert not await is_signed_in(client)


async def test_a_return_in_another_browser_is_led_to_our_own_page_and_changes_nothing_there(site: Site) -> None:
    await use_logout_page(site)
    client, bob = await site.signed_in(), await site.signed_in("bob")
    back = await through_the_provider(await leave(site, client))
    assert (await bob.get(back)).headers["location"] == "/login?signed_out=1"
    assert await is_signed_in(bob)
    assert (await client.get(back)).headers["location"] == LOGOUT_PAGE


async def test_a_state_works_once(site: Site) -> None:
    await use_logout_page(site)
    client = await site.signed_in()
    back = await through_the_provider(await leave(site, client))
    assert (await client.get(back)).headers["location"] == LOGOUT_PAGE
    assert (await client.get(back)).headers["location"] == "/login?signed_out=1"


async def test_without_a_logout_page_our_own_says_so(site: Site) -> None:
    client = await site.signed_in()
    answer = await client.get(await through_the_provider(await leave(site, client)))
    assert answer.headers["location"] == "/login?signed_out=1"
    assert "You have signed out." in (await client.get(answer.headers["location"], headers=PAGE)).text


async def test_the_way_back_is_one_of_those_to_be_registered_and_no_other_is_taken(site: Site) -> None:
    """Promise 19: compared exactly by the provider, so it is the same whatever the browser asked us with."""
    urls = provider_urls(site.provider, site.tenant, hosts=[site.host], public_url=PUBLIC_URL)
    client = await site.signed_in()
    answer = await client.post(
        "/auth/logout?post_logout_redirect_uri=https://evil.example/", headers={**PAGE, "origin": site.origin}
    )
    location = answer.headers["location"]
    assert query_of(location)["post_logout_redirect_uri"] in urls.post_logout_redirects
    await through_the_provider(location)
    async with httpx.AsyncClient(trust_env=False, verify=False) as browser:
        changed = location.replace("logout%2Freturn", "logout%2Freturn%2F")
        assert changed != location
        assert (await browser.get(changed)).status_code == 400


async def test_the_prefix_of_a_tenant_without_a_host_is_kept(site: Site, idp: RunningProvider) -> None:
    prefix = f"/t/{site.tenant.slug}"
    returns = (f"{PUBLIC_URL}{prefix}/auth/logout/return",)
    await site.add_provider(
        "prefixed",
        redirect_url=f"{PUBLIC_URL}{prefix}/auth/oidc/prefixed/callback",
        post_logout_redirect_uris=returns,
        logout_page_url=LOGOUT_PAGE,
    )
    client = site.client(base_url=PUBLIC_URL)
    assert (await site.sign_in(client, path=f"{prefix}/auth/oidc/prefixed/login")).status_code == 303
    left = await client.post(f"{prefix}/auth/logout", headers={**PAGE, "origin": PUBLIC_URL})
    back = await through_the_provider(left.headers["location"])
    assert back.startswith(f"{returns[0]}?state=")
    assert (await client.get(back)).headers["location"] == LOGOUT_PAGE


async def test_the_logout_page_is_used_at_once_where_the_provider_has_no_sign_out(site: Site) -> None:
    await use_logout_page(site)
    client = await site.signed_in()
    await site.execute("update provider set issuer = 'http://127.0.0.1:9' where id = $1", site.provider.id)
    answer = await client.post("/auth/logout", headers={**PAGE, "origin": site.origin})
    assert answer.headers["location"] == LOGOUT_PAGE
    assert KEPT not in cookies_set(answer)
    assert not await is_signed_in(client)


async def test_where_the_provider_is_not_to_be_asked_the_logout_page_comes_at_once(site: Site) -> None:
    """Found in use: the configured page was never seen, once discovery announced an end-session endpoint."""
    await use_logout_page(site)
    client = await site.signed_in()
    statement = "update provider set client_settings = '{\"sign_out_at_provider\": false}' where id = $1"
    await site.execute(statement, site.provider.id)
    assert await leave(site, client) == LOGOUT_PAGE
    assert not await is_signed_in(client)
    assert site.idp.log.count("/end-session") == 0


async def test_the_state_is_kept_for_this_host_and_ten_minutes(site: Site) -> None:
    client = await site.signed_in()
    answer = await client.post("/auth/logout", headers={**PAGE, "origin": site.origin})
    line = cookies_set(answer)[KEPT]
    state = query_of(answer.headers["location"])["state"]
    assert line == f"{KEPT}={state}; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"
    assert urlsplit(answer.headers["location"]).fragment == ""
