"""Every way a login can end well: each delivery, on one host and over two."""

from urllib.parse import urlsplit

import pytest

from identity_api.ids import new_token, token_hash
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.sessions.login.deps import LoginDeps, Redemption
from identity_api.sessions.token import redeem
from tests import factories as make
from tests.openid_provider import RunningProvider
from tests.sessions.browsers import (
    CALLBACK,
    CLIENT_STATE,
    FRONTEND_URL,
    ORIGIN,
    OTHER_CALLBACK,
    Browser,
    World,
    make_world,
    parameters_of,
)

pytestmark = pytest.mark.asyncio


async def test_a_login_sets_a_session_on_our_own_host(world: World) -> None:
    browser = Browser(world.deps)
    finished = await world.sign_in("alice", browser)
    assert (finished.kind, finished.location) == ("SESSION", f"{ORIGIN}/account")
    [cookie] = finished.set_cookies
    assert (cookie.name, cookie.secure, cookie.same_site_none) == ("__Host-session", True, False)
    assert browser.cookies("id.acme.example") == {"__Host-session": cookie.value}
    who = await world.who(cookie.value)
    assert who is not None
    assert (who.user.username, who.user.display_label, who.user.email) == (
        "alice",
        "Alice Archer",
        "alice@demo.example",
    )
    assert who.kind == "COOKIE"
    assert who.is_sso


async def test_the_groups_of_a_login_give_permissions_at_once(world: World) -> None:
    async with world.database.transaction() as connection:
        read = await make.make_permission(connection, world.tenant.id, "docs:read")
        await make.make_mapping(connection, world.tenant.id, "engineering", [read])
    finished = await world.sign_in("alice")
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    assert who.permissions == {"docs:read"}
    finished = await world.sign_in("carol")
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    assert who.permissions == set()


async def test_a_frontend_gets_a_one_time_code_for_its_verifier(world: World) -> None:
    verifier = new_code_verifier()
    finished = await world.sign_in(
        "alice",
        return_to=FRONTEND_URL,
        delivery="code",
        client_challenge=code_challenge(verifier),
        client_state=CLIENT_STATE,
    )
    assert finished.kind == "CODE"
    assert finished.location.startswith(f"{FRONTEND_URL}?code=oc_")
    parameters = parameters_of(finished.location)
    assert parameters["state"] == CLIENT_STATE
    bearer = await redeem(
        world.deps,
        Redemption(
            code=parameters["code"], code_verifier=verifier, frontend_slug="app", origin="https://app.acme.example"
        ),
    )
    assert bearer.access_token.startswith("iab_")
    assert bearer.expires_in_seconds == 86_400
    who = await world.who(bearer.access_token)
    assert who is not None
    assert (who.kind, who.user.username) == ("BEARER", "alice")


async def test_a_code_is_added_to_the_query_that_a_return_url_has(world: World) -> None:
    finished = await world.sign_in(
        return_to=f"{FRONTEND_URL}?from=sso", delivery="code", client_challenge=code_challenge(new_code_verifier())
    )
    assert finished.location.startswith(f"{FRONTEND_URL}?from=sso&code=oc_")


async def test_a_frontend_that_opted_in_gets_the_token_in_the_fragment(world: World) -> None:
    finished = await world.sign_in("bob", return_to=FRONTEND_URL, delivery="fragment", client_state=CLIENT_STATE)
    assert finished.kind == "FRAGMENT"
    assert urlsplit(finished.location).query == ""
    parameters = parameters_of(finished.location)
    assert (parameters["token_type"], parameters["expires_in"], parameters["state"]) == (
        "Bearer",
        "86400",
        CLIENT_STATE,
    )
    who = await world.who(parameters["access_token"])
    assert who is not None
    assert who.user.username == "bob"


async def test_a_same_site_frontend_gets_our_cookie_and_its_browser_back(world: World) -> None:
    finished = await world.sign_in("alice", frontend_slug="app")
    assert (finished.kind, finished.location) == ("SESSION", FRONTEND_URL)
    assert await world.who(finished.set_cookies[0].value) is not None


