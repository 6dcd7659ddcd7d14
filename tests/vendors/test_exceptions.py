"""Providers that cannot do what they should: what the guide says of them, at providers that behave like that."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.openid_provider.imitation import Habits
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio

POOL, OLD = 2, 3
"""Which declarations of the page show the settings."""
PATHS = {name: f"/{name}" for name in ("authorize", "token", "userinfo", "jwks", "end-session")}
SCOPES = {"openid", "profile", "email"}


def habits(slug: str, **others: object) -> Habits:
    return Habits(origin=f"https://{slug}.acme.example", paths=PATHS, scopes=SCOPES, **others)


async def test_a_sign_out_that_wants_logout_uri_comes_back(office: Follow) -> None:
    """Found in use: AWS Cognito showed its error page, "Required parameter missing"."""
    acme = await office("README", habits("pool", logout_uri=True), number=POOL)
    visited = await acme.sign_out(await acme.signed_in())
    assert parse_qs(urlsplit(visited[0]).query)["logout_uri"] == [f"{acme.origin}/auth/logout/return"]
    assert visited[1:] == [f"{acme.origin}/auth/logout/return", f"{acme.origin}/login?signed_out=1"]


async def test_a_provider_that_refuses_pkce_and_repeats_no_nonce_signs_in_by_exception(office: Follow) -> None:
    acme = await office("README", habits("old", pkce="REFUSED", nonce="NEVER"), number=OLD)
    assert [(one.status, one.code) for one in await acme.self_test()] == [
        ("warn", "PKCE_OFF"),
        ("warn", "MISSING_NONCE_ACCEPTED"),
    ]
    browser = await acme.signed_in()
    assert (await acme.me(browser))["name"] == "Alice Archer"
    assert all("code_verifier" not in form for form in acme.vendor.asked("token"))


async def test_without_the_exception_the_self_test_names_it_and_not_the_secret(office: Follow) -> None:
    """Found in use: "the client secret is wrong", which it was not."""
    acme = await office("README", habits("pool", pkce="REFUSED"), number=POOL)
    first, *_ = await acme.self_test()
    assert (first.code, first.expected) == ("PKCE_REFUSED", 'pkce = "OFF"')
    begun = await acme.browser().get("/auth/oidc/pool/login")
    async with httpx.AsyncClient(trust_env=False, verify=False) as browser:
        sent_back = (await browser.get(begun.headers["location"])).headers["location"]
    assert parse_qs(urlsplit(sent_back).query)["error"] == ["invalid_request"]


async def test_without_the_exception_a_missing_nonce_signs_nobody_in(office: Follow) -> None:
    acme = await office("README", habits("pool", nonce="NEVER"), number=POOL)
    assert (await acme.sign_in(acme.browser())).status_code == 400
