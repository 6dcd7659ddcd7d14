"""Bad inputs 1-8 and 14-18: what no honest client sends, each beside what one does send."""

import asyncio
import io
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.errors import BadInput
from identity_api.telemetry import configure_logging
from identity_api.web.http.body import BoundedBody
from identity_api.web.http.errors import HTTPRefusal
from identity_api.web.http.forwarded import split_host
from identity_api.web.http.http_application import UNTRUSTED_PROXY
from identity_api.web.http.request_head import check_head
from tests.web.site import FRONTEND, PUBLIC_URL, Site

PROXY = "10.9.0.7"


def problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    is_oauth = "error" in answer.json()  # what clients of OAuth 2.0 ask is told in their words (RFC 6749 section 5.2)
    assert answer.headers["content-type"] == ("application/json" if is_oauth else "application/problem+json")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text


# 1: the host


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["", "a b", "a/b", "a@b", "a..b", "-a", "[::1", "a:0", "a:65536", "a:x", "x" * 300])
async def test_a_malformed_host_is_refused_even_where_no_tenant_is_needed(site: Site, host: str) -> None:
    problem(await site.client().get("/health/live", headers={"host": host}), 400, "INVALID_HOST")


@pytest.mark.asyncio
async def test_a_host_of_nobody_is_refused_and_the_tenants_own_is_not(site: Site) -> None:
    near = site.host.replace(".", "x", 1)
    for host in (near, f"x{site.host}", f"{site.host}.evil.example", f"{site.host}."):
        answer = await site.client().get("/login", headers={"host": host})
        assert answer.status_code == 400, host
        assert answer.json()["code"] == "INVALID_HOST"
    for host in (site.host, site.host.upper(), f"{site.host}:8443"):
        assert (await site.client().get("/login", headers={"host": host})).status_code == 303, host


@pytest.mark.asyncio
async def test_two_hosts_in_one_request_are_refused(site: Site) -> None:
    headers = [("host", site.host), ("host", "evil.example")]
    problem(await site.client().get("/login", headers=headers), 400, "INVALID_HOST")


@pytest.mark.asyncio
async def test_the_public_host_belongs_to_no_tenant_and_says_where_to_go(site: Site) -> None:
    problem(await site.client(base_url=PUBLIC_URL).get("/login"), 404, "TENANT_REQUIRED")
    accepted = await site.client(base_url=PUBLIC_URL).get(f"/t/{site.tenant.slug}/login")
    assert accepted.status_code == 303


@pytest.mark.asyncio
async def test_a_prefix_is_for_the_public_host_and_for_tenants_that_exist(site: Site) -> None:
    own = await site.client().get(f"/t/{site.tenant.slug}/login")
    unknown = await site.client(base_url=PUBLIC_URL).get("/t/nobody/login")
    problem(own, 404, "NOT_FOUND")
    problem(unknown, 404, "NOT_FOUND")


@given(st.text(max_size=40))
def test_any_text_is_a_host_in_lower_case_or_our_error(text: str) -> None:
    try:
        host, authority = split_host(text, "https")
    except BadInput:
        return
    assert authority.startswith(host)
    assert host == host.lower()
    assert not set(host) & set("/@\\ ?#\r\n")


# 2-5: sizes and codings


@pytest.mark.asyncio
async def test_too_large_or_too_many_headers_are_refused(site: Site) -> None:
    problem(await site.client().get("/login", headers={"x-large": "a" * 20_480}), 431, "HEADERS_TOO_LARGE")
    many = [(f"x-{number}", "1") for number in range(200)]
    problem(await site.client().get("/login", headers=many), 431, "HEADERS_TOO_LARGE")
    assert (await site.client().get("/login", headers={"x-large": "a" * 8_000})).status_code == 303


@pytest.mark.asyncio
async def test_an_address_of_more_than_8_kib_is_refused(site: Site) -> None:
    problem(await site.client().get("/health/live?" + "a" * 9_216), 414, "URL_TOO_LONG")
    assert (await site.client().get("/health/live?" + "a" * 8_000)).status_code == 200