async def test_a_login_begun_on_one_host_with_its_callback_on_another_ends_on_the_first(world: World) -> None:
    """Named: begin on host A with callback on host B."""
    await world.change_provider(redirect_url=OTHER_CALLBACK)
    browser = Browser(world.deps)
    prepared = await world.begin()
    launched = await browser.launch(prepared.launch_url)
    assert launched.location.startswith("https://login.service.example/auth/launch/")
    hopped = await browser.launch(launched.location)
    finished = await browser.arrive(await world.idp.sign_in(hopped.location, "alice"))
    assert finished.kind == "COMPLETE"
    assert finished.set_cookies == ()
    assert finished.location.startswith(f"{ORIGIN}/auth/complete?code=oc_")
    assert await world.count("session") == 0
    ended = await browser.complete(finished.location)
    assert (ended.kind, ended.location) == ("SESSION", f"{ORIGIN}/account")
    assert browser.session is not None
    assert await world.who(browser.session) is not None
    assert browser.cookies("login.service.example") == {}
    assert set(browser.cookies("id.acme.example")) == {"__Host-session"}


@pytest.mark.parametrize("delivery", ["code", "fragment"])
async def test_over_two_hosts_a_frontend_is_served_only_from_the_session_host(world: World, delivery: str) -> None:
    await world.change_provider(redirect_url=OTHER_CALLBACK)
    verifier = new_code_verifier()
    finished = await world.sign_in(
        return_to=FRONTEND_URL, delivery=delivery, client_state="s", client_challenge=code_challenge(verifier)
    )
    assert finished.kind == delivery.upper()
    token = parameters_of(finished.location).get("access_token")
    if token is None:
        code = parameters_of(finished.location)["code"]
        token = (await redeem(world.deps, Redemption(code=code, code_verifier=verifier))).access_token
    assert await world.who(token) is not None


async def test_under_a_path_prefix_every_address_of_ours_keeps_it(deps: LoginDeps, idp: RunningProvider) -> None:
    world = await make_world(deps, idp)
    prepared = await world.begin(path_prefix="/t/acme")
    assert prepared.launch_url.startswith(f"{ORIGIN}/t/acme/auth/launch/ha_")
    finished = await Browser(deps).follow_through(prepared, idp, "alice")
    assert finished.location == f"{ORIGIN}/t/acme/account"


async def test_a_redirect_url_with_an_empty_path_is_the_root(world: World) -> None:
    """S0-32: the redirect URL registered at the provider is the bare domain."""
    await world.change_provider(redirect_url=ORIGIN)
    browser = Browser(world.deps)
    url = await browser.go_to_provider(await world.begin())
    arrival = await world.idp.sign_in(url, "alice")
    finished = await browser.callback(f"{ORIGIN}/", list(arrival.parameters.items()))
    assert finished.kind == "SESSION"


async def test_scheme_and_port_behind_a_proxy_do_not_matter(world: World) -> None:
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    finished = await browser.callback(CALLBACK, list(arrival.parameters.items()), host="ID.acme.example:8443")
    assert finished.kind == "SESSION"


async def test_a_provider_may_post_its_answer(world: World) -> None:
    """OAuth 2.0 Form Post Response Mode; the binding cookie then is SameSite=None."""
    await world.change_provider(authorization_parameters={"response_mode": "form_post"})
    browser = Browser(world.deps)
    launched = await browser.launch((await world.begin()).launch_url)
    assert [(one.same_site_none, one.secure) for one in launched.set_cookies] == [(True, True)]
    arrival = await world.idp.sign_in(launched.location, "alice")
    assert arrival.method == "POST"
    assert (await browser.arrive(arrival)).kind == "SESSION"


async def test_the_second_login_of_a_person_is_the_same_user_and_identity(world: World) -> None:
    first = await world.who((await world.sign_in("alice")).set_cookies[0].value)
    second = await world.who((await world.sign_in("alice")).set_cookies[0].value)
    assert first is not None
    assert second is not None
    assert (first.user.id, first.identity_id) == (second.user.id, second.identity_id)
    assert first.session_id != second.session_id
    assert await world.count("app_user") == 1


