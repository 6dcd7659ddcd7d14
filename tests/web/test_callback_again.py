"""Reloading, the back button and many tabs: a callback of no use leads who is signed in on, and signs nobody in."""

import httpx
import pytest

from identity_api.ids import token_hash
from tests.openid_provider.browser import CallbackRequest
from tests.web.failures import PAGE, failed, security_events
from tests.web.site import FRONTEND, Site, come_back, cookies_set, make_site

pytestmark = pytest.mark.asyncio


async def on_the_way(
    site: Site, client: httpx.AsyncClient, path: str = "/login", person: str = "alice"
) -> CallbackRequest:
    begun = await client.get(path)
    return await site.at_provider(begun.headers["location"], person)


async def goes_on(client: httpx.AsyncClient, arrival: CallbackRequest, location: str) -> None:
    """Led on, with the session that was there."""
    before = client.cookies["__Host-session"]
    answer = await client.get(arrival.url, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, location), answer.text
    assert not any("session" in name for name in cookies_set(answer))
    assert client.cookies["__Host-session"] == before
    assert (await client.get("/v1/me")).status_code == 200


async def test_a_finished_callback_that_is_reloaded_goes_on(site: Site) -> None:
    client = site.client()
    arrival = await on_the_way(site, client, "/login?return_to=/account?tab=1")
    assert (await come_back(client, arrival)).status_code == 303
    asked = site.idp.log.count("/token")
    await goes_on(client, arrival, f"{site.origin}/account?tab=1")
    assert site.idp.log.count("/token") == asked
    assert await security_events(site) == []


async def test_who_goes_back_to_the_provider_and_signs_in_there_again_goes_on(site: Site) -> None:
    """Found in use: "begun in another browser", though it was this one."""
    client = site.client()
    begun = await client.get("/login")
    await come_back(client, await site.at_provider(begun.headers["location"]))
    again = await site.at_provider(begun.headers["location"])
    await goes_on(client, again, f"{site.origin}/account")


async def test_a_tab_whose_binding_is_gone_goes_on_once_another_tab_has_signed_in(site: Site) -> None:
    client = site.client()
    first = await on_the_way(site, client)
    name = next(name for name in client.cookies if "login-" in name)
    client.cookies.delete(name)
    assert (await come_back(client, await on_the_way(site, client))).status_code == 303
    await goes_on(client, first, f"{site.origin}/account")
    assert await security_events(site) == [("BROWSER_MISMATCH", "signed_in")]


async def test_an_attackers_callback_changes_nothing_for_who_is_signed_in(site: Site) -> None:
    """Login CSRF: bob's code in alice's browser. Nothing is exchanged, and alice stays alice."""
    attacker, victim = site.client(), await site.signed_in("alice")
    arrival = await on_the_way(site, attacker, person="bob")
    asked = site.idp.log.count("/token")
    await goes_on(victim, arrival, f"{site.origin}/account")
    assert (await victim.get("/v1/me")).json()["name"] == site.idp.people["alice"].name
    assert site.idp.log.count("/token") == asked
    assert await security_events(site) == [("BROWSER_MISMATCH", "signed_in")]
    assert (await come_back(attacker, arrival)).status_code == 303


async def test_without_a_session_a_spent_callback_says_that_it_was_used(site: Site) -> None:
    client = site.client()
    arrival = await on_the_way(site, client)
    await come_back(client, arrival)
    client.cookies.delete("__Host-session")
    failed(await client.get(arrival.url, headers=PAGE), 400, "LOGIN_USED")


async def test_a_session_that_is_over_or_of_another_tenant_leads_nowhere(site: Site) -> None:
    neighbour = await make_site(site.app, site.database, site.vault, site.idp)
    client = site.client()
    arrival = await on_the_way(site, client)
    await come_back(client, arrival)
    own = client.cookies["__Host-session"]
    client.cookies.set("__Host-session", await neighbour.bearer("bob"), domain=site.host, path="/")
    failed(await client.get(arrival.url, headers=PAGE), 400, "LOGIN_USED")
    await site.execute("update session set ended_at = now(), ended_reason = 'x' where token_hash = $1", token_hash(own))
    client.cookies.set("__Host-session", own, domain=site.host, path="/")
    failed(await client.get(arrival.url, headers=PAGE), 400, "LOGIN_USED")


async def test_a_callback_at_another_address_is_misplaced_whoever_is_signed_in(site: Site) -> None:
    await site.add_provider("second")
    client = site.client()
    arrival = await on_the_way(site, client, "/auth/oidc/sso/login")
    await come_back(client, arrival)
    answer = await client.get("/auth/oidc/second/callback", params=arrival.parameters, headers=PAGE)
    failed(answer, 400, "CALLBACK_MISPLACED")


async def test_a_login_for_a_frontend_with_a_token_of_its_own_does_not_go_on(site: Site) -> None:
    """There the result is a one-time code, which a session of ours does not replace."""
    client = await site.signed_in()
    query = {"return_to": f"{FRONTEND}/done", "frontend": "app", "delivery": "fragment", "state": "s"}
    arrival = await on_the_way(site, client, str(httpx.URL("/login", params=query)))
    assert (await come_back(client, arrival)).status_code == 303
    failed(await client.get(arrival.url, headers=PAGE), 400, "LOGIN_USED")


