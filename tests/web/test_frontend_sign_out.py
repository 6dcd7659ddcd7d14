"""Sign-out ends at the frontend: for every delivery, whatever became of the session, and at registered addresses only."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from identity_api.ids import token_hash
from tests.web.local_site import PAGE
from tests.web.site import FRONTEND, PUBLIC_URL, Site
from tests.web.test_frontend_errors import BY_DELIVERY
from tests.web.test_oauth import bearer

pytestmark = pytest.mark.asyncio

DONE = f"{FRONTEND}/done"


async def through(client: httpx.AsyncClient, site: Site, address: str) -> str:
    """Where a browser ends that follows redirects over us and the provider."""
    async with httpx.AsyncClient(trust_env=False, verify=False) as elsewhere:
        while True:
            is_ours = urlsplit(address).hostname in (site.host, urlsplit(PUBLIC_URL).hostname)
            if not is_ours and urlsplit(address).hostname != "127.0.0.1":
                return address
            answer = await (client if is_ours else elsewhere).get(address)
            if answer.status_code != 303 and answer.status_code != 302:
                return address
            address = str(httpx.URL(address).join(answer.headers["location"]))


async def sign_out(client: httpx.AsyncClient, **wish: str) -> str:
    answer = await client.post("/auth/logout", json=wish, headers={"origin": FRONTEND, "accept": "application/json"})
    assert answer.status_code in (200, 303), answer.text
    return str(answer.json()["logout_url"])


async def clients(site: Site) -> dict[str, httpx.AsyncClient]:
    """One session of every kind, and some that are over."""
    cookie, token, signed_out = await site.signed_in(), await bearer(site), await bearer(site)
    assert (await site.client().post("/v1/auth/revoke", data={"token": signed_out})).status_code == 200
    delivered = await site.sign_in(site.client(), path=f"/auth/oidc/sso/login?{urlencode(BY_DELIVERY['fragment'])}")
    fragment = dict(parse_qsl(urlsplit(delivered.headers["location"]).fragment))["access_token"]
    expired_cookie, expired = await site.signed_in(), await bearer(site)
    for over in (expired_cookie.cookies["__Host-session"], expired):
        await site.execute(
            "update session set absolute_until = now() - interval '1 s' where token_hash = $1", token_hash(over)
        )
    return {
        "cookie": cookie,
        "bearer": site.client(headers={"authorization": f"Bearer {token}"}),
        "fragment": site.client(headers={"authorization": f"Bearer {fragment}"}),
        "signed out already": site.client(headers={"authorization": f"Bearer {signed_out}"}),
        "expired cookie": expired_cookie,
        "expired bearer": site.client(headers={"authorization": f"Bearer {expired}"}),
        "nobody": site.client(),
    }


async def test_the_browser_ends_where_the_frontend_asks_whatever_the_session_is(site: Site) -> None:
    for kind, client in (await clients(site)).items():
        address = await sign_out(client, return_to=DONE, state="own")
        assert address.startswith("https://"), kind
        assert "id_token_hint" not in address, kind
        assert await through(site.client(), site, address) == f"{DONE}?state=own", kind
        client.headers.pop("origin", None)
        assert (await client.get("/v1/me")).status_code == 401, kind


async def test_the_first_address_of_the_page_is_the_default_and_the_operators_page_comes_before_it(site: Site) -> None:
    client = site.client(headers={"authorization": f"Bearer {await bearer(site)}"})
    assert await through(site.client(), site, await sign_out(client)) == DONE
    await site.execute(
        "update provider set logout_page_url = 'https://acme.example/bye' where id = $1", site.provider.id
    )
    client = site.client(headers={"authorization": f"Bearer {await bearer(site)}"})
    assert await through(site.client(), site, await sign_out(client)) == "https://acme.example/bye"
    client = site.client(headers={"authorization": f"Bearer {await bearer(site)}"})
    assert await through(site.client(), site, await sign_out(client, return_to=DONE)) == DONE


async def test_a_bearer_session_signs_out_at_the_public_host_too(site: Site) -> None:
    client = site.client(base_url=PUBLIC_URL, headers={"authorization": f"Bearer {await bearer(site)}"})
    address = await sign_out(client, return_to=DONE)
    assert address.startswith(f"{PUBLIC_URL}/t/{site.tenant.slug}/") or address == DONE


@pytest.mark.parametrize(
    ("astray", "code"),
    [
        ({"return_to": "https://evil.example/"}, "RETURN_TO_REFUSED"),
        ({"return_to": f"{DONE}/"}, "RETURN_TO_REFUSED"),
        ({"return_to": "//evil.example"}, "RETURN_TO_REFUSED"),
        ({"frontend": "other"}, "FRONTEND_UNKNOWN"),
        ({"return_to": DONE, "state": "a b"}, "CLIENT_STATE_INVALID"),
    ],
)
async def test_no_other_address_is_taken_and_then_nothing_is_done(
    site: Site, astray: dict[str, str], code: str
) -> None:
    client = site.client(headers={"authorization": f"Bearer {await bearer(site)}"})
    answer = await client.post("/auth/logout", json=astray)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert (await client.get("/v1/me")).status_code == 200


async def test_what_the_browser_keeps_is_checked_again_when_it_is_back(site: Site) -> None:
    """Whoever can write their own cookie is led to no address that is not registered."""
    import base64
    import json

    state = f"lo_x.{site.provider.id.hex}"
    for url, location in ((DONE, DONE), ("https://evil.example/", "/login?signed_out=1")):
        kept = base64.urlsafe_b64encode(json.dumps([url, None]).encode()).decode().rstrip("=")
        client = site.client(cookies={"__Host-logout": f"{state}~{kept}"})
        answer = await client.get(f"/auth/logout/return?state={state}", headers=PAGE)
        assert answer.headers["location"] == location
    assert dict(parse_qsl(urlsplit(answer.headers["location"]).query)) == {"signed_out": "1"}


async def test_our_own_page_ends_at_the_login_page_also_where_its_origin_is_a_frontends(site: Site) -> None:
    origin = PUBLIC_URL if site.host == urlsplit(PUBLIC_URL).hostname else f"https://{site.host}"
    await site.execute("update frontend set origins = array[$1::text] where slug = 'app'", origin)
    client = await site.signed_in()
    answer = await client.post("/auth/logout", headers={"origin": origin, **PAGE})
    address = await through(client, site, str(httpx.URL(origin).join(answer.headers["location"])))
    assert address == f"{origin}/login?signed_out=1"