async def test_the_refresh_token_is_kept_sealed_with_what_the_login_said(world: World) -> None:
    await world.sign_in("alice")
    assert await world.count("refresh_token") == 1
    due = await world.fetchval("select due_at is not null from identity_sync where tenant_id = $1", world.tenant.id)
    assert due is True
    from identity_api.relying_party.refresh_tokens import open_sealed

    async with world.database.reading() as connection:
        row = await connection.fetchrow("select id, sealed from refresh_token where tenant_id = $1", world.tenant.id)
    tokens = open_sealed(world.deps.vault, world.tenant.id, row["id"], row["sealed"])
    assert tokens.nonce_hash is not None
    assert tokens.auth_time is not None


async def test_a_doubt_about_an_older_logins_token_is_not_one_about_the_new_token(world: World) -> None:
    """An answer to a sync was lost; then the person signs in again."""
    await world.sign_in("alice")
    await world.fetchval(
        "update identity_sync set uncertain = true where tenant_id = $1 returning uncertain", world.tenant.id
    )
    await world.sign_in("alice")
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select uncertain from refresh_token where tenant_id = $1 order by created_at", world.tenant.id
        )
    assert [row["uncertain"] for row in rows] == [True, False]


async def test_two_tabs_do_not_fight(world: World) -> None:
    """Named: two logins under way in one browser both end well, in whichever order."""
    browser = Browser(world.deps)
    first = await browser.go_to_provider(await world.begin())
    second = await browser.go_to_provider(await world.begin(return_to="/account?tab=2"))
    one = await browser.arrive(await world.idp.sign_in(second, "alice"))
    two = await browser.arrive(await world.idp.sign_in(first, "alice"))
    assert (one.location, two.location) == (f"{ORIGIN}/account?tab=2", f"{ORIGIN}/account")


async def test_a_browser_keeps_at_most_five_bindings_and_the_oldest_go(world: World) -> None:
    browser = Browser(world.deps)
    prepared = [await world.begin() for _ in range(7)]
    for one in prepared:
        await browser.launch(one.launch_url)
    kept = {name.removeprefix("__Host-login-") for name in browser.cookies("id.acme.example")}
    # By their ids, which are in no order within one millisecond.
    assert kept == set(sorted([one.attempt_id.replace("-", "") for one in prepared])[2:])


async def test_nothing_secret_is_stored_in_the_clear_or_shown(world: World) -> None:
    """I3: tokens, handles, codes and verifiers exist as hashes, or sealed."""
    browser = Browser(world.deps)
    prepared = await world.begin()
    url = await browser.go_to_provider(prepared)
    state = parameters_of(url)["state"]
    arrival = await world.idp.sign_in(url, "alice")
    finished = await browser.arrive(arrival)
    secrets = [prepared.handle, state, arrival.parameters["code"], browser.session or ""]
    for shown in (prepared, finished, *finished.set_cookies, browser.deps.limits):
        assert not any(secret in repr(shown) for secret in secrets)
    tables = ("login_attempt", "login_handle", "session", "audit_event", "one_time_code", "refresh_token")
    for table in tables:
        async with world.database.reading() as connection:
            rows = await connection.fetch(
                f"select to_jsonb(x)::text as row from {table} x where tenant_id = $1", world.tenant.id
            )
        assert not any(secret in row["row"] for row in rows for secret in secrets)
    assert (
        await world.fetchval("select count(*) from session where token_hash = $1", token_hash(browser.session or ""))
        == 1
    )
    assert new_token("ias") != browser.session


async def test_a_login_is_audited_with_ids_and_codes_only(world: World) -> None:
    await world.sign_in("alice")
    [succeeded] = await world.events("login.succeeded")
    assert set(succeeded) == {"user", "identity", "provider", "groups", "refresh_token"}
    assert (succeeded["groups"], succeeded["refresh_token"]) == ("COMPLETE", True)
    assert len(await world.events("session.begun")) == 1
    assert len(await world.events("user.created")) == 1
    text = await world.fetchval(
        "select string_agg(payload::text, ' ') from audit_event where tenant_id = $1", world.tenant.id
    )
    assert "alice" not in text.lower()
