"""Token, revocation, introspection and metadata as off-the-shelf clients of OAuth 2.0 call them."""

import base64
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client

from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.web.http.limits import BAD_BEARERS
from tests import factories as make
from tests.web.site import FRONTEND, PUBLIC_URL, Site, come_back, make_site
from tests.web.test_machines import service_client

pytestmark = pytest.mark.asyncio

VERIFIER = new_code_verifier()
AUTHORIZE = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": f"{FRONTEND}/done",
    "code_challenge": code_challenge(VERIFIER),
    "code_challenge_method": "S256",
    "state": "own",
}


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


async def signed_in_at_frontend(site: Site, asked: dict[str, str] | None = None, **client: Any) -> str:
    """The address at which a browser ends that began at the authorization endpoint."""
    browser = site.client(**client)
    answer = await browser.get("/v1/auth/authorize", params=asked or AUTHORIZE)
    while answer.headers["location"].startswith(("/", site.origin)):
        answer = await browser.get(answer.headers["location"])
    ended = await come_back(browser, await site.at_provider(answer.headers["location"]))
    assert ended.status_code == 303, ended.text
    return str(ended.headers["location"])


async def exchange(site: Site, code: str, **more: str) -> httpx.Response:
    form = {"grant_type": "authorization_code", "client_id": "app", "code": code, "code_verifier": VERIFIER, **more}
    return await site.client().post("/v1/auth/token", data=form, headers={"origin": FRONTEND})


async def bearer(site: Site) -> str:
    code = query_of(await signed_in_at_frontend(site))["code"]
    return str((await exchange(site, code)).json()["access_token"])


def error(answer: httpx.Response, status: int, error: str, code: str) -> None:
    told = answer.json()
    assert (answer.status_code, told["error"], told["code"]) == (status, error, code), answer.text
    assert answer.headers["content-type"] == "application/json"
    assert told["error_description"].isascii()
    assert told["request_id"] == answer.headers["x-request-id"]


# Authorization (RFC 6749 section 4.1, RFC 9207)


async def test_a_standard_authorization_request_ends_at_the_redirect_uri_with_code_state_and_issuer(site: Site) -> None:
    given = query_of(await signed_in_at_frontend(site))
    assert (given.keys(), given["state"], given["iss"]) == ({"code", "state", "iss"}, "own", site.origin)
    answer = await exchange(site, given["code"], redirect_uri=f"{FRONTEND}/done")
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
    ],
)
async def test_a_faulty_request_of_a_known_client_goes_back_to_it_with_error_and_state(
    site: Site, change: dict[str, str | None], told: str
) -> None:
    asked = {name: value for name, value in (AUTHORIZE | change).items() if value is not None}
    answer = await site.client().get("/v1/auth/authorize", params=asked)
    assert answer.headers["location"].startswith(f"{FRONTEND}/done?")
    given = query_of(answer.headers["location"])
    assert (given["error"], given["state"], given["iss"]) == (told, "own", site.origin)


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": f"{FRONTEND}/done/"},
        {"redirect_uri": "/account"},
        {"client_id": "other"},
        {"client_id": None},
    ],
)
async def test_without_a_known_client_and_address_nobody_is_sent_anywhere(
    site: Site, change: dict[str, str | None]
) -> None:
    asked = {name: value for name, value in (AUTHORIZE | change).items() if value is not None}
    answer = await site.client().get(
        "/v1/auth/authorize", params=asked | {"response_type": "x"}, headers={"accept": "text/html"}
    )
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")


# Token (RFC 6749 section 5.2)


async def test_errors_of_the_token_endpoint_are_those_of_the_standard(site: Site) -> None:
    client = site.client()
    error(await exchange(site, "oc_unknown"), 400, "invalid_grant", "CODE_INVALID")
    error(await client.post("/v1/auth/token", data={"code": "x"}), 400, "invalid_request", "BAD_INPUT")
    refresh = await client.post("/v1/auth/token", data={"grant_type": "refresh_token", "refresh_token": "x"})
    error(refresh, 400, "unsupported_grant_type", "UNSUPPORTED_GRANT_TYPE")
    error(await client.get("/v1/auth/token"), 405, "invalid_request", "METHOD_NOT_ALLOWED")
    error(await client.post("/v1/auth/token", data={"code": "x" * 20_000}), 413, "invalid_request", "BODY_TOO_LARGE")


async def test_a_code_is_for_the_client_and_the_redirect_uri_that_it_was_made_for(site: Site) -> None:
    for wrong in ({"redirect_uri": f"{FRONTEND}/other"}, {"client_id": "other"}):
        code = query_of(await signed_in_at_frontend(site))["code"]
        error(await exchange(site, code, **wrong), 400, "invalid_grant", "CODE_INVALID")
        error(await exchange(site, code), 400, "invalid_grant", "CODE_INVALID")


