"""Mix-up: a provider that lies about where it leads, beside an honest one (promise 8; RFC 9207; RFC 9700 section 4.4).

Each trace ends with what the providers' own logs saw: the honest provider's code never reaches the attacker's token
endpoint. `sso` is the honest one (`world.idp`), `second` is the attacker's (`other_idp`).
"""

from typing import Any
from urllib.parse import urlencode

import pytest

from identity_api.ids import uuid7
from identity_api.sessions.errors import LoginFailed
from tests.openid_provider import Client, Fault, RunningProvider
from tests.openid_provider.browser import CallbackRequest
from tests.openid_provider.log import digest
from tests.sessions.browsers import CALLBACK, ORIGIN, Browser, World, add_provider, make_world, parameters_of

pytestmark = pytest.mark.asyncio
SECOND = f"{ORIGIN}/auth/oidc/second/callback"


async def attacker_joins(world: World, idp: RunningProvider, redirect_url: str, **settings: Any) -> None:
    """The attacker's provider, which announces no `iss`: plain OAuth 2.0, its endpoints its own."""
    plain = {"protocol": "oauth2", "endpoints": endpoints_of(idp), **settings}
    await add_provider(world.deps, world.tenant.id, idp, slug="second", redirect_url=redirect_url, **plain)


def endpoints_of(idp: RunningProvider) -> dict[str, str]:
    paths = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
    return {name: f"{idp.issuer}/{path}" for name, path in paths.items()}


async def led_astray(world: World, browser: Browser) -> CallbackRequest:
    """The victim begins at the attacker's provider, which sends them on to the honest one under our own client's name."""
    asked = parameters_of(await browser.go_to_provider(await world.begin(provider_slug="second")))
    forwarded = {
        "response_type": "code",
        "client_id": world.provider.client_id,
        "redirect_uri": world.provider.redirect_url,
        "scope": "openid profile email",
        "state": asked["state"],
        "nonce": "chosen-by-the-attacker",
        "code_challenge": asked["code_challenge"],
        "code_challenge_method": "S256",
    }
    return await world.idp.sign_in(f"{world.idp.issuer}/authorize?{urlencode(forwarded)}", "alice")


async def refused(browser: Browser, arrival: CallbackRequest, **changes: str | None) -> LoginFailed:
    pairs = [(name, value) for name, value in {**arrival.parameters, **changes}.items() if value is not None]
    with pytest.raises(LoginFailed) as caught:
        await browser.callback(arrival.url.partition("?")[0], pairs)
    assert browser.session is None
    return caught.value


def presented(idp: RunningProvider, code: str) -> int:
    """How often a provider's token endpoint was shown this code."""
    return sum(one.presented == digest(code) for one in idp.log.find("/token"))


def nobody_was_asked(*idps: RunningProvider) -> None:
    assert [one for idp in idps for one in idp.log.find("/token")] == []


async def test_trace_1_the_code_arrives_at_the_honest_providers_own_address(
    world: World, other_idp: RunningProvider
) -> None:
    """Promise 8: every provider has its own redirect URL, and the state belongs to the other one's."""
    await attacker_joins(world, other_idp, SECOND)
    browser = Browser(world.deps)
    assert (await refused(browser, await led_astray(world, browser))).code == "CALLBACK_MISPLACED"
    nobody_was_asked(world.idp, other_idp)
    assert (await world.sign_in(browser=browser, provider_slug="sso")).kind == "SESSION"


async def test_trace_2_at_a_shared_address_the_issuer_tells_them_apart(
    world: World, other_idp: RunningProvider
) -> None:
    """Promise 8, bad input 24: `iss` is compared wherever it is, though the provider of this login never announced it."""
    await attacker_joins(world, other_idp, CALLBACK)
    browser = Browser(world.deps)
    arrival = await led_astray(world, browser)
    assert arrival.parameters["iss"] == world.idp.issuer
    assert (await refused(browser, arrival)).code == "ISSUER_MISMATCH"
    nobody_was_asked(world.idp, other_idp)
    assert (await world.sign_in(browser=browser, provider_slug="sso")).kind == "SESSION"


async def test_trace_3_an_error_of_the_one_does_not_end_as_the_others(world: World, other_idp: RunningProvider) -> None:
    """Promise 8: `iss` is judged before anything else is believed, errors included (RFC 9207 section 2.4)."""
    await attacker_joins(world, other_idp, CALLBACK)
    browser = Browser(world.deps)
    arrival = await led_astray(world, browser)
    assert (await refused(browser, arrival, code=None, error="access_denied")).code == "ISSUER_MISMATCH"
    nobody_was_asked(world.idp, other_idp)


@pytest.mark.parametrize("said", [None, "", "https://evil.example", "{issuer}/", "{issuer}.", "{ISSUER}", "{other}"])
async def test_trace_4_an_announced_issuer_that_is_missing_or_another(
    world: World, other_idp: RunningProvider, said: str | None
) -> None:
    """Promise 8, bad input 24: stripped, emptied or spelled otherwise on the way; the unchanged answer is accepted."""
    spelled = said and said.format(issuer=world.idp.issuer, ISSUER=world.idp.issuer.upper(), other=other_idp.issuer)
    browser = Browser(world.deps)
    arrival = await world.idp.sign_in(await browser.go_to_provider(await world.begin()), "alice")
    failure = await refused(browser, arrival, iss=spelled)
    assert failure.code in ("ISSUER_MISMATCH", "CALLBACK_INVALID")
    nobody_was_asked(world.idp, other_idp)
    assert (await world.sign_in(browser=browser)).kind == "SESSION"