# What is told, and to whom


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_the_callback_address_of_v1_tells_a_browser_a_page(site: Site, accept: str) -> None:
    address = f"https://{site.host}/v1/auth/oidc/callback"
    await site.add_provider("old", redirect_url=address)
    client = site.client()
    begun = await client.get("/auth/oidc/old/login")
    arrival = await site.at_provider(begun.headers["location"], None)
    failed(await client.get(arrival.url, headers={"accept": accept}), 400, "PROVIDER_REFUSED")
    program = await site.client().get("/v1/auth/oidc/callback?state=x", headers={"accept": "application/json"})
    assert program.headers["content-type"] == "application/problem+json"
    for path in ("/v1/me", "/v1/nothing", "/graphql"):
        answer = await site.client().put(path, headers={"accept": "text/html"})
        assert answer.headers["content-type"] == "application/problem+json", path


async def provider_of_the_failure(site: Site) -> str | None:
    query = "select payload->>'provider' from audit_event where tenant_id = $1 and action = 'login.failed'"
    found: str | None = await site.fetchval(query, site.tenant.id)
    return found


@pytest.mark.parametrize("state", [None, "st_unknown"])
async def test_a_callback_without_a_state_of_ours_shows_its_provider_to_the_admin(
    site: Site, state: str | None
) -> None:
    await site.add_provider("second")
    pairs = {"error": "access_denied", "error_description": "canary", **({"state": state} if state else {})}
    answer = await site.client().get("/auth/oidc/sso/callback", params=pairs, headers=PAGE)
    failed(answer, 400, "PROVIDER_REFUSED")
    lacks = "unknown_state" if state else "no_state"
    assert await security_events(site) == [("PROVIDER_REFUSED", f"access_denied:{lacks}")]
    assert await provider_of_the_failure(site) == str(site.provider.id)


ORIGIN_AND_CALLBACKS = ["/", "/auth/oidc/sso/callback", "/v1/auth/oidc/callback"]


@pytest.mark.parametrize("path", ORIGIN_AND_CALLBACKS)
@pytest.mark.parametrize("state", [None, "st_unknown"])
async def test_an_error_that_belongs_to_no_login_is_shown_and_recorded_and_begins_none(
    site: Site, path: str, state: str | None
) -> None:
    """S0-61. At Re:infer's bare origin it led to the provider again, which sent the same error again."""
    words = "AADSTS50011: The redirect URI does not match."
    pairs = {"error": "invalid_request", "error_description": words, **({"state": state} if state else {})}
    answer = await site.client().get(path, params=pairs, headers=PAGE)
    failed(answer, 400, "PROVIDER_REFUSED")
    assert "invalid_request" in answer.text
    assert "AADSTS50011" not in answer.text
    lacks = "unknown_state" if state else "no_state"
    assert await security_events(site) == [("PROVIDER_REFUSED", f"invalid_request:{lacks}")]
    said = "select payload->>'said' from audit_event where tenant_id = $1 and action = 'login.failed'"
    assert await site.fetchval(said, site.tenant.id) == "invalid_request: AADSTS50011"


@pytest.mark.parametrize("path", ORIGIN_AND_CALLBACKS)
async def test_an_error_of_a_stranger_ends_no_session(site: Site, path: str) -> None:
    client = await site.signed_in()
    failed(await client.get(path, params={"error": "access_denied"}, headers=PAGE), 400, "PROVIDER_REFUSED")
    assert (await client.get("/v1/me")).status_code == 200


@pytest.mark.parametrize("path", ORIGIN_AND_CALLBACKS)
@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ({"error": "access_denied", "code": "c"}, ("CALLBACK_INVALID", "state")),
        ({"code": "c"}, ("CALLBACK_INVALID", "state")),
        ({"error": "https://evil.example"}, ("PROVIDER_REFUSED", "other:no_state")),
    ],
)
async def test_what_else_comes_without_a_state_is_refused_and_begins_no_login(
    site: Site, path: str, pairs: dict[str, str], expected: tuple[str, str]
) -> None:
    answer = await site.client().get(path, params=pairs, headers=PAGE)
    failed(answer, 400, expected[0])
    assert "evil.example" not in answer.text
    assert await security_events(site) == [expected]


async def test_the_bare_origin_without_an_answer_of_a_provider_leads_to_the_login(site: Site) -> None:
    answer = await site.client().get("/?utm_source=mail", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_at_an_address_that_two_providers_share_no_provider_is_guessed(site: Site) -> None:
    for slug in ("one", "two"):
        await site.add_provider(slug, redirect_url=f"https://{site.host}/v1/auth/oidc/callback")
    failed(await site.client().get("/v1/auth/oidc/callback?code=c", headers=PAGE), 400, "CALLBACK_INVALID")
    assert await provider_of_the_failure(site) is None


async def test_a_code_as_long_as_entra_sends_it_is_read_and_a_longer_one_is_told_with_its_length(site: Site) -> None:
    client = site.client()
    state = dict(httpx.URL((await client.get("/login")).headers["location"]).params)["state"]
    pairs = {"state": state, "code": "c" * 9_000, "iss": site.idp.issuer}
    failed(await client.get("/auth/oidc/sso/callback", params=pairs, headers=PAGE), 400, "EXCHANGE_REFUSED")
    failed(
        await site.client().get("/auth/oidc/sso/callback", params={"state": state, "code": "c" * 17_000}, headers=PAGE),
        400,
        "LOGIN_USED",
    )
    fresh = site.client()
    state = dict(httpx.URL((await fresh.get("/login")).headers["location"]).params)["state"]
    answer = await fresh.get("/auth/oidc/sso/callback", params={"state": state, "code": "c" * 17_000}, headers=PAGE)
    failed(answer, 400, "CALLBACK_INVALID")
    assert ("CALLBACK_INVALID", "code:too_long:17000") in await security_events(site)
