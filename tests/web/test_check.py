"""`/v1/check`, which a proxy asks whether a request may pass: with that request's method, host and credential."""

from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from tests import factories as make
from tests.web.site import FRONTEND, PUBLIC_URL, Site

pytestmark = pytest.mark.asyncio

GUARDED = "https://documents.example"
"""What the proxy guards; no tenant has this host."""


class Caller:
    """Somebody with a bearer token, who may `docs:read`."""

    def __init__(self, site: Site, user_id: UUID, token: str) -> None:
        self.site, self.user_id, self.token = site, user_id, token

    async def check(
        self, query: str = "", *, method: str = "GET", host: str = GUARDED, tenant: str | None = None
    ) -> httpx.Response:
        path = f"/t/{tenant or self.site.tenant.slug}/v1/check{query}"
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return await self.site.client(base_url=host).request(method, path, headers=headers)


@pytest_asyncio.fixture
async def caller(site: Site) -> Caller:
    async with site.database.transaction() as connection:
        user_id = await make.make_holder(connection, site.tenant.id, "docs:read")
        _, token = await make.make_session(connection, site.tenant.id, user_id, kind="BEARER")
    return Caller(site, user_id, token)


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert "identity-user" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_token_of_the_tenant_passes_with_every_method_and_at_every_host(caller: Caller, method: str) -> None:
    for host in (GUARDED, PUBLIC_URL, caller.site.origin):
        passed = await caller.check(method=method, host=host)
        assert passed.status_code == 200, passed.text
        told = passed.headers["identity-user"], passed.headers["identity-tenant"]
        assert told == (str(caller.user_id), caller.site.tenant.slug)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_is_not_signed_in_does_not_pass(caller: Caller, method: str) -> None:
    good = caller.token
    for caller.token in ("", f"{good}x"):
        answer = await caller.check(method=method)
        refused(answer, 401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_a_session_that_is_over_does_not_pass(caller: Caller) -> None:
    assert (await caller.check()).status_code == 200
    await caller.site.client().post("/auth/logout", headers={"authorization": f"Bearer {caller.token}"})
    refused(await caller.check(), 401, "UNAUTHENTICATED")


async def test_a_permission_that_is_named_must_be_held(caller: Caller) -> None:
    assert (await caller.check("?permission=docs:read")).status_code == 200
    answer = await caller.check("?permission=docs:write")
    refused(answer, 403, "FORBIDDEN")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    refused(await caller.check("?permission="), 403, "FORBIDDEN")
    refused(await caller.check("?permission=docs:read&permission=docs:read"), 400, "PARAMETERS_INVALID")
    refused(await caller.check("?permision=docs:write"), 400, "PARAMETERS_INVALID")


async def test_another_tenants_token_does_not_pass(caller: Caller) -> None:
    async with caller.site.database.transaction() as connection:
        other = await make.make_tenant(connection)
    for host in (GUARDED, PUBLIC_URL, caller.site.origin):
        refused(await caller.check(tenant=other.slug, host=host), 401, "UNAUTHENTICATED")
        refused(await caller.check(tenant="nobody", host=host), 404, "NOT_FOUND")


async def test_an_address_without_the_tenant_is_for_the_tenants_own_host(caller: Caller) -> None:
    for host, status in ((caller.site.origin, 200), (PUBLIC_URL, 404), (GUARDED, 400)):
        client, headers = caller.site.client(base_url=host), {"authorization": f"Bearer {caller.token}"}
        assert (await client.get("/v1/check", headers=headers)).status_code == status


async def test_a_preflight_of_what_is_guarded_is_a_request_like_any_other(caller: Caller) -> None:
    """The proxy asks about it: an answer without a credential could be taken for a yes."""
    asked = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
    for host, origin in ((GUARDED, GUARDED), (GUARDED, FRONTEND), (caller.site.origin, caller.site.origin)):
        client, path = caller.site.client(base_url=host), f"/t/{caller.site.tenant.slug}/v1/check"
        preflight = {**asked, "origin": origin}
        at = path if host == GUARDED else "/v1/check"
        refused(await client.options(at, headers=preflight), 401, "UNAUTHENTICATED")
        passed = await client.options(at, headers={**preflight, "authorization": f"Bearer {caller.token}"})
        assert (passed.status_code, passed.headers["identity-user"]) == (200, str(caller.user_id))


@pytest.mark.parametrize("path", ["/v1/me", "/v1/checks", "/v1/check/x", "/graphql"])
async def test_no_other_address_is_answered_at_any_host(caller: Caller, path: str) -> None:
    client, headers = caller.site.client(base_url=GUARDED), {"authorization": f"Bearer {caller.token}"}
    refused(await client.get(f"/t/{caller.site.tenant.slug}{path}", headers=headers), 400, "INVALID_HOST")


PAGE = {"accept": "text/html", "x-forwarded-uri": "/documents/7?a=1&b=%2F"}


async def test_a_browser_that_opens_a_page_is_sent_to_the_login_page_and_back(caller: Caller) -> None:
    nobody = caller.site.client()
    sent = await nobody.get("/v1/check?sign_in=1", headers=PAGE)
    assert sent.status_code == 303
    assert sent.headers["location"] == f"{caller.site.origin}/login?return_to=%2Fdocuments%2F7%3Fa%3D1%26b%3D%252F"
    signed_in = await caller.site.signed_in("bob")
    assert (await signed_in.get("/v1/check?sign_in=1", headers=PAGE)).status_code == 200
    await signed_in.post("/auth/logout", headers={"origin": caller.site.origin})
    assert (await signed_in.get("/v1/check?sign_in=1", headers=PAGE)).status_code == 303


@pytest.mark.parametrize(
    "wanted", ["//evil.example/", "https://evil.example/", "/\\evil.example", "/%0d%0aset-cookie:a", ""]
)
async def test_the_login_page_leads_back_to_no_other_host(caller: Caller, wanted: str) -> None:
    sent = await caller.site.client().get("/v1/check?sign_in=1", headers={**PAGE, "x-forwarded-uri": wanted})
    assert sent.headers["location"] == f"{caller.site.origin}/login"


@pytest.mark.parametrize(
    ("query", "more"),
    [
        ("", {}),
        ("?sign_in=1", {"accept": "application/json"}),
        ("?sign_in=1", {"x-forwarded-method": "POST"}),
        ("?sign_in=0", {}),
    ],
)
async def test_what_is_no_page_of_a_browser_is_not_sent_anywhere(
    caller: Caller, query: str, more: dict[str, str]
) -> None:
    refused(await caller.site.client().get(f"/v1/check{query}", headers={**PAGE, **more}), 401, "UNAUTHENTICATED")


async def test_a_cookie_passes_with_what_changes_something_from_the_hosts_own_pages_alone(caller: Caller) -> None:
    """As a proxy asks that says the method beside, because it asks with GET."""
    signed_in = await caller.site.signed_in("bob")

    async def status(**headers: str) -> int:
        asked = {"x-forwarded-method": "POST", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return (await signed_in.get("/v1/check", headers=asked)).status_code

    assert await status(origin=caller.site.origin) == 200
    assert await status(origin="https://evil.acme.example") == 403
    assert await status() == 403
    assert await status(x_forwarded_method="GET") == 200
    # Of a proxy that asks with the request's own method, this header is the client's.
    for method in ("POST", "DELETE"):
        asked = await signed_in.request(method, "/v1/check", headers={"x-forwarded-method": "GET"})
        refused(asked, 403, "ORIGIN_REFUSED")
