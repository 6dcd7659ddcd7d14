"""What ends without a session: handles, callbacks and codes that do not fit, and a provider switched off meanwhile."""

import asyncio
from typing import Any

import pytest

from identity_api.db.database import Database
from identity_api.db.login_ends import void_attempts
from identity_api.errors import BadInput, NotFound
from identity_api.ids import new_tenant_token, new_token, token_hash
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.providers.consequences import end_moved
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps, Redemption
from identity_api.sessions.token import redeem
from tests.openid_provider import RunningProvider
from tests.sessions.browsers import (
    CALLBACK,
    FRONTEND_URL,
    OTHER_CALLBACK,
    Browser,
    World,
    add_provider,
    make_world,
    parameters_of,
)

pytestmark = pytest.mark.asyncio


async def refused_callback(world: World, pairs: list[tuple[str, str]], browser: Browser) -> LoginFailed:
    with pytest.raises(LoginFailed) as refused:
        await browser.callback(CALLBACK, pairs)
    assert await world.count("session") == 0
    return refused.value


async def on_the_way(world: World) -> tuple[Browser, str]:
    """A browser at the provider, and its state."""
    browser = Browser(world.deps)
    return browser, parameters_of(await browser.go_to_provider(await world.begin()))["state"]


async def outcome_of(world: World, state: str) -> Any:
    return await world.fetchval("select outcome from login_attempt where state_hash = $1", token_hash(state))


# Prepare


async def test_an_unknown_or_disabled_provider_or_one_of_another_tenant_is_not_found(
    world: World, idp: RunningProvider
) -> None:
    """Bad input 19."""
    neighbour = await make_world(world.deps, idp)
    await add_provider(neighbour.deps, neighbour.tenant.id, idp, slug="theirs", redirect_url=CALLBACK)
    await add_provider(world.deps, world.tenant.id, idp, slug="off", redirect_url=CALLBACK, enabled=False)
    assert (await world.begin(provider_slug="sso")).attempt_id
    for slug in ("nobody", "off", "theirs", "SSO", "sso/../x", ""):
        with pytest.raises(NotFound) as refused:
            await world.begin(provider_slug=slug)
        assert refused.value.code == "PROVIDER_NOT_FOUND"


async def test_several_providers_ask_for_a_choice_unless_one_is_the_default(world: World, idp: RunningProvider) -> None:
    await add_provider(world.deps, world.tenant.id, idp, slug="second", redirect_url=CALLBACK)
    with pytest.raises(BadInput) as refused:
        await world.begin()
    assert refused.value.code == "PROVIDER_CHOICE_REQUIRED"
    world.tenant = type(world.tenant)(world.tenant.id, world.tenant.slug, world.tenant.name, "second", 0)
    prepared = await world.begin()
    slug = await world.fetchval(
        "select p.slug from login_attempt a join provider p on p.id = a.provider_id where a.id = $1::text::uuid",
        prepared.attempt_id,
    )
    assert slug == "second"


async def test_a_tenant_without_an_enabled_provider_has_no_way_of_signing_in(world: World) -> None:
    await world.change_provider(enabled=False)
    with pytest.raises(NotFound):
        await world.begin()


