"""Logins that end without a session: bad inputs 16, 19 to 27 and 37, promises 7, 8 and 20.

28 to 30, 32 and 34 are in `test_bad_answers`, 31 and 36 in `test_hostile_claims`, 33 and 35 in `test_hostile_provider`.
"""

import httpx
import pytest

from identity_api import limits as rate_limits
from identity_api.web.http import limits
from identity_api.web.http.limits import LOGIN_STARTS
from tests.web.failures import CANARY, PAGE, come_back_changed, failed, security_events
from tests.web.site import FRONTEND, PUBLIC_URL, Site, come_back, cookies_set, fresh_address, make_site

SAID = "select payload->>'said' from audit_event where tenant_id = $1 and action = 'login.failed'"
TRIES = 90
"""More than the limit of 60 a minute: a place comes back every second, also while a slow machine asks."""


@pytest.mark.asyncio
async def test_bad_input_19_a_provider_that_is_not_there_is_not_found(site: Site) -> None:
    """Unknown, disabled, of another protocol, or another tenant's."""
    await site.add_provider("off", enabled=False)
    neighbour = await make_site(site.app, site.database, site.vault, site.idp)
    await neighbour.add_provider("theirs")
    paths = ["/auth/oidc/nothing/login", "/auth/oidc/off/login", "/auth/oauth2/sso/login", "/login?provider=off"]
    paths += ["/auth/oidc/theirs/login", f"/auth/oidc/{neighbour.provider.id}/login", "/login?provider=theirs"]
    for path in paths:
        answer = await site.client().get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "PROVIDER_NOT_FOUND"), path
    assert (await site.client().get("/auth/oidc/sso/login")).status_code == 303


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "https://app.acme.example@evil.example/done",
        "https://app.acme.example/done/../x",
        "/" + "a" * 2_100,
        "/x\r\nset-cookie: a=b",
        "",
    ],
)
async def test_bad_input_20_a_login_leads_nowhere_else(site: Site, target: str) -> None:
    answer = await site.client().get("/login", params={"return_to": target})
    assert (answer.status_code, answer.json()["code"]) == (400, "RETURN_TO_REFUSED")
    assert "location" not in answer.headers
    assert await site.events("login.refused") == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("target", ["/account?tab=sessions", f"{FRONTEND}/done"])
async def test_a_login_leads_where_it_may(site: Site, target: str) -> None:
    client = site.client()
    ended = await site.sign_in(client, path=str(httpx.URL("/login", params={"return_to": target})))
    assert ended.headers["location"] == (target if target.startswith("https") else site.origin + target)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("state", "code"),
    [(None, "CALLBACK_INVALID"), ("st_" + "b" * 43, "STATE_UNKNOWN"), (CANARY, "STATE_UNKNOWN")],
)
async def test_bad_input_21_a_callback_without_a_state_of_ours_fails(site: Site, state: str | None, code: str) -> None:
    failed(await come_back_changed(site, state=state), 400, code)
    assert site.idp.log.count("/token") == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("said", [None, "https://evil.example", "{}/", "{}.evil.example", ""])
async def test_bad_input_24_a_callback_of_another_issuer_fails(site: Site, said: str | None) -> None:
    """Wrong, or missing though announced."""
    answer = await come_back_changed(site, iss=said and said.format(site.idp.issuer))
    failed(answer, 400, "CALLBACK_INVALID" if said == "" else "ISSUER_MISMATCH")
    assert site.idp.log.count("/token") == 0
    assert len(await security_events(site)) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("error", "description", "reason"),
    [
        ("access_denied", CANARY, "access_denied"),
        (CANARY, None, "other"),
        ("server_error", "a" * 6_000, "server_error"),
    ],
)
async def test_bad_input_25_an_error_is_told_without_its_words(
    site: Site, error: str, description: str | None, reason: str
) -> None:
    """The words are for administrators, bounded; the page shows none of them."""
    answer = await come_back_changed(site, code=None, error=error, error_description=description)
    failed(answer, 400, "PROVIDER_REFUSED")
    assert await security_events(site) == [("PROVIDER_REFUSED", reason)]
    said = await site.fetchval(SAID, site.tenant.id)
    assert said.startswith(error)
    assert len(said) <= 600


@pytest.mark.asyncio
async def test_the_providers_own_number_is_for_administrators_and_never_on_the_page(site: Site) -> None:
    """Found in use: AADSTS50105 says what is wrong, and was kept nowhere."""
    words = "AADSTS50105: The signed in user\n is not assigned to a role."
    answer = await come_back_changed(site, code=None, error="access_denied", error_description=words)
    failed(answer, 400, "PROVIDER_REFUSED")
    assert "AADSTS" not in answer.text
    said = await site.fetchval(SAID, site.tenant.id)
    assert said == "access_denied: AADSTS50105: The signed in user is not assigned to a role."


