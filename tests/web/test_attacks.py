"""Session fixation, callbacks of other tenants, addresses inside, and limits that headers do not dodge: the real routes."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import pytest_asyncio

from identity_api import limits as rate_limits
from identity_api.db.database import Database
from identity_api.ids import new_tenant_token
from identity_api.vault import Vault
from identity_api.web.http import limits
from identity_api.web.http.http_application import HTTPApplication
from identity_api.web.http.limits import LOGIN_STARTS
from tests.openid_provider import RunningProvider
from tests.web.site import PUBLIC_URL, Site, come_back, cookies_set, fresh_address, make_site

pytestmark = pytest.mark.asyncio
LOGINS = 50
SESSION = "__Host-session"


async def is_alive(site: Site, token: str) -> bool:
    answer = await site.client().get("/v1/me", headers={"authorization": f"Bearer {token}"})
    return answer.status_code == 200


async def test_no_login_takes_over_the_session_it_finds(site: Site) -> None:
    """Promise 9: fifty logins in one browser that begins with a planted token; each ends what it found."""
    client = site.client()
    client.cookies.set(SESSION, await site.bearer("bob"), domain=site.host, path="/")
    seen = [client.cookies[SESSION]]
    for _ in range(LOGINS):
        ended = await site.sign_in(client)
        assert ended.status_code == 303
        seen.append(client.cookies[SESSION])
    assert len(set(seen)) == LOGINS + 1
    alive = await asyncio.gather(*[is_alive(site, token) for token in seen[:20]])
    assert not any(alive)
    over = "select count(*) from session where tenant_id = $1 and ended_at is not null"
    assert await site.fetchval(over, site.tenant.id) == LOGINS
    assert await is_alive(site, seen[-1])


async def test_a_thousand_tokens_are_a_thousand(site: Site) -> None:
    """Promises 9 and 14: the maker of session tokens, asked as often as the promise says; 256 bits each."""
    tokens = {new_tenant_token("ias", site.tenant.id) for _ in range(1_000)}
    secrets = {token[-43:] for token in tokens}
    assert len(secrets) == 1_000
    assert {len(token) for token in tokens} == {len("ias_") + 22 + 43}


async def test_a_refused_login_leaves_the_session_it_found_alone(site: Site) -> None:
    """Promise 9, the other way round: nobody is signed out by a callback that an attacker made them open."""
    client = await site.signed_in()
    refused = await client.get("/auth/oidc/sso/callback?state=unknown&code=x")
    assert refused.status_code == 400
    assert not any("session" in name for name in cookies_set(refused))
    assert (await client.get("/account")).status_code == 200


# Callbacks of other tenants


@pytest_asyncio.fixture
async def neighbour(app: HTTPApplication, database: Database, vault: Vault, idp: RunningProvider) -> Site:
    return await make_site(app, database, vault, idp)


async def test_a_callback_does_not_end_at_another_tenants_door(site: Site, neighbour: Site) -> None:
    """Promises 8 and 42, bad input 23: with its own cookies, at a neighbour's host or under a neighbour's prefix."""
    client = site.client()
    begun = await client.get("/login")
    arrival = await site.at_provider(begun.headers["location"])
    binding = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    query = urlsplit(arrival.url).query
    doors = (
        f"{neighbour.origin}/auth/oidc/sso/callback",
        f"{PUBLIC_URL}/t/{neighbour.tenant.slug}/auth/oidc/sso/callback",
        f"{PUBLIC_URL}/t/{site.tenant.slug}/auth/oidc/sso/callback",
        f"{neighbour.origin}/",
    )
    for door in doors:
        answer = await site.client(headers={"cookie": binding}).get(f"{door}?{query}")
        assert answer.status_code == 400, (door, answer.status_code)
        assert not any("session" in name for name in cookies_set(answer))
    assert site.idp.log.count("/token") == 0
    ended = await come_back(client, arrival)
    assert ended.status_code == 303
    assert not await neighbour.events("login.succeeded")
    assert await site.events("login.succeeded") == 1


# Addresses inside


@pytest_asyncio.fixture
async def listener() -> AsyncIterator[tuple[int, list[str]]]:
    """A port of this machine that nobody allowed, and who connected to it."""
    seen: list[str] = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append("connected")
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], seen
    server.close()
    await server.wait_closed()


INSIDE = (
    *("http://127.0.0.1:{port}", "https://127.0.0.1:{port}", "https://localhost:{port}", "https://[::1]:{port}"),
    *("https://[::ffff:127.0.0.1]:{port}", "https://[::ffff:7f00:1]:{port}", "https://[64:ff9b::7f00:1]:{port}"),
    *("https://2130706433:{port}", "https://0x7f000001:{port}", "https://017700000001:{port}", "https://127.1:{port}"),
    *("https://0.0.0.0:{port}", "https://[::]:{port}", "https://LOCALHOST:{port}", "https://localhost.:{port}"),
    *("https://10.0.0.1", "https://192.168.0.1", "https://172.16.0.1", "https://169.254.169.254", "https://[fe80::1]"),
    *("https://[fd00:ec2::254]", "https://100.64.0.1", "https://168.63.129.16", "https://198.18.0.1", "https://224.0.0.1"),
    *("https://user:pw@127.0.0.1:{port}", "https://127.0.0.1:{port}\\@example.com", "ftp://127.0.0.1:{port}"),
    *("file:///etc/passwd", "http://10.0.0.1", "https://127.0.0.1:{port}#@example.com", "gopher://127.0.0.1:{port}"),
)  # fmt: skip


@pytest.mark.parametrize("issuer", INSIDE)
async def test_a_provider_inside_is_not_connected_to(site: Site, listener: tuple[int, list[str]], issuer: str) -> None:
    """Promise 50, bad input 61: one answer whatever the address, and nothing arrives there."""
    port, seen = listener
    await site.add_provider("inside", issuer=issuer.format(port=port))
    answer = await site.client().get("/auth/oidc/inside/login", headers={"accept": "application/json"})
    assert answer.status_code in (502, 503), answer.text
    assert answer.json()["code"] in ("PROVIDER_MISCONFIGURED", "PROVIDER_UNAVAILABLE")
    assert "127.0.0.1" not in answer.text
    assert "location" not in answer.headers
    assert seen == []


async def test_endpoints_inside_are_not_connected_to_either(site: Site, listener: tuple[int, list[str]]) -> None:
    """Promise 50: the document may be outside and what it names inside; here a plain OAuth 2.0 provider names it."""
    port, seen = listener
    inside = f"https://127.0.0.1:{port}/token"
    outside = site.idp.issuer
    redirect_url = f"{site.origin}/auth/oauth2/plain/callback"
    endpoints = {"authorization": f"{outside}/authorize", "token": inside, "userinfo": inside}
    await site.add_provider(
        "plain", protocol="oauth2", endpoints=endpoints, redirect_url=redirect_url, scopes=("profile",)
    )
    client = site.client()
    begun = await client.get("/auth/oauth2/plain/login")
    state = dict(parse_qsl(urlsplit(begun.headers["location"]).query))["state"]
    ended = await client.get(
        f"/auth/oauth2/plain/callback?state={state}&code=x", headers={"accept": "application/json"}
    )
    assert (ended.status_code, ended.json()["code"]) == (502, "PROVIDER_MISCONFIGURED")
    assert seen == []


# Logins under way


async def test_headers_do_not_make_room_for_more_logins(site: Site, redis_url: str) -> None:
    """Promise 41, bad input 16: 600 starts a minute are the peer's, whoever it says it is."""
    address = fresh_address()
    redis = rate_limits.connect(redis_url)
    limiter = rate_limits.Limiter(redis)
    statuses = []
    for number in range(25):
        # Places come back meanwhile: each try finds the last one taken just before.
        while (await limiter.hit(f"login:{address}", limit=LOGIN_STARTS, window_seconds=limits.WINDOW_SECONDS)).allowed:
            pass
        spoofed = {"x-forwarded-for": f"198.51.100.{number}", "forwarded": f"for=198.51.100.{number}"}
        statuses.append((await site.client(address=address, headers=spoofed).get("/login")).status_code)
    await redis.aclose()
    assert statuses.count(429) >= 10
    assert (await site.client().get("/login")).status_code == 303


async def test_of_six_logins_in_one_browser_the_newest_five_can_end(site: Site) -> None:
    """Tabs do not fight, and binding cookies do not pile up; the sixth pushes the first one out."""
    client = site.client()
    arrivals = []
    for _ in range(6):
        begun = await client.get("/login")
        arrivals.append(await site.at_provider(begun.headers["location"]))
    statuses = [(await come_back(client, arrival)).status_code for arrival in arrivals]
    assert statuses == [400, 303, 303, 303, 303, 303]
