"""Login CSRF, mix-up, replay and stolen handles or codes: each attack next to the same steps taken honestly (I4)."""

import asyncio

import pytest

from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import BrowserRequest, CallbackRequest, LoginResult, Redemption
from identity_api.sessions.login.finish import finish
from identity_api.sessions.login.launch import launch
from identity_api.sessions.token import redeem
from tests.openid_provider import RunningProvider
from tests.sessions.browsers import (
    CALLBACK,
    FRONTEND_URL,
    ORIGIN,
    OTHER_CALLBACK,
    Browser,
    World,
    add_provider,
    parameters_of,
)

pytestmark = pytest.mark.asyncio


async def test_an_attackers_callback_url_does_nothing_in_the_victims_browser(world: World) -> None:
    """Named; bad input 22. The attacker's login survives it, so that nobody can be locked out this way either."""
    attacker, victim = Browser(world.deps), Browser(world.deps)
    arrival = await world.idp.sign_in(await attacker.go_to_provider(await world.begin()), "bob")
    await victim.go_to_provider(await world.begin())  # the victim has a login of their own under way
    with pytest.raises(LoginFailed) as refused:
        await victim.arrive(arrival)
    assert (refused.value.code, refused.value.status) == ("BROWSER_MISMATCH", 400)
    assert victim.session is None
    assert await world.count("session") == 0
    assert not world.idp.log.find("/token")
    [event] = await world.events("login.failed")
    assert event["code"] == "BROWSER_MISMATCH"
    assert (await attacker.arrive(arrival)).kind == "SESSION"


async def test_a_binding_cookie_of_another_login_is_not_enough(world: World) -> None:
    browser, stranger = Browser(world.deps), Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    await stranger.go_to_provider(await world.begin())
    [value] = stranger.cookies("id.acme.example").values()
    [name] = browser.cookies("id.acme.example")
    stranger.jar["id.acme.example"] = {name: value}
    with pytest.raises(LoginFailed) as refused:
        await stranger.arrive(arrival)
    assert refused.value.code == "BROWSER_MISMATCH"
    assert (await browser.arrive(arrival)).kind == "SESSION"


async def test_a_plain_cookie_planted_by_a_neighbour_domain_counts_for_nothing(world: World) -> None:
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    cookies = browser.cookies("id.acme.example")
    [(name, value)] = cookies.items()
    planted = Browser(world.deps, {"id.acme.example": {name.removeprefix("__Host-"): value}})
    with pytest.raises(LoginFailed) as refused:
        await planted.arrive(arrival)
    assert refused.value.code == "BROWSER_MISMATCH"


async def test_an_attackers_handle_in_the_victims_browser_signs_the_victim_in_as_the_victim(world: World) -> None:
    """Named. The login ends where it was launched; the attacker's handle is used up and worth nothing."""
    victim, attacker = Browser(world.deps), Browser(world.deps)
    prepared = await world.begin()
    finished = await victim.follow_through(prepared, world.idp, "alice")
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    assert who.user.username == "alice"
    with pytest.raises(LoginFailed) as refused:
        await attacker.launch(prepared.launch_url)
    assert refused.value.code == "LOGIN_USED"


async def test_a_code_from_an_attackers_handle_is_of_no_use_to_either(world: World) -> None:
    """The victim's frontend has no verifier for it, and the attacker's verifier never meets the code."""
    victim = Browser(world.deps)
    attackers = new_code_verifier()
    prepared = await world.begin(return_to=FRONTEND_URL, delivery="code", client_challenge=code_challenge(attackers))
    finished = await victim.follow_through(prepared, world.idp, "alice")
    code = parameters_of(finished.location)["code"]
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(code=code, code_verifier=new_code_verifier()))
    assert refused.value.code == "CODE_REFUSED"
    assert await world.count("session") == 0


async def test_the_second_handle_of_an_attacker_cannot_end_in_the_victims_session(world: World) -> None:
    """Over two hosts: bound at the session's host in one browser, at the callback's host in another."""
    await world.change_provider(redirect_url=OTHER_CALLBACK)
    attacker, victim = Browser(world.deps), Browser(world.deps)
    hop = await attacker.launch((await world.begin()).launch_url)
    url = (await victim.launch(hop.location)).location
    waiting = await victim.arrive(await world.idp.sign_in(url, "alice"))
    with pytest.raises(LoginFailed) as refused:
        await victim.complete(waiting.location)
    assert refused.value.code == "BROWSER_MISMATCH"
    assert await world.count("session") == 0


async def test_an_attackers_complete_url_does_nothing_in_the_victims_browser(world: World) -> None:
    await world.change_provider(redirect_url=OTHER_CALLBACK)
    attacker, victim = Browser(world.deps), Browser(world.deps)
    url = await attacker.go_to_provider(await world.begin())
    waiting = await attacker.arrive(await world.idp.sign_in(url, "bob"))
    with pytest.raises(LoginFailed) as refused:
        await victim.complete(waiting.location)
    assert refused.value.code == "BROWSER_MISMATCH"
    assert (await attacker.complete(waiting.location)).kind == "SESSION"
    with pytest.raises(LoginFailed) as refused:
        await attacker.complete(waiting.location)
    assert refused.value.code in ("LOGIN_USED", "BROWSER_MISMATCH")


