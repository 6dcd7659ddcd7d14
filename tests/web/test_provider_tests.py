"""A test login through the real application, and how a person's error page leads an administrator to the reason."""

from urllib.parse import urlsplit

import pytest

from identity_api.db import login_failures
from identity_api.db.provider_tests import Reader, newest
from identity_api.sessions.login.dry_run import begin_test
from tests import factories as make
from tests.openid_provider import Fault
from tests.web.site import Site, come_back, cookies_set

PAGE = {"accept": "text/html"}


@pytest.mark.asyncio
async def test_a_test_login_ends_on_a_page_and_leaves_no_session(site: Site) -> None:
    async with site.database.transaction() as connection:
        admin = await make.make_user(connection, site.tenant.id, password_hash="x")
    url = await begin_test(site.app._deps.login, site.provider, Reader(admin), actor=f"user:{admin}")
    client = site.client()
    begun = await client.get(url)
    assert begun.status_code == 303, begun.text
    ended = await come_back(client, await site.at_provider(begun.headers["location"]))
    assert (ended.status_code, urlsplit(ended.headers["location"]).path) == (303, "/auth/tested")
    assert not any("session" in name for name in cookies_set(ended))
    page = await client.get(ended.headers["location"], headers=PAGE)
    assert page.status_code == 200
    assert "Nobody was signed in" in page.text
    assert (await client.get("/v1/me")).status_code == 401
    async with site.database.reading() as connection:
        found = await newest(connection, site.tenant.id, site.provider.id, admin)
    assert found is not None
    assert found.report is not None


async def failures(site: Site, request_id: str) -> list[login_failures.LoginFailure]:
    async with site.database.reading() as connection:
        return await login_failures.page(connection, site.tenant.id, after=None, first=10, request_id=request_id)


@pytest.mark.asyncio
async def test_the_request_on_the_page_is_found_with_the_exact_reason(site: Site) -> None:
    client = site.client()
    begun = await client.get("/login")
    arrival = await site.at_provider(begun.headers["location"])
    with site.idp.fault(Fault.WRONG_AUDIENCE):
        answer = await client.get(arrival.url, headers=PAGE)
    request_id = answer.headers["x-request-id"]
    assert request_id in answer.text
    assert "aud" not in answer.text.partition("<main>")[2].partition("</main>")[0]
    [found] = await failures(site, request_id)
    assert (found.code, found.reason, found.provider_slug) == ("TOKEN_REFUSED", "CLAIM_MISMATCH:aud", "sso")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "code", "provider"),
    [
        ("/auth/oidc/sso/callback?state=x&code=y", "STATE_UNKNOWN", "sso"),
        ("/auth/oidc/sso/callback?code=y", "CALLBACK_INVALID", "sso"),
        ("/auth/launch/ha_unknown", "HANDLE_UNKNOWN", None),
        ("/auth/complete?code=unknown", "CODE_UNKNOWN", None),
    ],
)
async def test_a_failure_without_an_attempt_is_found_where_the_host_says_whose_it_is(
    site: Site, path: str, code: str, provider: str | None
) -> None:
    answer = await site.client().get(path, headers=PAGE)
    [found] = await failures(site, answer.headers["x-request-id"])
    assert (found.code, found.provider_slug) == (code, provider)
