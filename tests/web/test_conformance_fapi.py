"""Situations of the conformance suite's FAPI client plans that matter to any code-flow client, through the real routes.

Promises 1, 2, 6, 8 and 13; RFC 9207.
"""

from typing import Any

import pytest

from tests.openid_provider import Fault
from tests.web.conformance import BeginRun, both_modes

FAR = 4_102_444_800  # the year 2100


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": 1_700_000_000}, "TOKEN_EXPIRED:exp"),
        ({"exp": None}, "MISSING_CLAIM:exp"),
        ({"iss": None}, "MISSING_CLAIM:iss"),
        ({"aud": None}, "MISSING_CLAIM:aud"),
        ({"nonce": None}, "MISSING_CLAIM:nonce"),
        ({"nonce": "wrong"}, "CLAIM_MISMATCH:nonce"),
    ],
)
async def test_fapi_claims_that_are_wrong_or_missing(begin: BeginRun, changes: dict[str, Any], reason: str) -> None:
    """Expired exp; missing exp, iss, aud and nonce; wrong nonce."""
    run = await begin()
    run.idp.say(**changes)
    await run.refuses(reason)
    run.idp.say()
    await run.accepts()


@pytest.mark.asyncio
async def test_fapi_secondary_untrusted_aud_without_azp(begin: BeginRun) -> None:
    run = await begin()
    both = [run.provider.client_id, "untrusted"]
    for azp, reason in ((None, "MISSING_CLAIM:azp"), ("untrusted", "CLAIM_MISMATCH:azp")):
        run.idp.say(aud=both, azp=azp)
        await run.refuses(reason)
    run.idp.say(aud=both, azp=run.provider.client_id)
    await run.accepts()


@pytest.mark.asyncio
async def test_fapi_null_alg(begin: BeginRun) -> None:
    await (await begin()).refuses("ALGORITHM_NOT_ALLOWED:alg", fault=Fault.ALG_NONE)


@pytest.mark.asyncio
async def test_fapi_alternate_alg(begin: BeginRun) -> None:
    """RS256 by the right key, where only PS256 was announced."""
    run = await begin()
    run.announce(id_token_signing_alg_values_supported=["PS256"])
    await run.refuses("ALGORITHM_NOT_ALLOWED:alg")


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Fault.AUDIENCE_LIST, Fault.ODD_TOKEN_TYPE, Fault.NO_EXPIRES_IN])
async def test_fapi_what_is_odd_and_allowed(begin: BeginRun, fault: Fault) -> None:
    """aud as a list of one, token_type in odd case, no expires_in."""
    run = await begin()
    run.idp.faults.on(fault)
    await run.accepts()


@pytest.mark.asyncio
async def test_fapi_iat_a_week_old(begin: BeginRun) -> None:
    """Either outcome is allowed; what counts here is `exp`."""
    run = await begin()
    run.idp.say(iat=1_700_000_000, exp=FAR)
    await run.accepts()


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Fault.NO_ISS_PARAMETER, Fault.WRONG_ISS_PARAMETER])
@both_modes
async def test_fapi_missing_or_wrong_iss_in_the_authorization_response(
    begin: BeginRun, mode: dict[str, Any], fault: Fault
) -> None:
    """RFC 9207: refused, and no further endpoint is called."""
    run = await begin(**mode)
    assert run.metadata["authorization_response_iss_parameter_supported"] is True
    run.idp.faults.on(fault)
    run.refused(await run.sign_in(), "ISSUER_MISMATCH")
    assert run.called() == []
    run.idp.faults.off(fault)
    await run.accepts()


@pytest.mark.asyncio
@both_modes
async def test_fapi_missing_or_wrong_state(begin: BeginRun, mode: dict[str, Any]) -> None:
    run = await begin(**mode)
    for state, code in (("of-another-login", "STATE_UNKNOWN"), (None, "CALLBACK_INVALID"), ("", "CALLBACK_INVALID")):
        browser = run.browser()
        arrival = await run.leave(browser)
        said = {name: value for name, value in {**arrival.parameters, "state": state}.items() if value is not None}
        address = arrival.url.partition("?")[0]
        answer = await (browser.post(address, data=said) if mode else browser.get(address, params=said))
        run.refused(answer, code)
    assert run.called() == []
    await run.accepts()
