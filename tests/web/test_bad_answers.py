"""A provider that answers wrongly or not at all while a login ends: bad inputs 28, 29, 30, 32 and 34, promises 2, 4 and 10."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from joserfc import jwe

from identity_api.db.providers import ClaimSettings
from identity_api.sessions.login import provider_answer
from tests.oidc.tokens import public, rsa_key, sign, unsigned_token
from tests.openid_provider import Fault
from tests.openid_provider.browser import CallbackRequest
from tests.web.conformance import BeginRun
from tests.web.failures import PAGE, come_back_changed, failed, security_events
from tests.web.site import Site


@pytest.mark.asyncio
async def test_bad_input_28_a_code_that_the_provider_does_not_take_fails(site: Site) -> None:
    failed(await come_back_changed(site, code="never-issued"), 400, "EXCHANGE_REFUSED")
    assert site.idp.log.count("/token") == 1
    with site.idp.fault(Fault.INVALID_GRANT):
        failed(await come_back_changed(site), 400, "EXCHANGE_REFUSED")
    assert await security_events(site) == [("EXCHANGE_REFUSED", "TOKEN_REQUEST_REFUSED:invalid_grant")] * 2


async def broken_off(site: Site, client: httpx.AsyncClient, arrival: CallbackRequest, status: int, code: str) -> None:
    """This callback fails, the attempt is used up, and its cookie gone."""
    failed(await client.get(arrival.url, headers=PAGE), status, code)
    used = "select consumed_at is not null and outcome = $2 from login_attempt where tenant_id = $1"
    assert await site.fetchval(used, site.tenant.id, code)
    failed(await client.get(arrival.url, headers=PAGE), 400, "LOGIN_USED")


@pytest.mark.asyncio
async def test_bad_input_29_a_token_endpoint_in_trouble_is_told_without_its_words(site: Site) -> None:
    client = site.client()
    arrival = await site.at_provider((await client.get("/login")).headers["location"])
    with site.idp.fault(Fault.ERROR_500):
        await broken_off(site, client, arrival, 502, "PROVIDER_UNAVAILABLE")
    assert (await site.sign_in(client)).status_code == 303


@pytest.mark.asyncio
async def test_bad_input_29_a_token_endpoint_that_is_silent_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_answer, "EXCHANGE_SECONDS", 0.2)
    client = site.client()
    arrival = await site.at_provider((await client.get("/login")).headers["location"])
    with site.idp.hold("/token"):
        await broken_off(site, client, arrival, 504, "PROVIDER_TIMED_OUT")
    assert site.idp.log.count("/token") == 1


def of_another_kind(site: Site, payload: Mapping[str, Any], **header: Any) -> str:
    """The right claims under the provider's own key, with another header."""
    key = site.idp._provider.keys.current
    return sign(dict(payload), key, header.pop("alg", "RS256"), kid=key.kid, **header)


def only_encrypted(site: Site, payload: Mapping[str, Any]) -> str:
    """CVE-2026-29000: claims that nobody signed, in an envelope for a key that is no secret."""
    names = {"alg": "RSA-OAEP-256", "enc": "A256GCM"}
    return jwe.encrypt_compact(names, json.dumps(payload), rsa_key(), algorithms=list(names.values()))


ODD_TOKENS: dict[str, tuple[Callable[[Site, Mapping[str, Any]], str], str]] = {
    "alg none": (lambda site, claims: unsigned_token(dict(claims)), "ALGORITHM_NOT_ALLOWED:alg"),
    "another alg of the same key": (
        lambda site, claims: of_another_kind(site, claims, alg="PS512"),
        "ALGORITHM_NOT_ALLOWED:alg",
    ),
    "encrypted claims": (only_encrypted, "MALFORMED_TOKEN"),
    "an unknown extension": (
        lambda site, claims: of_another_kind(site, claims, crit=["x-admin"], **{"x-admin": True}),
        "MALFORMED_TOKEN:crit",
    ),
    "an extension that changes what is signed": (
        lambda site, claims: of_another_kind(site, claims, crit=["b64"], b64=False),
        "MALFORMED_TOKEN:crit",
    ),
    "an access token's type": (lambda site, claims: of_another_kind(site, claims, typ="at+jwt"), "MALFORMED_TOKEN:typ"),
    "a logout token's type": (
        lambda site, claims: of_another_kind(site, claims, typ="logout+jwt"),
        "MALFORMED_TOKEN:typ",
    ),
    "a key of its own": (
        lambda site, claims: sign(
            dict(claims),
            rsa_key(),
            kid="attackers",
            jwk=public(rsa_key()),
            jku="https://evil.example/keys",
            x5u="https://evil.example/x5",
        ),
        "UNKNOWN_KEY:kid",
    ),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ODD_TOKENS)
async def test_bad_input_30_an_id_token_of_another_making_signs_nobody_in(
    site: Site, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The claims are right; the tests of conformance have HMAC under the public key."""
    make, reason = ODD_TOKENS[name]
    with monkeypatch.context() as patch:
        patch.setattr(site.idp._provider, "_sign_id_token", lambda claims: make(site, claims))
        failed(await come_back_changed(site), 400, "TOKEN_REFUSED")
    assert await security_events(site) == [("TOKEN_REFUSED", reason)]
    assert (await come_back_changed(site)).status_code == 303


@pytest.mark.asyncio
async def test_bad_input_32_a_key_nobody_knows_is_looked_for_once(begin: BeginRun) -> None:
    """Twice the same: one fetch for both, since the first one cools down."""
    run = await begin()
    await run.accepts()
    with run.idp.fault(Fault.UNKNOWN_KID):
        for _ in range(2):
            run.refused(await run.sign_in(), "TOKEN_REFUSED")
            assert await run.reason() == "UNKNOWN_KEY:kid"
    assert run.fetches_of_keys == 2
    await run.accepts()


@pytest.mark.asyncio
async def test_bad_input_32_without_a_key_id_one_fitting_key_is_taken_and_two_are_none(begin: BeginRun) -> None:
    run = await begin()
    run.idp.rotate_key(keep_old=False)
    with run.idp.fault(Fault.NO_KID):
        await run.accepts()
        run.idp.rotate_key()
        run.refused(await run.sign_in(), "TOKEN_REFUSED")
    assert await run.reason() == "AMBIGUOUS_KEY:kid"
    await run.accepts()


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [Fault.USERINFO_OTHER_SUBJECT, Fault.USERINFO_NO_SUBJECT])
async def test_bad_input_34_userinfo_about_somebody_else_signs_nobody_in(site: Site, fault: Fault) -> None:
    await site.add_provider("asking", claims=ClaimSettings(display=("userinfo / name",)))
    client = site.client()
    begun = await client.get("/auth/oidc/asking/login")
    arrival = await site.at_provider(begun.headers["location"])
    with site.idp.fault(fault):
        failed(await client.get(arrival.url, headers=PAGE), 400, "USERINFO_REFUSED")
    [(code, reason)] = await security_events(site)
    assert (code, str(reason).partition(":")[2]) == ("USERINFO_REFUSED", "sub")