@pytest.mark.parametrize(
    ("wishes", "code"),
    [
        ({"delivery": "code"}, "CLIENT_CHALLENGE_REQUIRED"),
        ({"delivery": "code", "client_challenge": "x" * 42}, "CLIENT_CHALLENGE_REQUIRED"),
        ({"delivery": "code", "client_challenge": "x" * 42 + "="}, "CLIENT_CHALLENGE_REQUIRED"),
        ({"delivery": "fragment"}, "CLIENT_STATE_REQUIRED"),
        ({"delivery": "fragment", "client_state": "x" * 513}, "CLIENT_STATE_INVALID"),
        ({"delivery": "fragment", "client_state": "a\nb"}, "CLIENT_STATE_INVALID"),
        ({"delivery": "fragment", "client_state": ""}, "CLIENT_STATE_INVALID"),
        ({"delivery": "token"}, "DELIVERY_NOT_ALLOWED"),
        ({"frontend_slug": "nobody"}, "FRONTEND_UNKNOWN"),
        ({"return_to": "/account", "delivery": "fragment", "client_state": "s"}, "DELIVERY_NOT_ALLOWED"),
        ({"return_to": "/account", "delivery": "code"}, "DELIVERY_NOT_ALLOWED"),
        ({"login_hint": "a\r\nb"}, "LOGIN_HINT_INVALID"),
        ({"login_hint": "x" * 321}, "LOGIN_HINT_INVALID"),
    ],
)
async def test_a_beginning_that_lacks_what_its_delivery_needs_is_refused(
    world: World, wishes: dict[str, str], code: str
) -> None:
    with pytest.raises(BadInput) as refused:
        await world.begin(**{"return_to": FRONTEND_URL, **wishes})
    assert refused.value.code == code
    assert await world.count("login_attempt") == 0


async def test_a_delivery_that_the_frontend_did_not_register_is_refused(world: World) -> None:
    await world.execute("update frontend set deliveries = '{code}' where tenant_id = $1", world.tenant.id)
    challenge = code_challenge(new_code_verifier())
    assert await world.begin(return_to=FRONTEND_URL, client_challenge=challenge)  # `code` is the first, so the default
    for delivery in ("cookie", "fragment"):
        with pytest.raises(BadInput) as refused:
            await world.begin(return_to=FRONTEND_URL, delivery=delivery, client_state="s")
        assert refused.value.code == "DELIVERY_NOT_ALLOWED"


async def test_a_frontend_of_another_tenant_is_not_a_place_to_return_to(world: World, idp: RunningProvider) -> None:
    """I2: a return URL counts only for the tenant that registered it."""
    await world.execute(
        "update frontend set return_urls = '{https://mine.example/}' where tenant_id = $1", world.tenant.id
    )
    neighbour = await make_world(world.deps, idp)
    assert await neighbour.begin(return_to=FRONTEND_URL)
    with pytest.raises(BadInput) as refused:
        await world.begin(return_to=FRONTEND_URL)
    assert refused.value.code == "RETURN_TO_REFUSED"


# Launch


async def test_an_unknown_handle_is_refused(world: World) -> None:
    for handle in (new_token("ha"), new_tenant_token("ha", world.tenant.id), "", "x" * 5_000, "\udcff"):
        with pytest.raises(LoginFailed) as refused:
            await Browser(world.deps).launch(f"https://id.acme.example/auth/launch/{handle}")
        assert refused.value.code == "HANDLE_UNKNOWN"


async def test_a_handle_is_refused_after_a_minute_and_on_another_host(world: World) -> None:
    prepared = await world.begin()
    with pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).launch(prepared.launch_url.replace("id.acme.example", "evil.example"))
    assert refused.value.code == "HANDLE_UNKNOWN"
    await world.execute("update login_handle set expires_at = now() where tenant_id = $1", world.tenant.id)
    with pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).launch(prepared.launch_url)
    assert refused.value.code == "LOGIN_EXPIRED"


async def test_a_handle_of_a_provider_disabled_meanwhile_is_refused(world: World) -> None:
    prepared = await world.begin()
    await world.change_provider(enabled=False)
    with pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).launch(prepared.launch_url)
    assert (refused.value.code, refused.value.status) == ("PROVIDER_DISABLED", 403)


# Callback


@pytest.mark.parametrize(
    "state", ["", "unknown", "x" * 600, "st_" + "A" * 43, "' or 1=1 --", "\x00", "\udcff", "ünïcode"]
)
async def test_a_callback_without_a_state_that_we_made_is_refused(world: World, state: str) -> None:
    """Bad input 21."""
    browser, _ = await on_the_way(world)
    failure = await refused_callback(world, [("code", "c"), ("state", state)], browser)
    assert failure.code in ("CALLBACK_INVALID", "STATE_UNKNOWN")
    assert failure.status == 400