@pytest.mark.asyncio
async def test_bad_input_25_a_description_that_fills_the_address_is_not_read(site: Site) -> None:
    """10 KiB, which is above what an address may have."""
    answer = await come_back_changed(site, code=None, error="access_denied", error_description="a" * 10_240)
    assert answer.status_code in (400, 414)


@pytest.mark.asyncio
@pytest.mark.parametrize("instead", ["id_token", "access_token"])
async def test_bad_input_27_tokens_instead_of_a_code_fail(site: Site, instead: str) -> None:
    """Promise 11: even the provider's own tokens, which are what a login would have ended with."""
    tokens = site.idp.sign({"iss": site.idp.issuer, "sub": "x", "aud": site.provider.client_id})
    failed(await come_back_changed(site, code=None, **{instead: tokens}), 400, "CALLBACK_INVALID")
    failed(await come_back_changed(site, code=None), 400, "CALLBACK_INVALID")
    assert site.idp.log.count("/token") + site.idp.log.count("/userinfo") == 0
    assert await security_events(site) == [("CALLBACK_INVALID", "code")] * 2


@pytest.mark.asyncio
@pytest.mark.parametrize("double", ["code", "state"])
async def test_bad_input_26_a_doubled_parameter_fails(site: Site, double: str) -> None:
    client = site.client()
    begun = await client.get("/login")
    arrival = await site.at_provider(begun.headers["location"])
    pairs = [*arrival.parameters.items(), (double, arrival.parameters[double])]
    failed(await client.get("/auth/oidc/sso/callback", params=pairs, headers=PAGE), 400, "CALLBACK_INVALID")


@pytest.mark.asyncio
async def test_parameters_that_cannot_be_read_fail(site: Site) -> None:
    for query in ("state=%ff&code=x", "&".join(f"p{number}=1" for number in range(60))):
        failed(await site.client().get(f"/auth/oidc/sso/callback?{query}", headers=PAGE), 400, "CALLBACK_INVALID")


@pytest.mark.asyncio
async def test_bad_input_22_an_attackers_callback_signs_nobody_in_elsewhere(site: Site) -> None:
    """Promise 7: the attacker's own login, finished in the victim's browser, and still the attacker's to finish."""
    attacker, victim = site.client(), site.client()
    begun = await attacker.get("/login")
    arrival = await site.at_provider(begun.headers["location"])
    failed(await victim.get(arrival.url, headers=PAGE), 400, "BROWSER_MISMATCH")
    assert (await victim.get("/v1/me")).status_code == 401
    assert (await come_back(attacker, arrival)).status_code == 303


@pytest.mark.asyncio
async def test_bad_input_23_a_callback_at_another_providers_address_fails(site: Site) -> None:
    await site.add_provider("second")
    client = site.client()
    begun = await client.get("/auth/oidc/sso/login")
    arrival = await site.at_provider(begun.headers["location"])
    answer = await client.get("/auth/oidc/second/callback", params=arrival.parameters, headers=PAGE)
    failed(answer, 400, "CALLBACK_MISPLACED")
    assert site.idp.log.count("/token") == 0, "the code went nowhere"


@pytest.mark.asyncio
async def test_bad_input_21_a_callback_counts_once_and_its_cookie_goes(site: Site) -> None:
    client = site.client()
    begun = await client.get("/login")
    (binding,) = [name for name in cookies_set(begun) if "login-" in name]
    value = client.cookies[binding]
    arrival = await site.at_provider(begun.headers["location"])
    assert (await come_back(client, arrival)).status_code == 303
    again = site.client()
    again.cookies.set(binding, value, domain=site.host, path="/")
    failed(await again.get(arrival.url, headers=PAGE), 400, "LOGIN_USED")
    outcome = "select outcome from login_attempt where tenant_id = $1"
    assert await site.fetchval(outcome, site.tenant.id) == "OK", "what comes after the end changes nothing"


@pytest.mark.asyncio
async def test_a_failed_login_clears_its_binding_cookie(site: Site) -> None:
    client = site.client()
    begun = await client.get("/login")
    (binding,) = [name for name in cookies_set(begun) if "login-" in name]
    arrival = await site.at_provider(begun.headers["location"], None)
    answer = await client.get(arrival.url, headers=PAGE)
    failed(answer, 400, "PROVIDER_REFUSED")
    assert "Max-Age=0" in cookies_set(answer)[binding]


