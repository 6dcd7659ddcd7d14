"""A login that fails ends at the frontend that asked for it (RFC 6749 section 4.1.2.1), and nowhere else."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from identity_api.oidc.authorization import code_challenge, new_code_verifier
from tests.web.local_site import PAGE
from tests.web.site import FRONTEND, Site, come_back

pytestmark = pytest.mark.asyncio

CHALLENGE = code_challenge(new_code_verifier())
ASKED = {"frontend": "app", "return_to": f"{FRONTEND}/done", "state": "own"}
BY_DELIVERY = {
    "code": ASKED | {"delivery": "code", "code_challenge": CHALLENGE},
    "cookie": ASKED | {"delivery": "cookie"},
    "fragment": ASKED | {"delivery": "fragment"},
}


async def refused(site: Site, asked: dict[str, str], *, client: httpx.AsyncClient | None = None) -> httpx.Response:
    """The person presses Cancel at the provider."""
    client = client or site.client(headers=PAGE)
    begun = await client.get(f"/auth/oidc/sso/login?{urlencode(asked)}")
    assert begun.status_code == 303, begun.text
    return await come_back(client, await site.at_provider(begun.headers["location"], None))


@pytest.mark.parametrize("delivery", sorted(BY_DELIVERY))
async def test_a_cancelled_login_comes_back_with_error_description_and_state(site: Site, delivery: str) -> None:
    answer = await refused(site, BY_DELIVERY[delivery])
    address = urlsplit(answer.headers["location"])
    told, other = (address.fragment, address.query) if delivery == "fragment" else (address.query, address.fragment)
    given = dict(parse_qsl(told))
    assert (answer.status_code, other) == (303, "")
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{FRONTEND}/done"
    assert (given["error"], given["state"], given["iss"]) == ("access_denied", "own", site.origin)
    assert (given["error_code"], given["request_id"]) == ("PROVIDER_REFUSED", answer.headers["x-request-id"])
    assert "was cancelled" in given["error_description"]
    assert "Max-Age=0" in answer.headers["set-cookie"]


async def test_an_outage_and_a_faulty_set_up_are_told_apart_from_a_refusal(site: Site) -> None:
    client = site.client(headers=PAGE)
    await site.execute("update provider set issuer = 'http://127.0.0.1:9' where id = $1", site.provider.id)
    answer = await client.get(f"/auth/oidc/sso/login?{urlencode(BY_DELIVERY['code'])}")
    given = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert (given["error"], given["error_code"]) in [
        ("temporarily_unavailable", "PROVIDER_UNAVAILABLE"),
        ("server_error", "PROVIDER_MISCONFIGURED"),
    ]


async def test_the_login_page_leads_back_to_the_frontend_without_a_login(site: Site) -> None:
    page = await site.client().get("/login", params=BY_DELIVERY["code"] | {"choose": "1"}, headers=PAGE)
    [cancel] = [part.partition('"')[0] for part in page.text.split('href="') if part.startswith(FRONTEND)]
    given = dict(parse_qsl(urlsplit(cancel.replace("&amp;", "&")).query))
    assert (given["error"], given["error_code"], given["state"]) == ("access_denied", "LOGIN_CANCELLED", "own")
    for asked in ({"return_to": "https://evil.example/"}, {"return_to": "/account"}, {}):
        page = await site.client().get("/login", params={"choose": "1", **asked}, headers=PAGE)
        assert 'href="https://evil' not in page.text
        assert "Cancel" not in page.text


async def test_a_program_and_our_own_pages_are_told_where_they_are(site: Site) -> None:
    page = await refused(site, {})
    assert (page.status_code, page.headers["content-type"]) == (400, "text/html; charset=utf-8")
    program = await refused(site, BY_DELIVERY["code"], client=site.client(headers={"accept": "application/json"}))
    assert (program.status_code, program.json()["code"]) == (400, "PROVIDER_REFUSED")


async def test_another_browser_is_sent_nowhere_and_learns_nothing_of_the_login(site: Site) -> None:
    begun = await site.client().get(f"/auth/oidc/sso/login?{urlencode(BY_DELIVERY['code'])}")
    arrival = await site.at_provider(begun.headers["location"])
    answer = await come_back(site.client(headers=PAGE), arrival)
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "BROWSER_MISMATCH" in answer.text
    assert f'href="{site.origin}/login?choose=1"' in answer.text
    assert CHALLENGE not in answer.text


async def test_sign_in_again_keeps_frontend_state_and_challenge(site: Site) -> None:
    """The callback once more, by the back button: nothing for the frontend, and a way on for the person."""
    client = site.client(headers=PAGE)
    begun = await client.get(f"/auth/oidc/sso/login?{urlencode(BY_DELIVERY['code'])}")
    arrival = await site.at_provider(begun.headers["location"])
    assert (await come_back(client, arrival)).status_code == 303
    again = await come_back(client, arrival)
    assert (again.status_code, "LOGIN_USED" in again.text) == (400, True)
    [link] = [part.partition('"')[0] for part in again.text.split('href="') if part.startswith(site.origin)]
    asked = dict(parse_qsl(urlsplit(link.replace("&amp;", "&")).query))
    assert asked == BY_DELIVERY["code"] | {"choose": "1"}
