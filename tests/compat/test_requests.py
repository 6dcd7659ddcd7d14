"""What is sent to a provider and expected back from it, parameter by parameter, through the real routes."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.openid_provider import Fault
from tests.web.site import Site, come_back, cookies_set, make_site

pytestmark = pytest.mark.asyncio

PAGE = {"accept": "text/html"}


async def asked(site: Site, client: httpx.AsyncClient, path: str = "/login") -> tuple[str, dict[str, str]]:
    """The endpoint to which a login leads, and the parameters it carries, each of them once."""
    begun = await client.get(path)
    assert begun.status_code == 303, begun.text
    parts = urlsplit(begun.headers["location"])
    parameters = parse_qs(parts.query, strict_parsing=True)
    assert all(len(values) == 1 for values in parameters.values())
    return f"{parts.scheme}://{parts.netloc}{parts.path}", {name: values[0] for name, values in parameters.items()}


async def test_a_login_asks_for_a_code_with_everything_that_binds_it(site: Site) -> None:
    """S0-31, S0-34, S1-03, S1-16, S1-18 to S1-21, S1-25, S4-23, S4-36, S4-40.

    Only the issuer is configured: the endpoint comes from the provider's own document. No token is asked for in the
    front channel, and the provider, which compares the verifier with the challenge, gives its tokens for the code,
    the ID Token for the scope `openid`.
    """
    client = site.client()
    endpoint, sent = await asked(site, client)
    async with httpx.AsyncClient(trust_env=False, verify=False) as plain:
        announced = (await plain.get(site.idp.discovery_url)).json()
    assert endpoint == announced["authorization_endpoint"]
    assert set(sent) == {
        *("client_id", "redirect_uri", "response_type", "scope"),
        *("state", "nonce", "code_challenge", "code_challenge_method"),
    }
    assert (sent["client_id"], sent["redirect_uri"]) == (
        site.provider.client_id,
        f"{site.origin}/auth/oidc/sso/callback",
    )
    assert (sent["response_type"], sent["code_challenge_method"]) == ("code", "S256")
    assert {"openid", "profile", "email"} <= set(sent["scope"].split(" "))
    assert min(len(sent["state"]), len(sent["nonce"])) >= 43
    begun = await client.get("/login")
    arrival = await site.at_provider(begun.headers["location"])
    assert (await come_back(client, arrival)).status_code == 303
    assert site.idp.log.count("/token", grant_type="authorization_code") == 1


async def test_two_logins_share_no_secret(site: Site) -> None:
    """S1-20, S1-21: state and nonce are made for each login."""
    first, second = [(await asked(site, site.client()))[1] for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


@pytest.mark.parametrize("wrong", ["state", "nonce"])
async def test_an_answer_with_another_state_or_nonce_signs_nobody_in(site: Site, wrong: str) -> None:
    """S1-20, S1-21: what was sent is expected back."""
    client = site.client()
    begun = await client.get("/login")
    if wrong == "nonce":
        with site.idp.fault(Fault.WRONG_NONCE):
            answer = await come_back(client, await site.at_provider(begun.headers["location"]))
    else:
        _, other = await asked(site, site.client())
        arrival = await site.at_provider(begun.headers["location"])
        answer = await client.get("/auth/oidc/sso/callback", params={**arrival.parameters, "state": other["state"]})
    assert answer.status_code == 400
    assert not any("session" in name for name in cookies_set(answer))
    assert (await site.sign_in(client)).status_code == 303


@pytest.mark.parametrize("path", ["/login", "/auth/oidc/sso/login"])
async def test_a_name_that_is_known_already_is_handed_to_the_provider(site: Site, path: str) -> None:
    """S1-22, S1-23: whoever knows the name says it; without one nothing is sent."""
    _, hinted = await asked(site, site.client(), f"{path}?login_hint=alice%40acme.example")
    assert hinted["login_hint"] == "alice@acme.example"
    _, plain = await asked(site, site.client(), path)
    assert "login_hint" not in plain


async def test_an_error_at_the_provider_is_named_and_signs_nobody_in(site: Site) -> None:
    """S0-61, S4-60: whoever does not get past the provider comes back with its error or not at all, and never with a session."""
    client = site.client()
    begun = await client.get("/login")
    arrival = await site.at_provider(begun.headers["location"], None)
    assert arrival.parameters["error"] == "access_denied"
    answer = await client.get(arrival.url, headers=PAGE)
    assert answer.status_code == 400
    assert "PROVIDER_REFUSED" in answer.text
    assert (await client.get("/v1/me")).status_code == 401
    [reason] = await reasons(site)
    assert reason == "access_denied"
    assert (await site.sign_in(client)).status_code == 303


MISSING = {
    Fault.NO_SUBJECT: "MISSING_CLAIM:sub",
    Fault.NO_EXPIRY: "MISSING_CLAIM:exp",
    Fault.NO_ID_TOKEN: "MISSING:id_token",
}


@pytest.mark.parametrize("fault", MISSING)
async def test_what_a_provider_left_out_is_named(site: Site, fault: Fault) -> None:
    """S0-36, S0-62, S4-22: an error after the return says which claim is missing, to the tenant's own audit."""
    client = site.client()
    begun = await client.get("/login")
    with site.idp.fault(fault):
        answer = await come_back(client, await site.at_provider(begun.headers["location"]))
    assert answer.status_code == 400
    assert await reasons(site) == [MISSING[fault]]