@pytest.mark.parametrize(
    "pairs",
    [
        [("code", "a"), ("code", "b")],
        [],
        [("id_token", "x"), ("access_token", "y")],
        [("code", "")],
        [("code", "c"), ("error", "access_denied")],
        [("code", "x" * 17_000)],
        [("code", "a\x00b")],
        [("iss", "x" * 5_000), ("code", "c")],
        *[[(f"p{number}", "x") for number in range(40)]],
    ],
)
async def test_a_callback_that_is_no_authorization_response_uses_its_login_up(
    world: World, pairs: list[tuple[str, str]]
) -> None:
    """Bad input 26 and 27: the transaction is consumed, the cookie cleared, no session, no token request."""
    browser, state = await on_the_way(world)
    failure = await refused_callback(world, [("state", state), *pairs], browser)
    assert failure.code == "CALLBACK_INVALID"
    assert [name.startswith("__Host-login-") for name in failure.clear_cookies] == [True]
    assert await outcome_of(world, state) == "CALLBACK_INVALID"
    assert not world.idp.log.find("/token")
    again = await refused_callback(world, [("state", state), ("code", "c")], browser)
    assert again.code == "LOGIN_USED"


async def test_a_repeated_state_is_refused_and_uses_nothing_up(world: World) -> None:
    browser, state = await on_the_way(world)
    failure = await refused_callback(world, [("state", state), ("state", state), ("code", "c")], browser)
    assert failure.code == "CALLBACK_INVALID"
    assert await outcome_of(world, state) is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [("access_denied", "access_denied"), ("<script>alert(1)</script>", "other"), ("login_required", "login_required")],
)
async def test_an_error_of_the_provider_ends_the_login_and_its_words_are_for_administrators(
    world: World, error: str, reason: str
) -> None:
    """S0-61. Bad input 25."""
    browser, state = await on_the_way(world)
    pairs = [("state", state), ("error", error), ("error_description", "<b>" * 3_000), ("iss", world.idp.issuer)]
    failure = await refused_callback(world, pairs, browser)
    assert (failure.code, failure.reason) == ("PROVIDER_REFUSED", reason)
    [event] = await world.events("login.failed")
    said = f"{error}: {'<b>' * 133}<..."
    assert event == {"code": "PROVIDER_REFUSED", "reason": reason, "said": said, "provider": str(world.provider.id)}
    assert ("access_denied" in failure.message) == (reason == "access_denied")
    assert "<" not in failure.message


async def test_cancelling_at_the_provider_is_refused_politely(world: World) -> None:
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), None)
    with pytest.raises(LoginFailed) as refused:
        await browser.arrive(arrival)
    assert (refused.value.code, refused.value.reason) == ("PROVIDER_REFUSED", "access_denied")


async def test_a_login_is_too_late_after_ten_minutes(world: World) -> None:
    """Named; S4-61: the state expires."""
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    seconds = await world.fetchval(
        "select extract(epoch from expires_at - created_at)::int from login_attempt where tenant_id = $1",
        world.tenant.id,
    )
    assert seconds == 600
    await world.execute("update login_attempt set expires_at = now() where tenant_id = $1", world.tenant.id)
    with pytest.raises(LoginFailed) as refused:
        await browser.arrive(arrival)
    assert refused.value.code == "LOGIN_EXPIRED"


@pytest.mark.parametrize(
    "settings",
    [{"enabled": False}, {"issuer": "https://elsewhere.example"}, {"redirect_url": f"{CALLBACK}/other"}],
    ids=["disabled", "another issuer", "another redirect url"],
)
async def test_a_provider_disabled_or_set_up_anew_in_flight_refuses_the_callback(
    world: World, settings: dict[str, Any]
) -> None:
    """Named; promise 45: no code goes to a provider that is not the one the login began with."""
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    before = world.provider
    await world.change_provider(**settings)
    with pytest.raises(LoginFailed) as refused:
        await browser.arrive(arrival)
    assert (refused.value.code, refused.value.status) == ("PROVIDER_DISABLED", 403)
    assert not world.idp.log.find("/token")
    await world.change_provider(enabled=before.enabled, issuer=before.issuer, redirect_url=before.redirect_url)
    assert (await browser.arrive(arrival)).kind == "SESSION"


