"""Whole logins through the application: from the login page to the account page and out again."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from identity_api.db.user_facts import REFRESH
from identity_api.ids import token_hash
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from tests import factories as make
from tests.web.site import FRONTEND, PUBLIC_URL, Site, add_provider, come_back, cookies_set, path_of

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.asyncio
async def test_somebody_signs_in_and_sees_why_they_may_do_what_they_may(site: Site) -> None:
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, "docs:read")
        await make.make_mapping(connection, site.tenant.id, "engineering", [permission])
    client = await site.signed_in("alice")
    page = await client.get("/account")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert site.idp.people["alice"].name in page.text
    assert "because you are in engineering at Acme SSO (mapping engineering)" in page.text


@pytest.mark.asyncio
async def test_the_only_provider_is_gone_to_without_a_page(site: Site) -> None:
    """S0-07, S0-56."""
    answer = await site.client().get("/login")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(site.idp.issuer)


@pytest.mark.asyncio
async def test_several_providers_are_offered_as_links_that_keep_what_was_asked_for(site: Site) -> None:
    await site.add_provider("second")
    page = await site.client().get("/login", params={"return_to": "/account?tab=1&x=2"}, headers=PAGE)
    assert page.status_code == 200
    assert "<script" not in page.text
    link = "/auth/oidc/second/login?return_to=%2Faccount%3Ftab%3D1%26x%3D2"
    assert f'href="{link}"' in page.text
    followed = await site.client().get(link)
    assert followed.headers["location"].startswith(site.idp.issuer)


@pytest.mark.asyncio
async def test_a_default_provider_is_gone_to_unless_a_choice_is_wanted(site: Site) -> None:
    """S3-07."""
    await site.add_provider("second")
    await site.execute("update tenant set default_provider = 'second' where id = $1", site.tenant.id)
    # Another prefix of the same tenant, whose row is read now rather than a second ago.
    prefix = f"{PUBLIC_URL}/t/{site.tenant.slug}"
    straight = await site.client().get(f"{prefix}/login")
    assert straight.status_code == 303
    for wish in ("choose=1", "signed_out=1"):
        assert (await site.client().get(f"{prefix}/login?{wish}", headers=PAGE)).status_code == 200


@pytest.mark.asyncio
async def test_the_root_leads_to_the_login_and_later_to_the_account(site: Site) -> None:
    assert (await site.client().get("/")).headers["location"] == "/login"
    assert (await (await site.signed_in()).get("/")).headers["location"] == "/account"


@pytest.mark.asyncio
async def test_the_account_page_of_nobody_leads_to_the_login(site: Site) -> None:
    answer = await site.client().get("/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.asyncio
async def test_the_session_cookie_is_bound_to_the_host_and_closed_to_scripts(site: Site) -> None:
    client = site.client()
    lines = cookies_set(await site.sign_in(client))
    attributes = set(lines["__Host-session"].split("; ")[1:])
    assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"} <= attributes
    assert not any(attribute.startswith("Domain") for attribute in attributes)
    stored = await site.fetchval(
        "select count(*) from session where token_hash = $1", token_hash(client.cookies["__Host-session"])
    )
    assert stored == 1


@pytest.mark.asyncio
async def test_a_session_cookie_planted_before_the_login_is_replaced(site: Site) -> None:
    """Promise 9."""
    planted = await site.bearer("bob")
    client = site.client()
    client.cookies.set("__Host-session", planted, domain=site.host, path="/")
    await site.sign_in(client, "alice")
    assert client.cookies["__Host-session"] != planted
    assert (await client.get("/v1/me")).json()["name"] == site.idp.people["alice"].name


@pytest.mark.asyncio
async def test_the_binding_cookie_goes_with_the_callback(site: Site) -> None:
    client = site.client()
    begun = await client.get("/login")
    (name,) = [name for name in cookies_set(begun) if "login-" in name]
    ended = await come_back(client, await site.at_provider(begun.headers["location"]))
    assert "Max-Age=0" in cookies_set(ended)[name]


@pytest.mark.asyncio
async def test_a_form_posted_from_the_providers_site_ends_the_login(site: Site) -> None:
    await site.add_provider("posting", authorization_parameters={"response_mode": "form_post"})
    client = site.client()
    begun = await client.get("/auth/oidc/posting/login")
    (line,) = [line for name, line in cookies_set(begun).items() if "login-" in name]
    assert {"SameSite=None", "Secure"} <= set(line.split("; "))
    arrival = await site.at_provider(begun.headers["location"])
    assert arrival.method == "POST"
    ended = await client.post(arrival.url, data=arrival.parameters, headers={"origin": site.idp.issuer})
    assert ended.status_code == 303
    assert path_of(ended.headers["location"]) == "/account"


@pytest.mark.asyncio
async def test_at_most_five_logins_are_under_way_in_one_browser(site: Site) -> None:
    client = site.client()
    for _ in range(7):
        await client.get("/login")
    assert len([name for name in client.cookies if "login-" in name]) == 5


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/", "/login/oidc/{slug}/callback", "/v1/auth/oidc/callback"])
async def test_redirect_urls_registered_for_the_seed_systems_keep_working(site: Site, path: str) -> None:
    """S0-32, S3-03, S4-06: every shape leads to the same handler."""
    slug = "seed"
    await site.add_provider(slug, redirect_url=site.origin + path.format(slug=slug))
    client = site.client()
    begun = await client.get(f"/auth/oidc/{slug}/login")
    ended = await come_back(client, await site.at_provider(begun.headers["location"]))
    assert ended.status_code == 303, ended.text
    assert (await client.get("/account")).status_code == 200


@pytest.mark.asyncio
async def test_a_callback_on_the_public_host_brings_the_session_to_the_tenants_host(site: Site) -> None:
    await site.add_provider("shared", redirect_url=f"{PUBLIC_URL}/auth/oidc/shared/callback")
    client = site.client()
    hop = await client.get("/auth/oidc/shared/login")
    assert hop.headers["location"].startswith(f"{PUBLIC_URL}/auth/launch/")
    begun = await client.get(hop.headers["location"])
    ended = await come_back(client, await site.at_provider(begun.headers["location"]))
    assert ended.headers["location"].startswith(f"{site.origin}/auth/complete?")
    assert "__Host-session" not in cookies_set(ended)
    completed = await client.get(ended.headers["location"])
    assert completed.status_code == 303
    assert (await client.get("/account")).status_code == 200


@pytest.mark.asyncio
async def test_a_code_for_the_session_host_is_worth_nothing_in_another_browser(site: Site) -> None:
    await site.add_provider("shared", redirect_url=f"{PUBLIC_URL}/auth/oidc/shared/callback")
    client, victim = site.client(), site.client()
    hop = await client.get("/auth/oidc/shared/login")
    begun = await client.get(hop.headers["location"])
    ended = await come_back(client, await site.at_provider(begun.headers["location"]))
    refused = await victim.get(ended.headers["location"])
    assert refused.status_code == 400
    assert "__Host-session" not in victim.cookies
    assert (await client.get(ended.headers["location"])).status_code == 303


@pytest.mark.asyncio
async def test_a_tenant_without_a_host_signs_in_under_its_prefix(site: Site) -> None:
    prefix = f"/t/{site.tenant.slug}"
    await site.add_provider("prefixed", redirect_url=f"{PUBLIC_URL}{prefix}/auth/oidc/prefixed/callback")
    client = site.client(base_url=PUBLIC_URL)
    ended = await site.sign_in(client, path=f"{prefix}/auth/oidc/prefixed/login")
    assert ended.headers["location"] == f"{PUBLIC_URL}{prefix}/account"
    page = await client.get(f"{prefix}/account")
    assert page.status_code == 200
    assert f'action="{prefix}/auth/logout"' in page.text


@pytest.mark.asyncio
async def test_signing_out_ends_the_session_here_and_leads_to_the_provider(site: Site) -> None:
    client = await site.signed_in()
    token = client.cookies["__Host-session"]
    answer = await client.post("/auth/logout", headers={**PAGE, "origin": site.origin})
    assert answer.status_code == 303
    location = urlsplit(answer.headers["location"])
    assert answer.headers["location"].startswith(site.idp.issuer)
    assert dict(parse_qsl(location.query))["post_logout_redirect_uri"] == f"{site.origin}/auth/logout/return"
    assert "Max-Age=0" in cookies_set(answer)["__Host-session"]
    again = site.client(cookies={"__Host-session": token})
    assert (await again.get("/v1/me")).status_code == 401


@pytest.mark.asyncio
async def test_back_from_the_providers_sign_out_the_login_page_says_so(site: Site) -> None:
    answer = await site.client().get("/auth/logout/return", params={"state": "whatever"})
    page = await site.client().get(answer.headers["location"], headers=PAGE)
    assert page.status_code == 200
    assert "You have signed out." in page.text


@pytest.mark.asyncio
async def test_a_program_signs_out_and_gets_an_address_that_leads_to_the_providers_once(site: Site) -> None:
    """The provider's own address holds the ID Token, which no page may read."""
    token = await site.bearer()
    answer = await site.client().post("/auth/logout", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    address = answer.json()["logout_url"]
    assert address.startswith(f"{site.origin}/auth/logout/leave/lh_")
    assert "id_token_hint" not in answer.text
    browser = site.client()
    left = await browser.get(address)
    assert (left.status_code, left.headers["location"].startswith(site.idp.issuer)) == (303, True)
    assert "id_token_hint=" in left.headers["location"]
    assert "__Host-logout" in "".join(cookies_set(left)), "the browser that leaves is the one that comes back"
    again = await site.client().get(address)
    assert (again.status_code, again.headers["location"]) == (303, "/login?signed_out=1")
    kept = await site.fetchval("select count(*) from logout_handle where tenant_id = $1", site.tenant.id)
    assert kept == 0


@pytest.mark.asyncio
async def test_a_handle_that_nobody_opens_leads_nowhere_after_a_minute(site: Site) -> None:
    token = await site.bearer()
    answer = await site.client().post("/auth/logout", headers={"authorization": f"Bearer {token}"})
    await site.execute("update logout_handle set expires_at = now() where tenant_id = $1", site.tenant.id)
    late = await site.client().get(answer.json()["logout_url"])
    assert late.headers["location"] == "/login?signed_out=1"


@pytest.mark.asyncio
async def test_without_a_session_a_program_gets_an_absolute_address_as_well(site: Site) -> None:
    answer = await site.client().post("/auth/logout", headers={"origin": site.origin})
    assert answer.json() == {"logout_url": f"{site.origin}/login?signed_out=1"}


@pytest.mark.asyncio
async def test_one_ends_one_of_ones_own_sessions_and_nobody_elses(site: Site) -> None:
    client, elsewhere, bob = await site.signed_in("alice"), await site.signed_in("alice"), await site.signed_in("bob")
    find = "select id::text from session where token_hash = $1"
    other_id = await site.fetchval(find, token_hash(elsewhere.cookies["__Host-session"]))
    bobs_id = await site.fetchval(find, token_hash(bob.cookies["__Host-session"]))
    own = {"origin": site.origin}
    assert f"/account/sessions/{other_id}/end" in (await client.get("/account")).text
    refused = await client.post(f"/account/sessions/{bobs_id}/end", headers=own)
    ended = await client.post(f"/account/sessions/{other_id}/end", headers=own)
    assert (refused.status_code, ended.status_code) == (404, 303)
    assert (await elsewhere.get("/v1/me")).status_code == 401
    assert (await bob.get("/v1/me")).status_code == 200


@pytest.mark.asyncio
async def test_a_login_begun_by_a_program_is_bound_to_the_browser_that_opens_it(site: Site) -> None:
    """S4-52, S4-53: the address is our launch URL, which binds the login to the browser."""
    begun = await site.client(base_url=PUBLIC_URL).post("/v1/auth/oidc/login", json={"tenant_id": site.tenant.slug})
    assert begun.status_code == 200
    url = begun.json()["auth_url"]
    assert url.startswith(f"{PUBLIC_URL}/t/{site.tenant.slug}/auth/launch/")
    client = site.client(base_url=PUBLIC_URL)
    hop = await client.get(url)
    launched = await client.get(hop.headers["location"])
    assert launched.headers["location"].startswith(site.idp.issuer)
    assert (await site.client(base_url=PUBLIC_URL).get(url)).status_code == 400, "a handle works once"


@pytest.mark.asyncio
async def test_a_frontend_exchanges_its_code_for_a_token_once(site: Site) -> None:
    """S4-13, S4-55."""
    verifier = new_code_verifier()
    wish = {"tenant_id": str(site.tenant.id), "frontend": "app", "delivery": "code"}
    begun = await site.client().post(
        "/v1/auth/oidc/login", json={**wish, "code_challenge": code_challenge(verifier), "state": "own"}
    )
    client = site.client()
    launched = await client.get(begun.json()["auth_url"])
    ended = await come_back(client, await site.at_provider(launched.headers["location"]))
    assert ended.headers["location"].startswith(f"{FRONTEND}/done?")
    code = dict(parse_qsl(urlsplit(ended.headers["location"]).query))["code"]
    body = {"code": code, "code_verifier": verifier, "frontend": "app"}
    token = await site.client().post("/v1/auth/token", json=body, headers={"origin": FRONTEND})
    assert token.status_code == 200, token.text
    assert token.headers["access-control-allow-origin"] == FRONTEND
    assert token.json()["token_type"] == "Bearer"
    bearer = {"authorization": f"Bearer {token.json()['access_token']}"}
    who = await site.client().get("/v1/me", headers=bearer)
    assert who.json()["tenant_id"] == str(site.tenant.id)
    again = await site.client().post("/v1/auth/token", data=body)
    assert (again.status_code, again.json()["code"]) == (400, "CODE_INVALID")


@pytest.mark.asyncio
async def test_me_says_who_one_is_and_what_one_may_do(site: Site) -> None:
    """S0-58, S0-59, S4-56, S4-58, S4-59."""
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, "docs:read")
        await make.make_mapping(connection, site.tenant.id, "engineering", [permission])
    alice = site.idp.people["alice"]
    who = (await (await site.signed_in("alice")).get("/v1/me")).json()
    assert who["subject"] == alice.subject
    assert (who["email"], who["name"], who["is_sso"]) == (alice.email, alice.name, True)
    assert who["groups"] == sorted(alice.groups)
    assert who["permissions"] == ["docs:read"]


