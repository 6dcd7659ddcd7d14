"""The relying-party modules of the OpenID conformance suite, each a test of its name, through the real routes.

Promises 1, 2, 4, 5, 6, 8, 10 and 11. Basic RP and Form Post RP are the same modules in two response modes. Logout and
third-party-initiated login are in `test_backchannel_modules`, `test_rp_initiated_logout`, `test_frontchannel_logout` and
`test_initiated_login`, the refresh modules in `tests.sync.test_conformance`; `tests.oidc.test_conformance` has the rules
alone. Ours is stricter than the suite in two places: a bad signature and `alg` none are always refused.
"""

import sys
from collections.abc import Mapping
from typing import Any

import pytest

from identity_api.db.providers import ClaimSettings, ClientSettings
from tests.oidc.tokens import ec_key, public, sign
from tests.openid_provider import Fault
from tests.openid_provider.bent import only_basic
from tests.openid_provider.wrapper import Canned
from tests.sync import test_conformance as refresh_modules
from tests.web import (
    test_backchannel_modules,
    test_frontchannel_logout,
    test_initiated_login,
    test_rp_initiated_logout,
)
from tests.web.conformance import FORM_POST, BeginRun, Run, both_modes
from tests.web.site import come_back

ASKS_USERINFO = ClaimSettings(display=("userinfo / name",))


# Basic RP and Form Post RP


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test(begin: BeginRun, mode: dict[str, Any]) -> None:
    run = await begin(claims=ASKS_USERINFO, **mode)
    browser = await run.accepts()
    assert (await browser.get("/v1/me")).json()["name"] == run.idp.people["alice"].name
    assert run.called() == ["/token", "/userinfo"]


@pytest.mark.asyncio
@both_modes
@pytest.mark.parametrize("issuer", [None, "slash"])
async def test_oidcc_client_test_invalid_iss(begin: BeginRun, mode: dict[str, Any], issuer: str | None) -> None:
    run = await begin(**mode)
    if issuer is None:
        await run.refuses("CLAIM_MISMATCH:iss", fault=Fault.WRONG_ISSUER)
    else:
        run.idp.say(iss=f"{run.idp.issuer}/")
        await run.refuses("CLAIM_MISMATCH:iss")


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_missing_sub(begin: BeginRun, mode: dict[str, Any]) -> None:
    await (await begin(**mode)).refuses("MISSING_CLAIM:sub", fault=Fault.NO_SUBJECT)


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_invalid_aud(begin: BeginRun, mode: dict[str, Any]) -> None:
    await (await begin(**mode)).refuses("CLAIM_MISMATCH:aud", fault=Fault.WRONG_AUDIENCE)


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_missing_iat(begin: BeginRun, mode: dict[str, Any]) -> None:
    await (await begin(**mode)).refuses("MISSING_CLAIM:iat", fault=Fault.NO_ISSUED_AT)


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_kid_absent_single_jwks(begin: BeginRun, mode: dict[str, Any]) -> None:
    """A key of another type beside the one that fits does not count."""
    run = await begin(**mode)
    run.idp.rotate_key(keep_old=False)
    run.idp.documents["/jwks"] = lambda found: {"keys": [*found["keys"], public(ec_key(), kid="other")]}
    run.idp.faults.on(Fault.NO_KID)
    await run.accepts()


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_kid_absent_multiple_jwks(begin: BeginRun, mode: dict[str, Any]) -> None:
    """Refusing is one of the two allowed outcomes: trying all keys would let a token choose its key."""
    run = await begin(**mode)
    run.idp.rotate_key()
    await run.refuses("AMBIGUOUS_KEY:kid", fault=Fault.NO_KID)


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_idtoken_sig_rs256(begin: BeginRun, mode: dict[str, Any]) -> None:
    run = await begin(**mode)
    run.announce(id_token_signing_alg_values_supported=["RS256"])
    await run.accepts()


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_idtoken_sig_none(begin: BeginRun, mode: dict[str, Any]) -> None:
    """Stricter than the suite: refused even where the provider announces it."""
    run = await begin(**mode)
    run.announce(id_token_signing_alg_values_supported=["RS256", "none"])
    await run.refuses("ALGORITHM_NOT_ALLOWED:alg", fault=Fault.ALG_NONE)


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_invalid_sig_rs256(begin: BeginRun, mode: dict[str, Any]) -> None:
    """Stricter than the suite, which lets a client rely on TLS."""
    await (await begin(**mode)).refuses("INVALID_SIGNATURE", fault=Fault.BROKEN_SIGNATURE)


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_userinfo_invalid_sub(begin: BeginRun, mode: dict[str, Any]) -> None:
    run = await begin(claims=ASKS_USERINFO, **mode)
    await run.refuses("PERSON_MISMATCH:sub", code="USERINFO_REFUSED", fault=Fault.USERINFO_OTHER_SUBJECT)


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_nonce_invalid(begin: BeginRun, mode: dict[str, Any]) -> None:
    await (await begin(**mode)).refuses("CLAIM_MISMATCH:nonce", fault=Fault.WRONG_NONCE)