async def test_a_login_voided_by_disabling_its_provider_hears_the_reason(world: World) -> None:
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    prepared = await world.begin()
    await world.change_provider(enabled=False)
    async with world.database.transaction() as connection:
        await void_attempts(connection, world.tenant.id, world.provider.id)
    for attempt in (browser.arrive(arrival), browser.launch(prepared.launch_url)):
        with pytest.raises(LoginFailed) as refused:
            await attempt
        assert refused.value.code == "PROVIDER_DISABLED"
    await world.change_provider(enabled=True)
    with pytest.raises(LoginFailed) as refused:
        await browser.arrive(arrival)
    assert refused.value.code == "LOGIN_USED"


async def test_no_connection_is_held_while_the_provider_is_asked(world: World, database_url: str) -> None:
    """One request, one transaction, and no provider call inside: a slow provider must not drain the pool."""
    alone = Database(database_url, pool_size=1)
    await alone.open()
    values = {name: getattr(world.deps, name) for name in LoginDeps.__struct_fields__}
    browser = Browser(LoginDeps(**{**values, "database": alone}))
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    with world.idp.hold("/token") as gate:
        finishing = asyncio.create_task(browser.arrive(arrival))
        await gate.arrival()
        async with alone.reading() as connection:
            assert await connection.fetchval("select 1") == 1
        gate.release()
        assert (await finishing).kind == "SESSION"
    await alone.close()


async def test_a_provider_disabled_while_the_code_is_exchanged_gives_no_session(world: World) -> None:
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    with world.idp.hold("/token") as gate:
        finishing = asyncio.create_task(browser.arrive(arrival))
        await gate.arrival()
        await world.change_provider(enabled=False)
        gate.release()
        with pytest.raises(LoginFailed) as refused:
            await finishing
    assert refused.value.code == "PROVIDER_DISABLED"
    assert await world.count("session") == 0
    assert await world.count("app_user") == 0


@pytest.mark.parametrize(
    "where",
    [
        {"issuer": "https://elsewhere.example"},
        {"discovery_url": "https://elsewhere.example/.well-known/openid-configuration"},
        {"endpoints": {"token": "https://elsewhere.example/token"}},
    ],
    ids=lambda where: next(iter(where)),
)
@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_a_provider_moved_while_the_code_is_exchanged_gives_no_session(
    world: World, where: dict[str, Any], who: str
) -> None:
    """Promise 46: what the old place gave would be presented to the new one by the next sync, if it were kept."""
    await world.sign_in("alice")  # somebody known, and somebody new
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), who)
    with world.idp.hold("/token") as gate:
        finishing = asyncio.create_task(browser.arrive(arrival))
        await gate.arrival()
        await world.change_provider(**where)
        async with world.database.transaction() as connection:
            await end_moved(connection, world.tenant.id, world.provider.id, actor="operator:root")
        gate.release()
        with pytest.raises(LoginFailed) as refused:
            await finishing
    assert (refused.value.code, refused.value.reason) == ("PROVIDER_DISABLED", "changed")
    live = "select count(*) from refresh_token where tenant_id = $1 and sealed is not null"
    assert await world.fetchval(live, world.tenant.id) == 0
    assert (await world.count("identity"), await world.count("session")) == (1, 1)


async def test_a_user_disabled_while_the_code_is_exchanged_gets_no_session(world: World) -> None:
    await world.sign_in("alice")
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    with world.idp.hold("/token") as gate:
        finishing = asyncio.create_task(browser.arrive(arrival))
        await gate.arrival()
        await world.execute("update app_user set disabled_at = now() where tenant_id = $1", world.tenant.id)
        gate.release()
        with pytest.raises(LoginFailed) as refused:
            await finishing
    assert (refused.value.code, refused.value.status) == ("ACCOUNT_DISABLED", 403)
    assert await world.count("session") == 1


