"""Who is asking: bad inputs 9-13, promises 14-15 and 38, and which pages may use a session."""

import asyncio
from typing import Any

import httpx
import pytest

from identity_api.ids import token_hash
from tests.web.site import FRONTEND, Site, cookies_set

QUERY = {"query": "{ __typename }"}
COOKIE = "__Host-session"


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


# 9, 10: bearer tokens


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer ias_" + "a" * 43,
        "Bearer " + "a" * 8_000,
        "Bearer ias_\x00" + "a" * 40,
        "Bearer \u00e9" + "a" * 40,
        "Basic YTpi",
        "Digest x",
        "",
    ],
)
async def test_a_bad_authorization_is_401_with_a_challenge(site: Site, authorization: str) -> None:
    answer = await site.client().get("/v1/me", headers=[(b"authorization", authorization.encode("latin-1"))])
    refused(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="identity-api"')


@pytest.mark.asyncio
async def test_a_good_bearer_token_is_believed_and_two_are_not(site: Site) -> None:
    line = ("authorization", f"Bearer {await site.bearer()}")
    assert (await site.client().get("/v1/me", headers=[line])).status_code == 200
    assert (await site.client().get("/v1/me", headers=[("authorization", line[1].replace("B", "b", 1))])).is_success
    refused(await site.client().get("/v1/me", headers=[line, line]), 401, "UNAUTHENTICATED")


@pytest.mark.asyncio
async def test_a_huge_bearer_token_is_431(site: Site) -> None:
    answer = await site.client().get("/v1/me", headers={"authorization": "Bearer " + "a" * 1_048_576})
    refused(answer, 431, "HEADERS_TOO_LARGE")


@pytest.mark.asyncio
async def test_nobody_is_401_without_an_error_in_the_challenge(site: Site) -> None:
    answer = await site.client().get("/v1/me")
    refused(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == 'Bearer realm="identity-api"'


# 11, 12: the session's cookie


@pytest.mark.asyncio
@pytest.mark.parametrize("change", ["truncated", "long", "unknown", "not_utf8", "empty", "quoted"])
async def test_a_bad_session_cookie_is_401_and_cleared(site: Site, change: str) -> None:
    good = (await site.bearer()).encode()
    bad = {
        "truncated": good[:-1],
        "long": good + b"a",
        "unknown": b"ias_" + b"a" * 43,
        "not_utf8": b"\xff\xfe" + good,
        "empty": b"",
        "quoted": b'"' + good + b'"',
    }[change]
    for value, status in ((bad, 401), (good, 200)):
        answer = await site.client().get("/v1/me", headers=[(b"cookie", COOKIE.encode() + b"=" + value)])
        assert answer.status_code == status
        assert ("Max-Age=0" in cookies_set(answer).get(COOKIE, "")) == (status == 401)


ENDINGS = {
    "idle": "update session set seen_at = now() - interval '1 hour 1 second' where token_hash = $1",
    "over": "update session set absolute_until = now() where token_hash = $1",
    "ended": "update session set ended_at = now(), ended_reason = 'test' where token_hash = $1",
    "disabled user": "update app_user set disabled_at = now() where id = (select user_id from session where token_hash = $1)",
    "user's epoch": "update app_user set epoch = epoch + 1 where id = (select user_id from session where token_hash = $1)",
    "tenant's epoch": "update tenant set epoch = epoch + 1 where id = (select tenant_id from session where token_hash = $1)",
    "revoked": "update identity set state = 'REVOKED', state_reason = 'admin'"
    " where id = (select identity_id from session where token_hash = $1)",
    "provider off": "update provider set enabled = false where id ="
    " (select provider_id from identity i join session s on s.identity_id = i.id where s.token_hash = $1)",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_session_that_is_over_is_401_with_the_next_request(site: Site, ending: str) -> None:
    client = await site.signed_in()
    assert (await client.get("/v1/me")).status_code == 200
    await site.execute(ENDINGS[ending], token_hash(client.cookies[COOKIE]))
    answer = await client.get("/v1/me")
    refused(answer, 401, "UNAUTHENTICATED")
    assert "Max-Age=0" in cookies_set(answer)[COOKIE]


@pytest.mark.asyncio
async def test_two_sessions_in_one_request_are_400(site: Site) -> None:
    alice, bob = await site.bearer("alice"), await site.bearer("bob")
    client = site.client()
    refused(
        await client.get("/v1/me", headers={"cookie": f"{COOKIE}={alice}; {COOKIE}={bob}"}),
        400,
        "CREDENTIALS_AMBIGUOUS",
    )
    refused(
        await client.get("/v1/me", headers={"cookie": f"{COOKIE}={alice}", "authorization": f"Bearer {bob}"}),
        400,
        "CREDENTIALS_AMBIGUOUS",
    )
    assert (await client.get("/v1/me", headers={"cookie": f"{COOKIE}={alice}; {COOKIE}={alice}"})).is_success


@pytest.mark.asyncio
async def test_a_planted_plain_cookie_counts_for_nothing_under_https(site: Site) -> None:
    answer = await site.client().get("/v1/me", headers={"cookie": f"session={await site.bearer()}"})
    refused(answer, 401, "UNAUTHENTICATED")


@pytest.mark.asyncio
async def test_using_a_session_is_noted_at_most_once_a_minute(site: Site) -> None:
    client = await site.signed_in()
    of_token = token_hash(client.cookies[COOKIE])
    seen = "select seen_at from session where token_hash = $1"
    begun = await site.fetchval(seen, of_token)
    await client.get("/v1/me")
    assert await site.fetchval(seen, of_token) == begun
    await site.execute("update session set seen_at = now() - interval '61 seconds' where token_hash = $1", of_token)
    await client.get("/v1/me")
    assert await site.fetchval(seen, of_token) > begun


# 13: the page that asks

FOREIGN = ["https://evil.example", "null", "https://app.acme.example.evil.example", "http://app.acme.example", ""]


@pytest.mark.asyncio
@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_foreign_page_may_not_use_the_cookie(site: Site, method: str, origin: str) -> None:
    client = await site.signed_in()
    path = "/v1/me" if method == "GET" else "/auth/logout"
    answer = await client.request(method, path, headers={"origin": origin})
    refused(answer, 403, "ORIGIN_REFUSED")
    assert "access-control-allow-origin" not in answer.headers
    assert await site.events("request.origin_refused") == 1
    accepted = await client.request(method, path, headers={"origin": site.origin})
    assert accepted.status_code == 200


@pytest.mark.asyncio
async def test_a_frontend_of_the_tenant_may_use_the_cookie_and_read_the_answer(site: Site) -> None:
    client = await site.signed_in()
    answer = await client.get("/v1/me", headers={"origin": FRONTEND})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == FRONTEND
    assert answer.headers["access-control-allow-credentials"] == "true"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "https://evil.example", "sec-fetch-site": "same-origin"}, 403),
    ],
)
async def test_a_change_must_say_which_page_it_comes_from(site: Site, headers: dict[str, str], status: int) -> None:
    client = await site.signed_in()
    assert (await client.post("/auth/logout", headers=headers)).status_code == status