async def test_junk_codes_from_an_address_are_bounded_and_keep_no_right_code_of_the_same_address_out(
    site: Site,
) -> None:
    client = site.client(address="198.51.100.77")
    junk = {"client_id": "app", "code": "oc_junk", "code_verifier": VERIFIER}
    answers = [(await client.post("/v1/auth/token", data=junk)).status_code for _ in range(BAD_BEARERS + 1)]
    assert answers == [400] * BAD_BEARERS + [429]
    code = query_of(await signed_in_at_frontend(site))["code"]
    right = await client.post("/v1/auth/token", data={**junk, "code": code})
    assert (right.status_code, right.json()["token_type"]) == (200, "Bearer")
    assert (await client.get("/login")).status_code == 303


async def test_a_page_of_no_frontend_exchanges_no_code_and_counts_against_no_visitor(site: Site) -> None:
    client = site.client(address="198.51.100.78")
    code = query_of(await signed_in_at_frontend(site))["code"]
    form = {"client_id": "app", "code": code, "code_verifier": VERIFIER}
    for origin in ("https://evil.example", "null"):
        for _ in range(BAD_BEARERS):
            answer = await client.post("/v1/auth/token", data=form, headers={"origin": origin})
            assert (answer.status_code, answer.json()["code"]) == (403, "ORIGIN_REFUSED")
    junk = await client.post("/v1/auth/token", data={**form, "code": "oc_junk"})
    error(junk, 400, "invalid_grant", "CODE_INVALID")
    assert (await client.post("/v1/auth/token", data=form, headers={"origin": FRONTEND})).status_code == 200


# Revocation (RFC 7009)


async def revoke(site: Site, **form: str) -> httpx.Response:
    return await site.client().post("/v1/auth/revoke", data=form, headers={"origin": FRONTEND})


async def test_a_revoked_token_is_over_and_revoking_it_again_is_no_error(site: Site) -> None:
    token = await bearer(site)
    headers = {"authorization": f"Bearer {token}"}
    assert (await site.client().get("/v1/me", headers=headers)).status_code == 200
    for _ in range(2):
        answer = await revoke(site, token=token, client_id="app", token_type_hint="access_token")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["access-control-allow-origin"] == FRONTEND
    assert (await site.client().get("/v1/me", headers=headers)).status_code == 401
    assert (await revoke(site, token="iab_made_up")).status_code == 200


async def test_a_token_is_not_revoked_for_another_client_or_at_another_tenants_door(
    site: Site,
) -> None:
    other_site = await make_site(site.app, site.database, site.vault, site.idp)
    token = await bearer(site)
    error(await revoke(site, token=token, client_id="other"), 403, "unauthorized_client", "CLIENT_MISMATCH")
    assert (await revoke(other_site, token=token)).status_code == 200
    assert (await site.client().get("/v1/me", headers={"authorization": f"Bearer {token}"})).status_code == 200


async def api_token(site: Site) -> str:
    await site.signed_in()
    user_id = await site.fetchval("select id from app_user where tenant_id = $1", site.tenant.id)
    async with site.database.transaction() as connection:
        return await make.make_api_token(connection, site.tenant.id, user_id)


async def test_an_api_token_is_not_revoked_and_that_is_said(site: Site) -> None:
    token = await api_token(site)
    error(await revoke(site, token=token), 400, "unsupported_token_type", "UNSUPPORTED_TOKEN_TYPE")
    assert (await site.client().get("/v1/me", headers={"authorization": f"Bearer {token}"})).status_code == 200


async def test_another_tenants_door_does_not_tell_that_an_api_token_exists_and_counts_it(site: Site) -> None:
    other_site = await make_site(site.app, site.database, site.vault, site.idp)
    client, token = other_site.client(), await api_token(site)
    answers = [
        (await client.post("/v1/auth/revoke", data={"token": token})).status_code for _ in range(BAD_BEARERS + 1)
    ]
    assert answers == [200] * BAD_BEARERS + [429]


async def test_a_revocation_without_a_token_is_an_invalid_request(site: Site) -> None:
    error(await site.client().post("/v1/auth/revoke"), 400, "invalid_request", "BAD_INPUT")
    error(await revoke(site, client_id="app"), 400, "invalid_request", "BAD_INPUT")


# Introspection (RFC 7662)


async def test_a_service_client_may_authenticate_in_the_form(site: Site) -> None:
    name, secret = await service_client(site, site.tenant.id)
    client, token = site.client(base_url=PUBLIC_URL), await site.bearer()
    posted = {"client_id": name, "client_secret": secret}
    assert (await client.post("/v1/introspect", data={"token": token, **posted})).json()["active"] is True
    wrong = await client.post("/v1/introspect", data={"token": token, **posted, "client_secret": "wrong"})
    error(wrong, 401, "invalid_client", "UNAUTHENTICATED")
    assert wrong.json()["error_description"].startswith("The service client's name or secret is wrong")
    both = await client.post("/v1/introspect", data={"token": token, **posted}, auth=(name, secret))
    error(both, 400, "invalid_request", "BAD_INPUT")