@pytest.mark.asyncio
@both_modes
async def test_oidcc_client_test_scope_userinfo_claims(begin: BeginRun, mode: dict[str, Any]) -> None:
    """The claims of `profile` and `email` are asked for by scope and come from UserInfo."""
    everything = ClaimSettings(username=("userinfo / preferred_username",), email=("userinfo / email",))
    run = await begin(claims=everything, scopes=("openid", "profile", "email"), **mode)
    run.idp.say(preferred_username="of-the-id-token", email="of-the-id-token@acme.example")
    browser = await run.accepts()
    alice = run.idp.people["alice"]
    assert (await browser.get("/v1/me")).json()["email"] == alice.email
    names = "select username from app_user where tenant_id = $1"
    assert await run.site.fetchval(names, run.site.tenant.id) == alice.username


# Config RP


@pytest.mark.asyncio
@pytest.mark.parametrize("place", ["/a1", "/b2"])
async def test_oidcc_client_test_discovery_openid_config(begin: BeginRun, place: str) -> None:
    """Every endpoint is elsewhere in every run."""
    run = await begin(claims=ASKS_USERINFO)
    names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}
    run.idp.aliases = {f"{place}/{path}": f"/{path}" for path in names.values()}
    run.announce(**{name: f"{run.idp.issuer}{place}/{path}" for name, path in names.items()})
    for path in ("/token", "/userinfo"):
        run.idp.aliases[path] = "/not-here"
    await run.accepts()


@pytest.mark.asyncio
async def test_oidcc_client_test_discovery_jwks_uri_keys(begin: BeginRun) -> None:
    """The keys are where the metadata says, and nowhere else."""
    run = await begin()
    run.idp.aliases = {"/keys/7": "/jwks", "/jwks": "/not-here"}
    run.announce(jwks_uri=f"{run.idp.issuer}/keys/7")
    await run.accepts()


@pytest.mark.asyncio
@pytest.mark.parametrize("issuer", ["https://other.example", "{}/", "{}x", "{upper}"])
async def test_oidcc_client_test_discovery_issuer_mismatch(begin: BeginRun, issuer: str) -> None:
    """Refused before the browser leaves for anywhere."""
    run = await begin()
    run.announce(issuer=issuer.format(run.idp.issuer, upper=run.idp.issuer.upper()))
    answer = await run.browser().get("/login")
    assert (answer.status_code, "PROVIDER_MISCONFIGURED" in answer.text) == (502, True)
    assert "location" not in answer.headers
    assert run.called() == []


@pytest.mark.asyncio
async def test_oidcc_client_test_signing_key_rotation(begin: BeginRun) -> None:
    """The keys rotate after the first ID Token; the second is accepted."""
    run = await begin()
    await run.accepts()
    run.idp.rotate_key(keep_old=False)
    await run.accepts()
    assert run.fetches_of_keys == 2


@pytest.mark.asyncio
async def test_oidcc_client_test_signing_key_rotation_just_before_signing(begin: BeginRun) -> None:
    run = await begin()
    await run.accepts()
    with run.idp.fault(Fault.KEY_ROTATED_BEFORE_SIGNING, times=1):
        await run.accepts()
    assert run.fetches_of_keys == 2


# Modules outside the profiles