@pytest.mark.asyncio
async def test_a_graphql_body_of_more_than_64_kib_is_refused_before_it_is_read(site: Site) -> None:
    token = await site.bearer()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    body = b'{"query": "{ ping }"}'
    large = await site.client().post("/graphql", content=body.ljust(66_560), headers=headers)
    problem(large, 413, "BODY_TOO_LARGE")
    fits = await site.client().post("/graphql", content=body.ljust(65_536), headers=headers)
    assert fits.status_code == 200


@pytest.mark.asyncio
async def test_a_body_that_grows_beyond_its_bound_is_refused_whatever_it_announced(site: Site) -> None:
    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 1_024

    answer = await site.client().post("/v1/auth/token", content=chunks(), headers={"content-type": "application/json"})
    problem(answer, 413, "BODY_TOO_LARGE")


@pytest.mark.asyncio
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "GZIP", "gzip, identity"])
async def test_a_compressed_body_is_refused(site: Site, coding: str) -> None:
    answer = await site.client().post("/v1/auth/token", content=b"x", headers={"content-encoding": coding})
    problem(answer, 415, "CONTENT_CODING_UNSUPPORTED")


@pytest.mark.asyncio
async def test_an_identity_coding_is_none(site: Site) -> None:
    answer = await site.client().post("/v1/auth/token", json={}, headers={"content-encoding": "identity"})
    assert answer.status_code == 400


@pytest.mark.asyncio
async def test_a_body_that_trickles_is_not_waited_for() -> None:
    """Bad input 7."""

    async def receive() -> Any:
        await asyncio.Event().wait()

    body = BoundedBody({"headers": []}, receive, 100, seconds=0.01)
    with pytest.raises(HTTPRefusal) as caught:
        await body.read()
    assert (caught.value.status, caught.value.code) == (408, "BODY_TOO_SLOW")


@pytest.mark.asyncio
async def test_half_a_body_is_none() -> None:
    events = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(events)

    with pytest.raises(HTTPRefusal) as caught:
        await BoundedBody({"headers": []}, receive, 100).read()
    assert (caught.value.status, caught.value.code) == (400, "BODY_INCOMPLETE")


@pytest.mark.asyncio
async def test_a_request_with_two_lengths_is_refused(site: Site) -> None:
    """Bad input 6."""
    headers = {"content-length": "2", "transfer-encoding": "chunked", "content-type": "application/json"}
    answer = await site.client().post("/v1/auth/token", content=b"{}", headers=headers)
    problem(answer, 400, "LENGTH_AMBIGUOUS")