@pytest.mark.parametrize("way", ["form", "header"])
async def test_a_client_id_that_no_database_can_hold_is_an_unknown_one_and_counted(site: Site, way: str) -> None:
    client = site.client(base_url=PUBLIC_URL, headers={"content-type": "application/x-www-form-urlencoded"})

    async def ask(name: str) -> httpx.Response:
        if way == "form":
            return await client.post("/v1/introspect", content=f"token=x&client_id={name}&client_secret=s")
        basic = base64.b64encode(f"{name}:s".encode()).decode()
        return await client.post("/v1/introspect", content="token=x", headers={"authorization": f"Basic {basic}"})

    error(await ask("nobody"), 401, "invalid_client", "UNAUTHENTICATED")
    for _ in range(BAD_BEARERS - 1):
        error(await ask("a%00b"), 401, "invalid_client", "UNAUTHENTICATED")
    assert (await ask("a%00b")).status_code == 429


async def test_errors_of_introspection_are_those_of_the_standard(site: Site) -> None:
    auth = await service_client(site, site.tenant.id)
    client = site.client(base_url=PUBLIC_URL)
    error(await client.post("/v1/introspect", auth=auth), 400, "invalid_request", "BAD_INPUT")
    without = await client.post("/v1/introspect")
    error(without, 401, "invalid_client", "UNAUTHENTICATED")
    assert without.json()["message"] == "Name and secret of a service client are missing."
    error(await client.post("/v1/introspect", json={}, auth=auth), 415, "invalid_request", "UNSUPPORTED_MEDIA_TYPE")
    unscoped = await service_client(site, site.tenant.id, scopes=())
    told = await client.post("/v1/introspect", data={"token": "x"}, auth=unscoped)
    error(told, 403, "unauthorized_client", "SCOPE_REQUIRED")


# Metadata (RFC 8414)


async def test_the_metadata_names_addresses_that_answer(site: Site) -> None:
    found = (await site.client().get("/.well-known/oauth-authorization-server")).json()
    assert found["issuer"] == site.origin
    endpoints = [value for name, value in found.items() if name.endswith("_endpoint")]
    assert len(endpoints) == 4
    for address in endpoints:
        assert address.startswith(f"{site.origin}/")
        assert (await site.client().post(address)).status_code != 404


async def test_a_tenant_without_a_host_has_its_metadata_in_both_usual_places(site: Site) -> None:
    client, slug = site.client(base_url=PUBLIC_URL), site.tenant.slug
    behind = await client.get(f"/.well-known/oauth-authorization-server/t/{slug}")
    before = await client.get(f"/t/{slug}/.well-known/oauth-authorization-server")
    assert behind.json() == before.json()
    assert behind.json()["issuer"] == f"{PUBLIC_URL}/t/{slug}"
    assert (await client.get("/.well-known/oauth-authorization-server/t/nobody")).status_code == 404
    assert (await client.get("/.well-known/oauth-authorization-server")).status_code == 404
    elsewhere = await site.client().get(f"/.well-known/oauth-authorization-server/t/{slug}")
    assert elsewhere.status_code == 404, "a tenant's own host speaks of no other"


# A client off the shelf


async def test_authlib_signs_in_asks_introspects_and_revokes(site: Site) -> None:
    metadata = (await site.client().get("/.well-known/oauth-authorization-server")).json()
    transport = site.client()._transport
    frontend = AsyncOAuth2Client(
        "app",
        redirect_uri=f"{FRONTEND}/done",
        token_endpoint_auth_method="none",
        code_challenge_method="S256",
        transport=transport,
    )
    address, state = frontend.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER)
    ended = await signed_in_at_frontend(site, query_of(address))
    token = await frontend.fetch_token(
        metadata["token_endpoint"], authorization_response=ended, state=state, code_verifier=VERIFIER
    )
    assert (await frontend.get(f"{site.origin}/v1/me")).json()["tenant"] == site.tenant.slug
    for method in ("client_secret_basic", "client_secret_post"):
        name, secret = await service_client(site, site.tenant.id)
        backend = AsyncOAuth2Client(name, secret, token_endpoint_auth_method=method, transport=transport)
        told = await backend.introspect_token(metadata["introspection_endpoint"], token=token["access_token"])
        assert told.json()["active"] is True, method
    await frontend.revoke_token(metadata["revocation_endpoint"], token=token["access_token"])
    assert (await frontend.get(f"{site.origin}/v1/me")).status_code == 401