@pytest.mark.asyncio
async def test_who_cannot_be_confirmed_any_more_is_asked_to_sign_in_again(site: Site) -> None:
    """What we lost of a login takes nothing before its lease is over; the person can keep it by signing in."""
    client = await site.signed_in("alice")
    assert (await client.get("/v1/me")).json()["sign_in_again"] is False
    for reason, is_final in (("server_error", False), ("rotation_lost", True)):
        stale = "update identity set state = 'STALE', state_reason = $2 where tenant_id = $1"
        await site.execute(stale, site.tenant.id, reason)
        users = await site.fetchval("select array_agg(id) from app_user where tenant_id = $1", site.tenant.id)
        await site.execute(REFRESH, site.tenant.id, users)
        assert (await client.get("/v1/me")).json()["sign_in_again"] is is_final
        assert ("please sign in again" in (await client.get("/account")).text) is is_final
    await site.sign_in(client)
    assert (await client.get("/v1/me")).json()["sign_in_again"] is False


@pytest.mark.asyncio
async def test_what_a_provider_says_is_shown_as_text(site: Site) -> None:
    site.idp.add_person("mallory", groups=["<script>alert(1)</script>"], name="<b>Mallory</b>")
    client = await site.signed_in("mallory")
    page = await client.get("/account")
    assert "<script>" not in page.text
    assert "&lt;b&gt;Mallory&lt;/b&gt;" in page.text


@pytest.mark.asyncio
async def test_a_session_of_one_tenant_is_nothing_at_anothers_door(site: Site) -> None:
    """I2: entry gives no right to read, and a session is no key to another house."""
    async with site.database.transaction() as connection:
        other = await make.make_tenant(connection)
    await add_provider(site.database, site.vault, site.idp, other.id, "unused.example", "sso")
    bearer = {"authorization": f"Bearer {await site.bearer()}"}
    client = site.client(base_url=PUBLIC_URL)
    assert (await client.get("/v1/me", headers=bearer)).status_code == 200
    assert (await client.get(f"/t/{site.tenant.slug}/v1/me", headers=bearer)).status_code == 200
    assert (await client.get(f"/t/{other.slug}/v1/me", headers=bearer)).status_code == 401
