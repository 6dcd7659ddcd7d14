"""Callbacks that end without a session: those that do not fit, and a provider or user that changed meanwhile."""

import asyncio
from typing import Any

import pytest

from identity_api.db.database import Database
from identity_api.db.login_ends import void_attempts
from identity_api.ids import token_hash
from identity_api.providers.consequences import end_moved
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps
from tests.sessions.browsers import (
    CALLBACK,
    Browser,
    World,
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
