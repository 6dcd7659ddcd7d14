"""Pushed authorization requests, tokens bound by DPoP, and the resource that is named."""

from urllib.parse import parse_qs, urlsplit

import pytest

from identity_api.sessions.errors import LoginFailed
from identity_api.sessions.login.deps import LoginDeps
from tests.openid_provider.agreed import REQUEST_URI, AgreedProvider
from tests.sessions.agreements import CLAIMED_BY_USERINFO, asked, make_agreed, refused, set_secrets, with_own_key
from tests.sessions.browsers import Browser

pytestmark = pytest.mark.asyncio


async def test_promise_12_the_browser_carries_only_client_id_and_request_uri(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    idp.agree(par="required")
    world = await make_agreed(deps, idp, settings={})
    location = await Browser(deps).go_to_provider(await world.begin(login_hint="alice@example.com"))
    query = parse_qs(urlsplit(location).query)
    assert query.keys() == {"client_id", "request_uri"}
    assert query["request_uri"][0].startswith(REQUEST_URI)
    assert (await world.sign_in()).kind == "SESSION"


async def test_promise_12_a_provider_that_requires_it_refuses_a_request_in_the_url(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    world = await make_agreed(deps, idp, settings={})
    browser, prepared = Browser(deps), await world.begin()
    location = await browser.go_to_provider(prepared)
    assert "code_challenge" in location
    idp.agree(par="required")
    with pytest.raises(LoginFailed) as caught:
        await browser.arrive(await idp.sign_in(location, "alice"))
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_REFUSED", "invalid_request")


async def test_promise_12_a_pushed_request_that_expired_is_pushed_once_more(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    idp.agree(par="required", request_lifetime_seconds=0)
    world = await make_agreed(deps, idp, settings={})
    browser = Browser(deps)
    first = await idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    assert first.parameters["error"] == "invalid_request_uri"
    idp.agreement.request_lifetime_seconds = 60
    again = await browser.arrive(first)
    assert again.kind == "AGAIN"
    assert browser.session is None
    finished = await browser.arrive(await idp.sign_in(again.location, "alice"))
    assert finished.kind == "SESSION"
    assert asked(idp, "/par") == [(201, ""), (201, "")]
    with pytest.raises(LoginFailed) as caught:
        await browser.arrive(first)
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_REFUSED", "invalid_request_uri:unknown_state")


async def test_promise_12_a_second_expiry_ends_the_login(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(par="required", request_lifetime_seconds=0)
    world = await make_agreed(deps, idp, settings={})
    browser = Browser(deps)
    first = await idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    again = await browser.arrive(first)
    with pytest.raises(LoginFailed) as caught:
        await browser.arrive(await idp.sign_in(again.location, "alice"))
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_REFUSED", "invalid_request_uri")


async def test_an_expired_request_is_only_pushed_again_in_the_browser_it_began_in(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    idp.agree(par="required", request_lifetime_seconds=0)
    world = await make_agreed(deps, idp, settings={})
    first = await idp.sign_in(await Browser(deps).go_to_provider(await world.begin()), "alice")
    with pytest.raises(LoginFailed) as caught:
        await Browser(deps).arrive(first)
    assert caught.value.code == "BROWSER_MISMATCH"
    assert len(asked(idp, "/par")) == 1


async def test_a_push_that_is_refused_leaves_the_handle_usable(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(par="offered")
    world = await make_agreed(deps, idp, settings={})
    await set_secrets(world, "wrong")
    browser, prepared = Browser(deps), await world.begin()
    with pytest.raises(LoginFailed) as caught:
        await browser.go_to_provider(prepared)
    assert caught.value.code == "PROVIDER_MISCONFIGURED"
    await set_secrets(world, idp.client_secret)
    assert "request_uri" in await browser.go_to_provider(prepared)


async def test_a_push_is_proven_with_our_own_key(deps: LoginDeps, idp: AgreedProvider) -> None:
    world = await with_own_key(deps, idp)
    idp.agreement.par = "required"
    assert (await world.sign_in()).kind == "SESSION"
    assert asked(idp, "/par") == [(201, "")]


# Bound tokens: promise 12


async def test_promise_12_tokens_are_bound_where_that_is_configured(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True)
    world = await make_agreed(deps, idp, settings={"dpop": True}, claims=CLAIMED_BY_USERINFO)
    assert (await world.sign_in()).kind == "SESSION"
    assert asked(idp, "/token") == [(200, "")]
    assert asked(idp, "/userinfo") == [(200, "")]


async def test_promise_12_nothing_is_bound_where_that_is_not_configured(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True)
    world = await make_agreed(deps, idp, settings={})
    assert (await refused(world))[0] == "EXCHANGE_REFUSED"
    assert asked(idp, "/token") == [(400, "the proof: KeyError")]


async def test_tokens_that_come_unbound_although_we_proved_a_key_are_refused(
    deps: LoginDeps, idp: AgreedProvider
) -> None:
    world = await make_agreed(deps, idp, settings={"dpop": True})
    assert await refused(world) == ("PROVIDER_MISCONFIGURED", "INVALID_TOKEN_RESPONSE:token_type")


async def test_promise_12_a_nonce_is_taken_up_once_and_then_remembered(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True, nonce="n1")
    world = await make_agreed(deps, idp, settings={"dpop": True}, claims=CLAIMED_BY_USERINFO)
    assert (await world.sign_in()).kind == "SESSION"
    assert asked(idp, "/token") == [(400, "another nonce"), (200, "")]
    assert asked(idp, "/userinfo") == [(200, "")]
    idp.asked.clear()
    assert (await world.sign_in("bob")).kind == "SESSION"
    assert asked(idp, "/token") == [(200, "")]


async def test_promise_12_a_second_challenge_ends_the_login(deps: LoginDeps, idp: AgreedProvider) -> None:
    idp.agree(dpop=True, nonce="n1", is_fickle=True)
    world = await make_agreed(deps, idp, settings={"dpop": True})
    assert await refused(world) == ("EXCHANGE_REFUSED", "TOKEN_REQUEST_REFUSED:use_dpop_nonce")
    assert asked(idp, "/token") == [(400, "another nonce")] * 2


async def test_the_resource_is_named_in_both_requests(deps: LoginDeps, idp: AgreedProvider) -> None:
    """RFC 8707, only where it is configured (promise 12)."""
    resource = "https://api.example.com/"
    idp.agree(par="offered")
    world = await make_agreed(deps, idp, settings={}, authorization_parameters={"resource": resource})
    assert (await world.sign_in()).kind == "SESSION"
    assert [form.get("resource") for form in idp.forms] == [resource]
    assert [form["resource"] for form, _ in list(idp.pushed.values())[-1:]] == [resource]
    plain = await make_agreed(deps, idp, settings={})
    idp.forms.clear()
    assert (await plain.sign_in()).kind == "SESSION"
    assert "resource" not in idp.forms[0]