@pytest.mark.asyncio
async def test_bad_input_21_a_login_that_took_too_long_fails(site: Site) -> None:
    client = site.client()
    begun = await client.get("/login")
    arrival = await site.at_provider(begun.headers["location"])
    await site.execute("update login_attempt set expires_at = now() where tenant_id = $1", site.tenant.id)
    failed(await client.get(arrival.url, headers=PAGE), 400, "LOGIN_EXPIRED")


@pytest.mark.asyncio
async def test_a_provider_that_does_not_answer_at_all_is_503_at_the_start(site: Site) -> None:
    await site.add_provider("down", issuer="http://127.0.0.1:9")
    answer = await site.client().get("/auth/oidc/down/login", headers=PAGE)
    failed(answer, 502, "PROVIDER_MISCONFIGURED")  # a target nobody allowed is the operator's matter


@pytest.mark.asyncio
async def test_bad_input_37_a_disabled_account_and_a_disabled_provider_get_no_session(site: Site) -> None:
    await site.signed_in("bob")
    await site.execute("update app_user set disabled_at = now() where tenant_id = $1", site.tenant.id)
    client = site.client()
    arrival = await site.at_provider((await client.get("/login")).headers["location"], "bob")
    failed(await client.get(arrival.url, headers=PAGE), 403, "ACCOUNT_DISABLED")
    other = site.client()
    arrival = await site.at_provider((await other.get("/login")).headers["location"], "alice")
    await site.execute("update provider set enabled = false where tenant_id = $1", site.tenant.id)
    failed(await other.get(arrival.url, headers=PAGE), 403, "PROVIDER_DISABLED")


@pytest.mark.asyncio
async def test_a_program_gets_a_failure_as_json(site: Site) -> None:
    answer = await site.client().get("/auth/launch/ha_unknown", headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "HANDLE_UNKNOWN")


@pytest.mark.asyncio
async def test_a_failed_login_on_the_public_host_leads_back_to_its_tenant(site: Site) -> None:
    await site.add_provider("shared", redirect_url=f"{PUBLIC_URL}/auth/oidc/shared/callback")
    client = site.client()
    hop = await client.get("/auth/oidc/shared/login")
    begun = await client.get(hop.headers["location"])
    arrival = await site.at_provider(begun.headers["location"], None)
    answer = await client.get(arrival.url, headers=PAGE)
    assert f'href="{site.origin}/login?choose=1"' in answer.text


# 16: rate limits


@pytest.mark.asyncio
async def test_the_thirty_first_failure_of_a_minute_is_429(site: Site) -> None:
    """Here a minute is an hour: the next place comes back after two minutes instead of two seconds."""
    client = site.client()
    statuses = [(await client.get("/auth/oidc/sso/callback?state=x&code=y")).status_code for _ in range(31)]
    assert statuses == [400] * 30 + [429]
    headers = {"x-forwarded-for": "198.51.100.1", "accept": "application/json"}
    limited = await client.get("/auth/oidc/sso/callback?state=x&code=y", headers=headers)
    assert (limited.status_code, limited.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert 60 <= int(limited.headers["retry-after"]) <= 120
    assert (await site.client().get("/auth/oidc/sso/callback?state=x&code=y")).status_code == 400


@pytest.mark.asyncio
async def test_the_sixty_first_callback_with_one_binding_cookie_is_429(site: Site) -> None:
    """From however many addresses."""
    statuses = []
    for _ in range(TRIES):
        client = site.client(cookies={"__Host-login-0": f"bi_{site.tenant.slug}"})
        statuses.append((await client.get("/auth/oidc/sso/callback?state=x&code=y")).status_code)
    assert statuses[:60] == [400] * 60
    assert 429 in statuses


@pytest.mark.asyncio
async def test_bad_tokens_become_429_and_good_ones_do_not(site: Site) -> None:
    good = {"authorization": f"Bearer {await site.bearer()}"}
    client = site.client()
    bad = {"authorization": "Bearer ias_" + "a" * 43}
    statuses = [(await client.get("/v1/me", headers=bad)).status_code for _ in range(TRIES)]
    assert statuses[:60] == [401] * 60
    assert 429 in statuses
    assert (await client.get("/v1/me", headers=good)).status_code == 200


@pytest.mark.asyncio
async def test_login_starts_become_429(site: Site, redis_url: str) -> None:
    address = fresh_address()
    client = site.client(address=address)
    redis = rate_limits.connect(redis_url)
    limiter, answers = rate_limits.Limiter(redis), []
    for _ in range(20):
        # Places come back meanwhile: each try finds the last one taken just before.
        while (await limiter.hit(f"login:{address}", limit=LOGIN_STARTS, window_seconds=limits.WINDOW_SECONDS)).allowed:
            pass
        answers.append(await client.get("/login"))
    await redis.aclose()
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert int(limited[0].headers["retry-after"]) >= 1
    assert (await site.client().get("/login")).status_code == 303
