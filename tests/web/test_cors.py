"""What the script of a frontend's page can read: every answer, of a declared origin; of any other, nothing."""

from typing import Any

import httpx
import pytest

from identity_api.app import build_api
from identity_api.config import load_settings
from tests.web.local_site import PAGE
from tests.web.site import FRONTEND, PUBLIC_URL, Site, make_site, running
from tests.web.test_oauth import bearer

pytestmark = pytest.mark.asyncio

ELSEWHERE = "https://elsewhere.example"
NOBODY = "iab_" + "a" * 43
HEADERS = (
    "authorization, content-type, identity-request, traceparent, tracestate, apollographql-client-name, "
    "graphql-client-name, x-apollo-operation-name"
)
REFUSALS: dict[str, tuple[int, str, str, dict[str, Any]]] = {
    "no session": (401, "GET", "/v1/me", {}),
    "a bad token": (401, "GET", "/v1/me", {"headers": {"authorization": f"Bearer {NOBODY}"}}),
    "a wrong method": (405, "GET", "/v1/auth/token", {}),
    "a query by GET without a token": (405, "GET", "/graphql?query={viewer{user{id}}}", {}),
    "no such address": (404, "GET", "/v1/nothing", {}),
    "a large body": (413, "POST", "/graphql", {"content": b"x" * 70_000}),
    "a wrong type": (415, "POST", "/graphql", {"content": b"x", "headers": {"content-type": "text/plain"}}),
    "no such code": (400, "POST", "/v1/auth/token", {"json": {"code": "x", "code_verifier": "y"}}),
    "sign-out to nowhere": (400, "POST", "/auth/logout", {"json": {"return_to": "https://evil.example/"}}),
    "introspection": (401, "POST", "/v1/introspect", {}),
    "too large a head": (431, "GET", "/v1/me", {"headers": {"x-large": "x" * 40_000}}),
}


def sent(origin: str, options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "headers": {**options.get("headers", {}), "origin": origin}}


def may_read(answer: httpx.Response) -> bool:
    return answer.headers.get("access-control-allow-origin") in (FRONTEND, "*")


@pytest.mark.parametrize("refusal", sorted(REFUSALS))
async def test_a_declared_page_reads_every_refusal_and_another_none(site: Site, refusal: str) -> None:
    status, method, path, options = REFUSALS[refusal]
    client = site.client()
    assert (await client.get("/v1/me", headers={"origin": FRONTEND})).status_code == 401, "the page has asked before"
    answer = await client.request(method, path, **sent(FRONTEND, options))
    assert (answer.status_code, may_read(answer)) == (status, True), answer.text
    other = await client.request(method, path, **sent(ELSEWHERE, options))
    told = 403 if refusal == "no such code" else status  # it exchanges no code at all
    assert (other.status_code, "access-control-allow-origin" in other.headers) == (told, False)


async def test_too_many_requests_can_be_read(site: Site) -> None:
    client = site.client(headers={"origin": FRONTEND, "authorization": f"Bearer {NOBODY}"})
    while (answer := await client.get("/v1/me")).status_code == 401:
        pass
    assert (answer.status_code, may_read(answer)) == (429, True)
    assert "retry-after" in answer.headers["access-control-expose-headers"]


async def test_that_the_database_is_down_can_be_read_by_a_page_that_asked_before(
    site: Site, environ: dict[str, str]
) -> None:
    app = build_api(load_settings(environ))
    async with running(app):
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=site.origin)
        assert may_read(await client.get("/v1/me", headers={"origin": FRONTEND}))
        database = app._deps.database
        await database.close()
        database._url = "postgresql://app@127.0.0.1:9/identity"
        app._deps.tenancy._by_host._held.clear()
        answer = await client.get("/v1/me", headers={"origin": FRONTEND})
        assert (answer.status_code, may_read(answer)) == (503, True)
        other = await client.get("/v1/me", headers={"origin": ELSEWHERE})
        assert (other.status_code, "access-control-allow-origin" in other.headers) == (503, False)


async def test_a_page_that_forgot_the_header_is_told_so(site: Site) -> None:
    client = await site.signed_in()
    asked = {"query": "{ viewer { user { id } } }"}
    forgot = await client.post("/graphql", json=asked, headers={"origin": FRONTEND})
    assert (forgot.status_code, forgot.json()["code"], may_read(forgot)) == (403, "ORIGIN_REFUSED", True)
    assert "Identity-Request: 1" in forgot.json()["message"]
    right = await client.post("/graphql", json=asked, headers={"origin": FRONTEND, "identity-request": "1"})
    assert (right.status_code, may_read(right)) == (200, True)
    other = await client.post("/graphql", json=asked, headers={"origin": ELSEWHERE})
    assert (other.status_code, "access-control-allow-origin" in other.headers) == (403, False)