@pytest.mark.asyncio
async def test_oidcc_client_test_form_post_error(begin: BeginRun) -> None:
    """The error is told in our words, and the provider is asked nothing more."""
    run = await begin(**FORM_POST)
    browser = run.browser()
    arrival = await run.leave(browser, None)
    assert arrival.method == "POST"
    run.refused(await come_back(browser, arrival), "PROVIDER_REFUSED")
    assert (await run.reason(), run.called()) == ("access_denied", [])
    await run.accepts()


@pytest.mark.asyncio
async def test_oidcc_client_test_missing_aud(begin: BeginRun) -> None:
    await (await begin()).refuses("MISSING_CLAIM:aud", fault=Fault.NO_AUDIENCE)


@pytest.mark.asyncio
async def test_oidcc_client_test_invalid_sig_es256(begin: BeginRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run, broken = await begin(), True

    def signed(payload: Mapping[str, Any]) -> str:
        token = sign(dict(payload), ec_key(), "ES256", kid="ec")
        head, _, signature = token.rpartition(".")
        return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}" if broken else token

    monkeypatch.setattr(run.idp._provider, "_sign_id_token", signed)
    run.idp.documents["/jwks"] = lambda found: {"keys": [*found["keys"], public(ec_key(), kid="ec")]}
    run.announce(id_token_signing_alg_values_supported=["RS256", "ES256"])
    await run.refuses("INVALID_SIGNATURE")
    broken = False
    await run.accepts()


@pytest.mark.asyncio
async def test_oidcc_client_test_invalid_sig_hs256(begin: BeginRun) -> None:
    """HMAC is never agreed on, with whatever secret and whatever the provider announces."""
    run = await begin()
    run.announce(id_token_signing_alg_values_supported=["RS256", "HS256"])
    await run.refuses("ALGORITHM_NOT_ALLOWED:alg", fault=Fault.HS256_WITH_PUBLIC_KEY)


@pytest.mark.asyncio
async def test_oidcc_client_test_nonce_unless_code_flow(begin: BeginRun) -> None:
    """A nonce is sent in the code flow too, another one each time, of 256 bits."""
    run = await begin()
    locations = [(await run.browser().get("/login")).headers["location"] for _ in range(3)]
    nonces = {location.partition("nonce=")[2].partition("&")[0] for location in locations}
    assert len(nonces) == 3
    assert min(len(nonce) for nonce in nonces) >= 43


@pytest.mark.asyncio
async def test_oidcc_client_test_client_secret_basic(begin: BeginRun) -> None:
    run = await begin(client_authentication="client_secret_basic")
    run.idp.guards["/token"] = only_basic
    await run.accepts()


@pytest.mark.asyncio
async def test_oidcc_client_test_userinfo_bearer_header(begin: BeginRun) -> None:
    run, seen = await begin(claims=ASKS_USERINFO), []

    def note(headers: Mapping[str, str], form: Mapping[str, str]) -> None:
        seen.append((headers["authorization"].partition(" ")[0], dict(form)))

    run.idp.guards["/userinfo"] = note
    await run.accepts()
    assert seen == [("Bearer", {})]


@pytest.mark.asyncio
async def test_oidcc_client_test_invalid_athash(begin: BeginRun) -> None:
    """For implicit and hybrid flows in the suite; here wherever it is sent."""
    await (await begin()).refuses("CLAIM_MISMATCH:at_hash", fault=Fault.WRONG_AT_HASH)


@pytest.mark.asyncio
async def test_oidcc_client_test_missing_athash(begin: BeginRun) -> None:
    """Required in the flows that we do not use, optional in ours (Core 3.1.3.6)."""
    run = await begin()
    run.idp.say(at_hash=None)
    await run.accepts()