@pytest.mark.asyncio
async def test_a_body_of_the_wrong_type_is_refused(site: Site) -> None:
    answer = await site.client().post("/v1/auth/token", content=b"{}", headers={"content-type": "text/plain"})
    problem(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.asyncio
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff", b'{"tenant_id": 1}', b"[" * 10_000])
async def test_a_broken_json_body_is_told_so(site: Site, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await site.client().post("/v1/auth/oidc/login", content=body, headers=headers)
    problem(answer, 400, "BAD_INPUT")


# 8: methods


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path"),
    [("TRACE", "/login"), ("PUT", "/graphql"), ("DELETE", "/v1/me"), ("POST", "/account"), ("GET", "/auth/logout")],
)
async def test_another_method_is_told_which_ones_there_are(site: Site, method: str, path: str) -> None:
    answer = await site.client().request(method, path)
    problem(answer, 405, "METHOD_NOT_ALLOWED")
    assert method not in answer.headers["allow"]
    assert answer.headers["allow"]


@pytest.mark.asyncio
async def test_head_of_a_page_is_its_head_and_begins_no_login(site: Site) -> None:
    answer = await site.client().head("/login")
    assert (answer.status_code, answer.content) == (200, b"")
    assert await site.fetchval("select count(*) from login_attempt where tenant_id = $1", site.tenant.id) == 0


# 14: forwarded headers


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Forwarded-Uri", "Forwarded", "X-Forwarded-Proto"])
async def test_forwarded_headers_of_strangers_change_nothing(site: Site, name: str) -> None:
    value = {"Forwarded": "host=evil.example;proto=http", "X-Forwarded-Proto": "http"}.get(name, "evil.example")
    begun = await site.client().get("/login", headers={name: value})
    assert begun.status_code == 303
    origin = "select session_origin from login_attempt where tenant_id = $1"
    assert await site.fetchval(origin, site.tenant.id) == site.origin


@pytest.mark.asyncio
async def test_a_trusted_proxy_says_which_host_was_asked(site: Site) -> None:
    internal = {"host": "pod-7.internal", "x-forwarded-host": f"evil.example, {site.host}"}
    assert (await site.client(address=PROXY).get("/login", headers=internal)).status_code == 303
    problem(await site.client(address="10.9.1.7").get("/login", headers=internal), 400, "INVALID_HOST")


@pytest.mark.asyncio
async def test_an_untrusted_private_proxy_is_noticed(site: Site) -> None:
    await site.client(address="10.77.0.1").get("/login", headers={"x-forwarded-for": "198.51.100.7"})
    details = await site.client(address="127.0.0.1").get("/health/ready")
    assert UNTRUSTED_PROXY in details.json()["notices"]


# 15: paths


@pytest.mark.parametrize(
    "path",
    [
        "/auth//login",
        "//login",
        "/auth/%2e%2e/account",
        "/auth/../account",
        "/./login",
        "/login;a=b",
        "/login%00",
        "/login%2f",
        "/login\\x",
        "/log\u00edn",
        "/login%0d%0a",
        "login",
        "",
    ],
)
def test_a_path_that_is_none_of_ours_is_not_found(path: str) -> None:
    def scope(raw: str) -> dict[str, Any]:
        return {"headers": [], "raw_path": raw.encode(), "path": raw, "query_string": b""}

    with pytest.raises(HTTPRefusal) as caught:
        check_head(scope(path) if path else {**scope(path), "raw_path": b" "})
    assert caught.value.status == 404
    check_head(scope("/auth/oidc/a.b-c_1/login"))


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/auth//login", "/auth/%2e%2e/admin", "/login;x", "/login%00", "/nothing", "/t//x"])
async def test_odd_paths_are_not_found_over_http(site: Site, path: str) -> None:
    problem(await site.client().get(path), 404, "NOT_FOUND")


@pytest.mark.asyncio
async def test_a_person_gets_a_page_and_a_program_gets_json(site: Site) -> None:
    page = await site.client().get("/nothing", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-request-id"] in page.text
    api = await site.client().get("/v1/me", headers={"accept": "text/html"})
    assert api.headers["content-type"] == "application/problem+json"


# 17: preflights

PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "identity-request"}


@pytest.mark.asyncio
async def test_a_known_frontend_may_ask_and_read(site: Site) -> None:
    answer = await site.client().options("/graphql", headers={**PREFLIGHT, "origin": FRONTEND})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == FRONTEND
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "identity-request" in answer.headers["access-control-allow-headers"]
    assert "Origin" in answer.headers["vary"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "https://appxacme.example",
        "https://app.acme.example.evil.example",
        "https://app.acme.example:8443",
        "http://app.acme.example",
        "https://APP.acme.example",
        "https://app.acme.example/",
        "https://user@app.acme.example",
        "https://" + "a" * 400,
        "",
    ],
)
async def test_any_other_origin_is_allowed_nothing(site: Site, origin: str) -> None:
    answer = await site.client().options("/graphql", headers={**PREFLIGHT, "origin": origin})
    problem(answer, 403, "ORIGIN_REFUSED")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


# 18: log injection


@pytest.mark.asyncio
async def test_a_line_of_the_log_holds_the_route_and_nothing_that_was_sent(
    site: Site,
) -> None:
    shown = io.StringIO()
    configure_logging(stream=shown)
    try:
        await site.client().get(
            "/auth/launch/ha_canary-handle",
            params={"code": "canary-query"},
            headers={"user-agent": "\x1b[31mcanary-agent"},
        )
    finally:
        configure_logging()
    assert "/auth/launch/{handle}" in shown.getvalue()
    assert "canary" not in shown.getvalue()
    assert "\x1b[31m" not in shown.getvalue()