async def test_a_page_of_another_tenant_reads_nothing_of_a_session_even_at_the_shared_host(
    site: Site,
) -> None:
    """Its origin is known to the installation, and not to the session's tenant."""
    second = await make_site(site.app, site.database, site.vault, site.idp)
    client = site.client(base_url=PUBLIC_URL, headers={"authorization": f"Bearer {await bearer(site)}"})
    foreign = "https://app.second.example"
    await second.execute("update frontend set origins = $1 where tenant_id = $2", [foreign], second.tenant.id)
    assert may_read(await client.get("/v1/me", headers={"origin": FRONTEND}))
    answer = await client.get("/v1/me", headers={"origin": foreign})
    assert "access-control-allow-origin" not in answer.headers


async def test_our_own_pages_are_for_our_own_origin(site: Site) -> None:
    client, token = await site.signed_in(), {"authorization": f"Bearer {await bearer(site)}"}
    for method, path in (("GET", "/account"), ("GET", "/account/version"), ("POST", "/account/second-factor")):
        answer = await client.request(method, path, headers={"origin": FRONTEND})
        assert (answer.status_code, "ORIGIN_REFUSED" in answer.text, may_read(answer)) == (403, True, False), path
        own = await client.request(method, path, headers={"origin": site.origin})
        assert "ORIGIN_REFUSED" not in own.text, path
        asked = {"origin": FRONTEND, "access-control-request-method": method}
        assert (await site.client().options(path, headers=asked)).status_code == 403, path
        by_token = await site.client().request(method, path, headers={**token, "origin": FRONTEND})
        assert not may_read(by_token), path


async def test_the_cookie_is_for_frontends_that_are_delivered_one(site: Site) -> None:
    client = await site.signed_in()
    headers = {"origin": FRONTEND}
    deliveries = await site.fetchval("select deliveries from frontend where tenant_id = $1", site.tenant.id)
    assert "cookie" in deliveries
    token = await bearer(site)
    assert (await client.get("/v1/me", headers=headers)).status_code == 200
    await site.execute("update frontend set deliveries = '{code}' where tenant_id = $1", site.tenant.id)
    site.app._deps.origins._with_cookie._held.clear()
    refused = await client.get("/v1/me", headers=headers)
    assert (refused.status_code, refused.json()["code"], may_read(refused)) == (403, "ORIGIN_REFUSED", True)
    assert "delivery cookie" in refused.json()["message"]
    by_token = await site.client().get("/v1/me", headers={**headers, "authorization": f"Bearer {token}"})
    assert (by_token.status_code, may_read(by_token)) == (200, True)


async def test_the_headers_that_clients_send_are_allowed_to_declared_origins(site: Site) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": HEADERS}
    answer = await site.client().options("/graphql", headers={**asked, "origin": FRONTEND})
    allowed = set(answer.headers["access-control-allow-headers"].split(", "))
    assert (answer.status_code, set(HEADERS.split(", ")) - allowed) == (204, set())
    other = await site.client().options("/graphql", headers={**asked, "origin": ELSEWHERE})
    assert (other.status_code, "access-control-allow-origin" in other.headers) == (403, False)


async def test_where_a_browser_is_sent_is_read_by_no_script(site: Site) -> None:
    """Answers there hold one-time codes."""
    client = site.client(headers={"origin": FRONTEND})
    for path in (
        "/v1/auth/authorize?client_id=app&response_type=code",
        "/v1/auth/oidc/callback?state=x&code=y",
        "/login",
    ):
        assert not may_read(await client.get(path)), path
    assert may_read(await client.get("/v1/me"))


# Queries by GET


async def test_a_query_by_get_is_answered_with_a_bearer_token(site: Site) -> None:
    client = site.client(headers={"authorization": f"Bearer {await bearer(site)}", "origin": FRONTEND})
    query = "query Me($yes: Boolean!) { viewer { user { id @include(if: $yes) } } }"
    asked = {"query": query, "variables": '{"yes": true}', "operationName": "Me"}
    answer = await client.get("/graphql", params=asked)
    assert (answer.status_code, may_read(answer)) == (200, True)
    assert answer.json()["data"]["viewer"]["user"]["id"]
    assert answer.headers["cache-control"] == "no-store"
    broken = await client.get("/graphql", params=asked | {"variables": "{"})
    assert (broken.status_code, broken.json()["code"]) == (400, "BAD_INPUT")


async def test_a_mutation_by_get_is_refused_and_nothing_has_happened(site: Site) -> None:
    client = site.client(headers={"authorization": f"Bearer {await bearer(site)}"})
    ending = 'mutation End { disableUser(input: {id: "x"}) { __typename } }'
    for asked in (
        {"query": ending},
        {"query": f"query Me {{ viewer {{ __typename }} }} {ending}", "operationName": "End"},
    ):
        answer = await client.get("/graphql", params=asked)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert await site.events("access.refused") == 0, "nobody looked at the mutation"


async def test_a_cookie_never_answers_a_query_by_get(site: Site) -> None:
    client = await site.signed_in()
    asked = {"query": "{ viewer { user { id } } }"}
    for headers in ({}, {"origin": FRONTEND, "identity-request": "1"}, PAGE):
        answer = await client.get("/graphql", params=asked, headers=headers)
        assert answer.status_code == 405, headers
    both = await client.get("/graphql", params=asked, headers={"authorization": f"Bearer {await bearer(site)}"})
    assert (both.status_code, both.json()["code"]) == (400, "CREDENTIALS_AMBIGUOUS")