@pytest.mark.parametrize(
    "path", ["/auth/oidc/sso/callback/", "/auth/oidc/SSO/callback", "/", "", "/auth//oidc/sso/callback"]
)
async def test_a_callback_on_another_path_or_host_is_misplaced(world: World, path: str) -> None:
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    for url, host in ((f"https://id.acme.example{path}", None), (CALLBACK, "idxacme.example"), (CALLBACK, "[")):
        with pytest.raises(LoginFailed) as refused:
            await browser.callback(url, list(arrival.parameters.items()), host=host)
        assert refused.value.code == "CALLBACK_MISPLACED"
    assert (await browser.arrive(arrival)).kind == "SESSION"


# One-time codes


async def test_a_waiting_login_is_handed_over_on_its_own_host_only(world: World) -> None:
    await world.change_provider(redirect_url=OTHER_CALLBACK)
    browser = Browser(world.deps)
    waiting = await browser.arrive(await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice"))
    browser.jar["evil.example"] = dict(browser.cookies("id.acme.example"))
    with pytest.raises(LoginFailed) as refused:
        await browser.complete(waiting.location.replace("id.acme.example", "evil.example"))
    assert refused.value.code == "CODE_UNKNOWN"
    assert (await browser.complete(waiting.location)).kind == "SESSION"


async def code_and_verifier(world: World) -> tuple[str, str]:
    verifier = new_code_verifier()
    finished = await world.sign_in(return_to=FRONTEND_URL, delivery="code", client_challenge=code_challenge(verifier))
    return parameters_of(finished.location)["code"], verifier


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": new_code_verifier()},
        {"code_verifier": "short"},
        {"code_verifier": "ü" * 43},
        {"frontend_slug": "other"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
async def test_a_code_presented_by_the_wrong_party_is_refused_and_used_up(world: World, change: dict[str, str]) -> None:
    code, verifier = await code_and_verifier(world)
    right = {"code": code, "code_verifier": verifier, "frontend_slug": "app", "origin": "https://app.acme.example"}
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(**{**right, **change}))
    assert refused.value.code == "CODE_REFUSED"
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(**right))
    assert refused.value.code == "LOGIN_USED"
    assert await world.count("session") == 0


async def test_a_code_is_refused_after_a_minute(world: World) -> None:
    code, verifier = await code_and_verifier(world)
    await world.execute("update one_time_code set expires_at = now() where tenant_id = $1", world.tenant.id)
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(code=code, code_verifier=verifier))
    assert refused.value.code == "LOGIN_EXPIRED"


async def test_an_unknown_code_or_one_of_another_kind_is_refused(world: World) -> None:
    code, verifier = await code_and_verifier(world)
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(code=new_tenant_token("oc", world.tenant.id), code_verifier=verifier))
    assert refused.value.code == "CODE_UNKNOWN"
    with pytest.raises(LoginFailed) as refused:
        await Browser(world.deps).complete(f"https://id.acme.example/auth/complete?code={code}")
    assert refused.value.code == "CODE_UNKNOWN"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("update app_user set disabled_at = now() where tenant_id = $1", "ACCOUNT_DISABLED"),
        ("update identity set state = 'REVOKED' where tenant_id = $1", "LOGIN_ENDED"),
        ("update identity set state = 'QUARANTINED' where tenant_id = $1", "ACCOUNT_QUARANTINED"),
        ("update provider set enabled = false where tenant_id = $1", "PROVIDER_DISABLED"),
    ],
)
async def test_a_code_is_refused_when_its_login_has_ended_meanwhile(world: World, statement: str, code: str) -> None:
    one_time, verifier = await code_and_verifier(world)
    await world.execute(statement, world.tenant.id)
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(code=one_time, code_verifier=verifier))
    assert refused.value.code == code
    assert await world.count("session") == 0