@pytest.mark.asyncio
async def test_oidcc_client_test_userinfo_signed(begin: BeginRun) -> None:
    """Verified and used; a stranger's signature, an unsigned token and plain JSON are refused where it was agreed on."""
    run = await begin(claims=ASKS_USERINFO, client_settings=ClientSettings(signed_userinfo=True))
    said = {
        "iss": run.idp.issuer,
        "aud": run.provider.client_id,
        "sub": run.idp.people["alice"].subject,
        "name": "Alice of the signed answer",
    }

    def answers(token: str) -> None:
        run.idp.answers["/userinfo"] = Canned(200, "application/jwt", token.encode())

    good = run.idp.sign(said)
    head, _, signature = good.rpartition(".")
    answers(f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}")
    await run.refuses("INVALID_SIGNATURE", code="USERINFO_REFUSED")
    answers(f"eyJhbGciOiJub25lIn0.{good.split('.')[1]}.")
    await run.refuses("ALGORITHM_NOT_ALLOWED:alg", code="USERINFO_REFUSED")
    del run.idp.answers["/userinfo"]
    await run.refuses("INVALID_USERINFO", code="USERINFO_REFUSED")
    answers(good)
    browser = await run.accepts()
    assert (await browser.get("/v1/me")).json()["name"] == said["name"]


@pytest.mark.asyncio
async def test_oidcc_client_test_aggregated_claims(begin: BeginRun) -> None:
    """Understood to be elsewhere: groups in somebody else's token are nobody's word here, and not an empty list."""
    run = await begin()
    run.idp.say(groups=None, _claim_names={"groups": "s1"}, _claim_sources={"s1": {"JWT": "a.b.c"}})
    await run.accepts()
    assert await completeness(run) == "TRUNCATED"


@pytest.mark.asyncio
async def test_oidcc_client_test_distributed_claims(begin: BeginRun) -> None:
    """Understood to be elsewhere; the address is not called."""
    run = await begin()
    elsewhere = {"s1": {"endpoint": f"{run.idp.issuer}/claims", "access_token": "x"}}
    run.idp.say(groups=None, _claim_names={"groups": "s1"}, _claim_sources=elsewhere)
    await run.accepts()
    assert await completeness(run) == "TRUNCATED"
    assert run.idp.log.count("/claims") == 0


async def completeness(run: Run) -> Any:
    """Of the groups of the last login."""
    query = "select payload->>'groups' from audit_event where tenant_id = $1 and action = 'login.succeeded'"
    return await run.site.fetchval(query, run.site.tenant.id)


MODULES = """
    invalid-iss missing-sub invalid-aud missing-aud missing-iat kid-absent-single-jwks kid-absent-multiple-jwks
    idtoken-sig-rs256 idtoken-sig-none invalid-sig-rs256 invalid-sig-es256 invalid-sig-hs256 userinfo-invalid-sub
    nonce-invalid nonce-unless-code-flow scope-userinfo-claims client-secret-basic userinfo-bearer-header invalid-athash
    missing-athash form-post-error userinfo-signed aggregated-claims distributed-claims discovery-openid-config
    discovery-jwks-uri-keys discovery-issuer-mismatch signing-key-rotation signing-key-rotation-just-before-signing
    refresh-token refresh-token-invalid-issuer refresh-token-invalid-sub
    rp-init-logout rp-init-logout-no-state rp-init-logout-other-state rp-backchannel-rpinitlogout
    rp-backchannel-rpinitlogout-alg-none rp-backchannel-rpinitlogout-no-event rp-backchannel-rpinitlogout-wrong-event
    rp-backchannel-rpinitlogout-with-nonce rp-backchannel-rpinitlogout-wrong-alg rp-backchannel-rpinitlogout-wrong-aud
    rp-backchannel-rpinitlogout-wrong-iss rp-frontchannel-rpinitlogout 3rd-party-init-login
"""
"""Every module of the suite but those of flows and roles that are not ours (`tests.oidc.test_conformance.NOT_OURS`)."""


def test_every_module_has_a_test_of_its_name_through_the_real_routes() -> None:
    files = (
        *(sys.modules[__name__], refresh_modules, test_backchannel_modules, test_rp_initiated_logout),
        *(test_frontchannel_logout, test_initiated_login),
    )
    names = [name.removeprefix("test_").removeprefix("oidcc_client_test_") for file in files for name in vars(file)]
    missing = [module for module in MODULES.split() if not any(is_of(name, module) for name in names)]
    assert missing == []


def is_of(name: str, module: str) -> bool:
    """Named after the module, or after it and another."""
    words = module.replace("-", "_")
    return name == words or name.startswith(f"{words}_and_")