async def test_trace_5_the_attackers_code_under_the_honest_issuers_name(
    world: World, other_idp: RunningProvider
) -> None:
    """Promise 8: a forged `iss` brings the attacker's own code to the honest provider, which does not know it."""
    await attacker_joins(world, other_idp, SECOND)
    browser = Browser(world.deps)
    asked = parameters_of(await browser.go_to_provider(await world.begin(provider_slug="sso")))
    forged = [("code", "attackers-code"), ("state", asked["state"]), ("iss", world.idp.issuer)]
    with pytest.raises(LoginFailed) as caught:
        await browser.callback(CALLBACK, forged)
    assert caught.value.code == "EXCHANGE_REFUSED"
    assert presented(world.idp, "attackers-code") == 1
    nobody_was_asked(other_idp)
    assert await world.count("session") == 0


async def test_trace_6_a_login_of_another_tenant(
    world: World, idp: RunningProvider, other_idp: RunningProvider
) -> None:
    """Promise 8, I2: the attacker's tenant, at an address shared with the victim's; `iss` tells them apart there too."""
    neighbour = await make_world(world.deps, other_idp)
    browser = Browser(world.deps)
    asked = parameters_of(await browser.go_to_provider(await neighbour.begin()))
    honest = parameters_of(await Browser(world.deps).go_to_provider(await world.begin()))
    code = (
        await idp.sign_in(f"{idp.issuer}/authorize?{urlencode({**honest, 'state': asked['state']})}", "alice")
    ).parameters
    with pytest.raises(LoginFailed) as caught:
        await browser.callback(CALLBACK, list(code.items()))
    assert caught.value.code == "ISSUER_MISMATCH"
    nobody_was_asked(idp, other_idp)
    assert await world.count("session") == await neighbour.count("session") == 0
    assert (await neighbour.sign_in()).kind == "SESSION"


async def test_at_a_shared_address_a_code_without_an_issuer_is_shown_to_nobody(
    world: World, other_idp: RunningProvider
) -> None:
    """Promise 8. Neither our client secret nor PKCE helps there: the attacker began a login of their own at the honest
    provider and sends the victim on with its challenge and nonce, so that the victim's code would complete it.
    """
    await world.change_provider(protocol="oauth2", endpoints=endpoints_of(world.idp))
    await attacker_joins(world, other_idp, CALLBACK)
    attacker, victim = Browser(world.deps), Browser(world.deps)
    own = parameters_of(await attacker.go_to_provider(await world.begin(provider_slug="sso")))
    asked = parameters_of(await victim.go_to_provider(await world.begin(provider_slug="second")))
    stolen = f"{world.idp.issuer}/authorize?{urlencode({**own, 'state': asked['state']})}"
    with world.idp.fault(Fault.NO_ISS_PARAMETER):
        arrival = await world.idp.sign_in(stolen, "alice")
    failure = await refused(victim, arrival)
    assert (failure.code, failure.reason) == ("ISSUER_MISMATCH", "shared_redirect_url")
    nobody_was_asked(world.idp, other_idp)


@pytest.mark.parametrize("how", ["distinct address", "same place of the same provider", "the other is disabled"])
async def test_where_no_other_provider_can_be_meant_a_code_needs_no_issuer(
    world: World, other_idp: RunningProvider, how: str
) -> None:
    """Promise 8, the other side: most providers send no `iss`, and each has its own redirect URL."""
    origin = f"https://{uuid7().hex}.acme.example"
    address = f"{origin}/callback"
    client = Client(client_id=uuid7().hex, redirect_uris=(address,), client_secret=world.idp.client_secret)
    world.idp.register(client)
    await world.change_provider(
        protocol="oauth2",
        endpoints=endpoints_of(world.idp),
        client_id=client.client_id,
        redirect_url=address,
    )
    joining = {
        "distinct address": (other_idp, SECOND, True),
        "same place of the same provider": (world.idp, address, True),
        "the other is disabled": (other_idp, f"{address}?a=b", False),
    }
    idp, redirect_url, enabled = joining[how]
    await attacker_joins(world, idp, redirect_url, issuer=world.idp.issuer, enabled=enabled)
    with world.idp.fault(Fault.NO_ISS_PARAMETER):
        assert (await world.sign_in(provider_slug="sso", session_origin=origin)).kind == "SESSION"
    if how == "the other is disabled":
        await world.execute("update provider set enabled = true where tenant_id = $1", world.tenant.id)
        with world.idp.fault(Fault.NO_ISS_PARAMETER), pytest.raises(LoginFailed) as caught:
            await world.sign_in(provider_slug="sso", session_origin=origin)
        assert caught.value.reason == "shared_redirect_url"
