"""Two providers at one redirect URL: whose callbacks are believed there (RFC 9207; Form Post Response Mode; promise 8).

`sso` is the honest one, `second` somebody else's. Neither sends `iss`.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from identity_api.db.providers import ClientSettings
from identity_api.sessions.errors import LoginFailed
from tests.openid_provider import Fault, RunningProvider
from tests.openid_provider.bent import BentProvider
from tests.sessions.browsers import CALLBACK, REDIRECT_URIS, Browser, World, make_world, parameters_of
from tests.sessions.conftest import deps_reaching
from tests.sessions.test_mix_up import attacker_joins, endpoints_of, led_astray, nobody_was_asked

pytestmark = pytest.mark.asyncio
POSTED = {"authorization_parameters": {"response_mode": "form_post"}}


@pytest.fixture
def silent(idp: RunningProvider, other_idp: RunningProvider) -> Iterator[None]:
    """No provider says in its callbacks whose they are."""
    with idp.fault(Fault.NO_ISS_PARAMETER), other_idp.fault(Fault.NO_ISS_PARAMETER):
        yield


async def shared(world: World, other_idp: RunningProvider, **settings: Any) -> None:
    """The honest provider announces no `iss` either, and the other one has its redirect URL."""
    await world.change_provider(protocol="oauth2", endpoints=endpoints_of(world.idp), **settings)
    await attacker_joins(world, other_idp, CALLBACK, **settings)


async def refused(browser: Browser, url: str, pairs: dict[str, str], posted_from: str | None) -> LoginFailed:
    with pytest.raises(LoginFailed) as caught:
        await browser.callback(url, list(pairs.items()), posted_from=posted_from)
    assert browser.session is None
    return caught.value


@pytest.mark.usefixtures("silent")
async def test_a_code_that_is_posted_from_its_own_providers_page_is_accepted(
    world: World, other_idp: RunningProvider
) -> None:
    """S4-06: the `Origin` of the form post says whose it is; the other provider's logins arrive there too."""
    await shared(world, other_idp, **POSTED)
    assert (await world.sign_in(provider_slug="sso")).kind == "SESSION"
    victim = Browser(world.deps)
    finished = await victim.follow_through(await world.begin(provider_slug="second"), other_idp, "bob")
    assert finished.kind == "SESSION"


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("origin", ["its own", "null", "http://127.0.0.1:1", "", None])
async def test_a_code_that_is_posted_from_anywhere_else_is_shown_to_nobody(
    world: World, other_idp: RunningProvider, origin: str | None
) -> None:
    """Mix-up: begun at the attacker's, led on to the honest provider, whose page posts the code. Hidden origins prove nothing."""
    await shared(world, other_idp, **POSTED)
    victim = Browser(world.deps)
    arrival = await led_astray(world, victim)
    posted_from = world.idp.issuer if origin == "its own" else origin
    failure = await refused(victim, CALLBACK, arrival.parameters, posted_from)
    reason = "shared_redirect_url" if posted_from is None else "posted_from_elsewhere"
    assert (failure.code, failure.reason) == ("ISSUER_MISMATCH", reason)
    nobody_was_asked(world.idp, other_idp)


@pytest.mark.usefixtures("silent")
async def test_a_provider_that_names_anothers_page_as_its_own_gets_no_code(
    world: World, other_idp: RunningProvider
) -> None:
    """The form comes from the page it names, but its token endpoint is elsewhere."""
    stealing = {**endpoints_of(other_idp), "authorization": endpoints_of(world.idp)["authorization"]}
    await world.change_provider(protocol="oauth2", endpoints=endpoints_of(world.idp))
    own = {"client_id": world.provider.client_id}
    await attacker_joins(world, other_idp, CALLBACK, endpoints=stealing, **own, **POSTED)
    victim = Browser(world.deps)
    arrival = await world.idp.sign_in(await victim.go_to_provider(await world.begin(provider_slug="second")), "alice")
    assert arrival.posted_from == world.idp.issuer
    failure = await refused(victim, CALLBACK, arrival.parameters, arrival.posted_from)
    assert failure.reason == "posted_from_elsewhere"
    nobody_was_asked(world.idp, other_idp)


@pytest.mark.usefixtures("silent")
async def test_the_operators_exception_is_one_providers_and_no_others(world: World, other_idp: RunningProvider) -> None:
    await shared(world, other_idp)
    with pytest.raises(LoginFailed) as caught:
        await world.sign_in(provider_slug="sso")
    assert caught.value.reason == "shared_redirect_url"
    await world.change_provider(client_settings=ClientSettings(accept_without_iss=True))
    assert (await world.sign_in(provider_slug="sso")).kind == "SESSION"
    prepared = await world.begin(provider_slug="second")
    with pytest.raises(LoginFailed) as caught:
        await Browser(world.deps).follow_through(prepared, other_idp, "bob")
    assert caught.value.reason == "shared_redirect_url"


@pytest.mark.parametrize("announces", [True, False])
async def test_where_a_form_post_is_needed_and_offered_it_is_asked_for(
    world: World, other_idp: RunningProvider, announces: bool
) -> None:
    """S4-06: a provider without `iss` shares a redirect URL without any setting; alone, or with `iss`, nothing is asked."""
    with BentProvider(redirect_uris=REDIRECT_URIS) as third:
        if not announces:
            third.announce(authorization_response_iss_parameter_supported=None)
        deps = deps_reaching(world.database, f"127.0.0.1:{third.port}", f"127.0.0.1:{other_idp.port}")
        try:
            neighbour = await make_world(deps, third)
            with (
                third.fault(Fault.NO_ISS_PARAMETER) if not announces else third.fault(Fault.NO_ISSUED_AT, path="/none")
            ):
                browser = Browser(deps)
                asked = parameters_of(await browser.go_to_provider(await neighbour.begin()))
                assert asked.get("response_mode") == (None if announces else "form_post")
                assert (await neighbour.sign_in()).kind == "SESSION"
        finally:
            await deps.documents.aclose()
            await deps.upstream.aclose()


async def test_alone_at_its_address_a_provider_is_asked_for_no_form_post(world: World) -> None:
    browser = Browser(world.deps)
    location = await browser.go_to_provider(await world.begin())
    assert "response_mode" not in parse_qs(urlsplit(location).query)
