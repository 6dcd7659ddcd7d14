"""A login that somebody else begins: the module of the 3rd Party-Init plan, through the real route (OIDC Core 4)."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.web.logouts import is_signed_in, query_of, with_query
from tests.web.site import FRONTEND, PUBLIC_URL, Site, come_back, make_site

pytestmark = pytest.mark.asyncio


async def initiate(site: Site, client: httpx.AsyncClient | None = None, **parameters: str) -> httpx.Response:
    values = {"iss": site.idp.issuer, **parameters}
    return await (client or site.client()).get(with_query("/auth/initiate", **values))


def led_to_the_provider(site: Site, answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    assert location.partition("?")[0] == f"{site.idp.issuer}/authorize"
    return query_of(location)


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert "location" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_3rd_party_init_login(site: Site, method: str) -> None:
    """An ordinary login begins, with our own state, nonce and PKCE, and it ends where it was meant to."""
    client = site.client()
    asked = {"iss": site.idp.issuer, "login_hint": "alice", "target_link_uri": f"{site.origin}/account?tab=1"}
    if method == "GET":
        answer = await client.get("/auth/initiate", params=asked)
    else:
        answer = await client.post("/auth/initiate", data=asked, headers={"origin": site.idp.issuer})
    sent = led_to_the_provider(site, answer)
    assert sent["login_hint"] == "alice"
    assert {"state", "nonce", "code_challenge"} <= set(sent)
    ended = await come_back(client, await site.at_provider(answer.headers["location"]))
    assert ended.headers["location"] == f"{site.origin}/account?tab=1"
    assert await is_signed_in(client)


async def test_the_issuer_alone_is_enough(site: Site) -> None:
    client = site.client()
    answer = await initiate(site, client)
    assert "login_hint" not in led_to_the_provider(site, answer)
    ended = await come_back(client, await site.at_provider(answer.headers["location"]))
    assert ended.headers["location"] == f"{site.origin}/account"


@pytest.mark.parametrize("change", ["unknown", "with a slash", "upper case", "disabled", "another tenant's"])
async def test_only_an_enabled_provider_of_this_tenant_is_known_by_its_issuer(site: Site, change: str) -> None:
    led_to_the_provider(site, await initiate(site))
    issuer = site.idp.issuer
    if change == "disabled":
        await site.execute("update provider set enabled = false where id = $1", site.provider.id)
    elif change == "another tenant's":
        neighbour = await make_site(site.app, site.database, site.vault, site.idp, issuer="https://theirs.example")
        issuer = neighbour.provider.issuer
    else:
        issuer = {"unknown": "https://other.example", "with a slash": f"{issuer}/", "upper case": issuer.upper()}[
            change
        ]
    answer = await initiate(site, iss=issuer)
    if change == "upper case":
        refused(answer, 400, "INVALID_PARAMETERS")
    else:
        refused(answer, 404, "PROVIDER_NOT_FOUND")
    assert site.idp.log.count("/authorize") == 0


@pytest.mark.parametrize(
    "query",
    ["", "iss=", "login_hint=alice", "iss={iss}&iss={iss}", "iss=javascript:alert(1)", "iss={iss}&target_link_uri=x"],
)
async def test_a_proposal_that_cannot_be_read_is_refused(site: Site, query: str) -> None:
    answer = await site.client().get(f"/auth/initiate?{query.format(iss=site.idp.issuer)}")
    refused(answer, 400, "INVALID_PARAMETERS")
    led_to_the_provider(site, await initiate(site))


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "https://evil.example/account",
        "{origin}.evil.example/account",
        "{origin}:444/account",
        "{origin}//evil.example",
        "{origin}/%2f%2fevil.example",
        "{origin}/..%2f..%2fevil",
        "http://{host}/account",
        "{frontend}/elsewhere",
        "{frontend}/done/",
        "{frontend}/done?x=1",
    ],
)
async def test_no_open_redirect_by_target_link_uri(site: Site, target: str) -> None:
    """3rd-party-init-login, promise 20: refused before anything begins, and written down."""
    url = target.format(origin=site.origin, host=site.host, frontend=FRONTEND)
    answer = await initiate(site, target_link_uri=url)
    refused(answer, 400, "RETURN_TO_REFUSED")
    assert await site.events("login.refused") == 1
    led_to_the_provider(site, await initiate(site, target_link_uri=f"{site.origin}/account"))


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "//evil.example", "/account", "data:text/html,x", "{origin}@evil.example/account"]
)
async def test_a_target_that_is_no_address_is_refused(site: Site, target: str) -> None:
    refused(await initiate(site, target_link_uri=target.format(origin=site.origin)), 400, "INVALID_PARAMETERS")


async def test_a_registered_address_of_a_frontend_is_a_target(site: Site) -> None:
    client = site.client()
    answer = await initiate(site, client, target_link_uri=f"{FRONTEND}/done")
    ended = await come_back(client, await site.at_provider(answer.headers["location"]))
    assert ended.headers["location"] == f"{FRONTEND}/done"
    assert await is_signed_in(client)


async def test_a_frontend_that_takes_no_cookie_is_no_target(site: Site) -> None:
    """It did not begin this login, so it has no state or verifier for a token or code that arrives."""
    await site.execute("update frontend set deliveries = '{{code}}'::text[] where tenant_id = $1", site.tenant.id)
    refused(await initiate(site, target_link_uri=f"{FRONTEND}/done"), 400, "DELIVERY_NOT_ALLOWED")


@pytest.mark.parametrize(("default", "chosen"), [(None, "first"), ("sso", "sso"), ("first", "first")])
async def test_of_two_providers_with_one_issuer_the_default_is_taken_else_the_first(
    site: Site, default: str | None, chosen: str
) -> None:
    first = await site.add_provider("first", position=-1)
    await site.execute("update tenant set default_provider = $2 where id = $1", site.tenant.id, default)
    expected = {"first": first, "sso": site.provider}[chosen]
    assert led_to_the_provider(site, await initiate(site))["client_id"] == expected.client_id


async def test_a_tenant_is_entered_by_its_prefix_too_and_never_by_nobodys_host(site: Site) -> None:
    path = with_query(f"/t/{site.tenant.slug}/auth/initiate", iss=site.idp.issuer)
    client = site.client(base_url=PUBLIC_URL)
    answer = await client.get(path)
    # The redirect URL is on the tenant's own host, so the browser is bound there as well.
    assert urlsplit(answer.headers["location"]).hostname == site.host
    refused(await client.get(with_query("/auth/initiate", iss=site.idp.issuer)), 404, "TENANT_REQUIRED")


async def test_a_target_under_another_tenants_prefix_is_refused(site: Site) -> None:
    client = site.client(base_url=PUBLIC_URL)
    prefix = f"/t/{site.tenant.slug}"

    def asked(target: str) -> dict[str, Any]:
        return {"iss": site.idp.issuer, "target_link_uri": f"{PUBLIC_URL}{target}"}

    refused(await client.get(f"{prefix}/auth/initiate", params=asked("/t/other/account")), 400, "RETURN_TO_REFUSED")
    assert (await client.get(f"{prefix}/auth/initiate", params=asked(f"{prefix}/account"))).status_code == 303


@pytest.mark.parametrize("hint", ["a" * 321, "al\nice", "", "ali\u0000ce"])
async def test_a_hint_that_is_no_name_is_refused(site: Site, hint: str) -> None:
    refused(await initiate(site, login_hint=hint), 400, "INVALID_PARAMETERS")
    assert led_to_the_provider(site, await initiate(site, login_hint="a" * 320))["login_hint"] == "a" * 320