async def test_a_login_that_cannot_even_start_is_told_apart(site: Site) -> None:
    """S0-60: no redirect to the provider, an error class of its own, and the reason in the audit."""
    await site.add_provider("down", issuer="http://127.0.0.1:9")
    answer = await site.client().get("/auth/oidc/down/login", headers=PAGE)
    assert (answer.status_code, "location" in answer.headers) == (502, False)
    assert "PROVIDER_MISCONFIGURED" in answer.text
    assert (await site.client().get("/auth/oidc/sso/login")).status_code == 303


async def reasons(site: Site) -> list[Any]:
    """Why logins of this tenant failed, the oldest first."""
    found = await site.fetchval(
        "select array_agg(payload::jsonb ->> 'reason' order by id) from audit_event"
        " where tenant_id = $1 and action = 'login.failed'",
        site.tenant.id,
    )
    return found or []


async def test_scopes_and_redirect_url_are_sent_as_they_are_written(site: Site) -> None:
    """S0-35, S0-43, S0-51, S3-15, S4-12, S4-19: further scopes beside the floor, fewer where a provider says so."""
    for slug, scopes, ending in (
        ("more", ("openid", "profile", "email", "roles", "offline_access"), ""),
        ("fewer", ("openid", "email"), "/"),
    ):
        redirect_url = f"{site.origin}/auth/oidc/{slug}/callback{ending}"
        await site.add_provider(slug, scopes=scopes, redirect_url=redirect_url)
        _, sent = await asked(site, site.client(), f"/auth/oidc/{slug}/login")
        assert (sent["scope"].split(" "), sent["redirect_uri"]) == (list(scopes), redirect_url)


@pytest.mark.parametrize("registered", ["", "/"])
@pytest.mark.parametrize("path", ["/auth/oidc/exact/callback", "/login/oidc/exact/callback", "/v1/auth/oidc/callback"])
async def test_a_login_ends_at_the_address_as_it_is_registered_slash_included(
    site: Site, path: str, registered: str
) -> None:
    """S4-19, S4-62: with the slash and without it are two addresses; a code that arrives at the other signs nobody in."""
    await site.add_provider("exact", redirect_url=f"{site.origin}{path}{registered}")
    client, other = site.client(), "" if registered else "/"
    begun = await client.get("/auth/oidc/exact/login")
    arrival = await site.at_provider(begun.headers["location"])
    misplaced = await client.get(f"{path}{other}", params=arrival.parameters, headers=PAGE)
    assert (misplaced.status_code, "CALLBACK_MISPLACED" in misplaced.text) == (400, True)
    assert (await come_back(client, arrival)).status_code == 303
    assert (await client.get("/v1/me")).status_code == 200


async def test_each_domain_leads_to_its_own_tenants_provider(site: Site) -> None:
    """S0-33, S4-07: who is asked is decided by the address that was opened."""
    other = await make_site(site.app, site.database, site.vault, site.idp)
    sent = [(await asked(one, one.client()))[1] for one in (site, other)]
    assert [one["client_id"] for one in sent] == [site.provider.client_id, other.provider.client_id]
    assert [urlsplit(one["redirect_uri"]).hostname for one in sent] == [site.host, other.host]