@pytest.mark.asyncio
async def test_a_link_from_anywhere_may_be_followed(site: Site) -> None:
    client = await site.signed_in()
    answer = await client.get("/account", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200


@pytest.mark.asyncio
async def test_a_bearer_token_is_believed_whatever_page_sends_it(site: Site) -> None:
    """Its holder meant to send it; but only a frontend's page may read the answer."""
    headers = {"authorization": f"Bearer {await site.bearer()}", "origin": "https://elsewhere.example"}
    answer = await site.client().get("/v1/me", headers=headers)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


# GraphQL


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"identity-request": "1"}, 200),
        ({}, 403),
        ({"identity-request": "2"}, 403),
        ({"identity-request": "1", "origin": "https://evil.example"}, 403),
    ],
)
async def test_graphql_by_cookie_needs_the_header_and_the_page(
    site: Site, headers: dict[str, str], status: int
) -> None:
    client = await site.signed_in()
    answer = await client.post("/graphql", json=QUERY, headers={"origin": site.origin, **headers})
    assert answer.status_code == status, answer.text
    if status == 403:
        refused(answer, 403, "ORIGIN_REFUSED")


@pytest.mark.asyncio
async def test_a_program_that_forgot_a_header_is_told_which(site: Site) -> None:
    client = await site.signed_in()
    no_page = await client.post("/graphql", json=QUERY, headers={"identity-request": "1"})
    assert "Origin is missing" in no_page.json()["message"]
    no_header = await client.post("/graphql", json=QUERY, headers={"origin": site.origin})
    assert "Identity-Request: 1" in no_header.json()["message"]
    both = await client.post("/graphql", json=QUERY, headers={"identity-request": "1", "origin": site.origin})
    assert both.status_code == 200


@pytest.mark.asyncio
async def test_graphql_by_token_needs_neither(site: Site) -> None:
    headers = {"authorization": f"Bearer {await site.bearer()}"}
    answer = await site.client().post("/graphql", json=QUERY, headers=headers)
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.asyncio
async def test_a_session_has_a_budget_of_fields(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 41: aliases count."""
    monkeypatch.setattr("identity_api.app.COST_PER_MINUTE", 30)
    headers = {"authorization": f"Bearer {await site.bearer()}"}
    query = {"query": "{" + " ".join([f"a{number}: __typename" for number in range(20)]) + "}"}
    first = await site.client().post("/graphql", json=query, headers=headers)
    second = await site.client().post("/graphql", json=query, headers=headers)
    assert (first.status_code, second.status_code) == (200, 429)
    assert int(second.headers["retry-after"]) >= 1
    other = {"authorization": f"Bearer {await site.bearer('bob')}"}
    assert (await site.client().post("/graphql", json=query, headers=other)).status_code == 200


@pytest.mark.asyncio
async def test_a_document_of_nobody_is_not_parsed(site: Site) -> None:
    """Bad input 43: the answer to nonsense is the same 401 that the answer to a good document is."""
    for query in ("{ __typename }", "{{{"):
        answer = await site.client().post("/graphql", json={"query": query}, headers={"origin": FRONTEND})
        refused(answer, 401, "UNAUTHENTICATED")
        assert "www-authenticate" in answer.headers
        assert answer.headers["access-control-allow-origin"] == FRONTEND


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/graphql", "/v1/me", "/account", "/login"])
async def test_every_answer_has_the_common_headers(site: Site, path: str) -> None:
    answer = await site.client().get(path, headers={"accept": "text/html"})
    headers: Any = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["referrer-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src 'unsafe-inline'" not in headers["content-security-policy"]
    assert headers["x-request-id"]
    assert headers["cache-control"] == ("no-cache" if path == "/graphql" else "no-store")


@pytest.mark.asyncio
async def test_requests_of_two_people_at_the_same_time_share_nothing(site: Site) -> None:
    """Promise 37: two hundred requests, interleaved; each is answered for its own person."""
    query = {"query": "{ viewer { user { username } } }"}
    tokens = {person: await site.bearer(person) for person in ("alice", "bob")}
    asked = [person for _ in range(100) for person in tokens]
    client = site.client()
    answers = await asyncio.gather(
        *[client.post("/graphql", json=query, headers={"authorization": f"Bearer {tokens[one]}"}) for one in asked]
    )
    assert [answer.json()["data"]["viewer"]["user"]["username"] for answer in answers] == asked