async def test_fifty_parallel_replays_of_a_callback_make_one_session(world: World) -> None:
    """Named; promise 6: one wins, one code exchange reaches the provider."""
    browser = Browser(world.deps)
    sent = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    arrival = CallbackRequest(
        host="id.acme.example",
        path="/auth/oidc/sso/callback",
        pairs=list(sent.parameters.items()),
        cookies=dict(browser.cookies("id.acme.example")),
    )
    outcomes = await asyncio.gather(*[finish(world.deps, arrival) for _ in range(50)], return_exceptions=True)
    won = [one for one in outcomes if isinstance(one, LoginResult)]
    lost = [one.code for one in outcomes if isinstance(one, LoginFailed)]
    assert (len(won), len(lost), set(lost)) == (1, 49, {"LOGIN_USED"})
    assert await world.count("session") == 1
    assert len(world.idp.log.find("/token")) == 1


async def test_of_parallel_launches_with_one_handle_one_wins(world: World) -> None:
    prepared = await world.begin()
    request = BrowserRequest(host="id.acme.example")
    tries = [launch(world.deps, prepared.handle, request) for _ in range(20)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in outcomes) == 1
    assert {one.code for one in outcomes if isinstance(one, LoginFailed)} == {"LOGIN_USED"}


async def test_a_state_of_provider_a_is_refused_at_provider_bs_callback(
    world: World, other_idp: RunningProvider
) -> None:
    """Named; bad input 23, mix-up. The code never reaches the wrong token endpoint."""
    second = f"{ORIGIN}/auth/oidc/second/callback"
    await add_provider(world.deps, world.tenant.id, other_idp, slug="second", redirect_url=second)
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin(provider_slug="sso")), "alice")
    with pytest.raises(LoginFailed) as refused:
        await browser.callback(second, list(arrival.parameters.items()))
    assert refused.value.code == "CALLBACK_MISPLACED"
    assert not other_idp.log.find("/token")
    assert not world.idp.log.find("/token")
    assert (await browser.arrive(arrival)).kind == "SESSION"


async def test_a_code_of_another_provider_at_our_callback_is_refused_by_its_issuer(
    world: World, other_idp: RunningProvider
) -> None:
    """RFC 9207 section 2.4: the attacker's provider answers with its own `iss`."""
    browser = Browser(world.deps)
    mine = parameters_of(await browser.go_to_provider(await world.begin()))
    foreign = [("code", "code-of-the-other"), ("state", mine["state"]), ("iss", other_idp.issuer)]
    with pytest.raises(LoginFailed) as refused:
        await browser.callback(CALLBACK, foreign)
    assert refused.value.code == "ISSUER_MISMATCH"
    assert not world.idp.log.find("/token")


async def test_a_code_injected_from_another_login_fails_at_the_verifier(world: World) -> None:
    """RFC 9700 section 4.5: the stolen code belongs to another attempt's challenge."""
    thief, victim = Browser(world.deps), Browser(world.deps)
    stolen = await world.idp.sign_in(await victim.go_to_provider(await world.begin()), "alice")
    own = parameters_of(await thief.go_to_provider(await world.begin()))
    pairs = [("code", stolen.parameters["code"]), ("state", own["state"]), ("iss", world.idp.issuer)]
    with pytest.raises(LoginFailed) as refused:
        await thief.callback(CALLBACK, pairs)
    assert refused.value.code == "EXCHANGE_REFUSED"
    assert await world.count("session") == 0


async def test_a_session_cookie_set_beforehand_is_never_taken_over(world: World) -> None:
    """Promise 9: session fixation. The new token is another, and the session behind the old one is over."""
    attacker = await world.sign_in("bob")
    fixed = attacker.set_cookies[0].value
    victim = Browser(world.deps, {"id.acme.example": {"__Host-session": fixed}})
    finished = await world.sign_in("alice", victim)
    assert finished.set_cookies[0].value != fixed
    assert await world.who(fixed) is None
    who = await world.who(finished.set_cookies[0].value)
    assert who is not None
    assert who.user.username == "alice"


async def test_a_stolen_code_ends_the_session_made_from_it(world: World) -> None:
    verifier = new_code_verifier()
    finished = await world.sign_in(return_to=FRONTEND_URL, delivery="code", client_challenge=code_challenge(verifier))
    code = parameters_of(finished.location)["code"]
    bearer = await redeem(world.deps, Redemption(code=code, code_verifier=verifier))
    assert await world.who(bearer.access_token) is not None
    with pytest.raises(LoginFailed) as refused:
        await redeem(world.deps, Redemption(code=code, code_verifier=new_code_verifier()))
    assert refused.value.code == "LOGIN_USED"
    assert await world.who(bearer.access_token) is None
    [ended] = [event for event in await world.events("session.ended") if event["reason"] == "code_reused"]
    assert ended


async def test_of_parallel_redemptions_at_most_one_token_comes_and_none_survives(world: World) -> None:
    verifier = new_code_verifier()
    finished = await world.sign_in(return_to=FRONTEND_URL, delivery="code", client_challenge=code_challenge(verifier))
    redemption = Redemption(code=parameters_of(finished.location)["code"], code_verifier=verifier)
    tries = [redeem(world.deps, redemption) for _ in range(10)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    tokens = [one for one in outcomes if not isinstance(one, BaseException)]
    assert len(tokens) == 1
    assert await world.who(tokens[0].access_token) is None
