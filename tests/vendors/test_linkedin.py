"""LinkedIn: no nonce in ID tokens, PKCE refused as if the client were unknown, and nothing to refresh."""

from collections.abc import Collection

import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Claims, Habits
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio


def about(person: Person, scopes: Collection[str]) -> Claims:
    address = {"email": person.email, "email_verified": "true"} if "email" in scopes else {}
    return {"name": person.name, "given_name": person.name.split()[0], "locale": "en_US", **address}


HABITS = Habits(
    origin="https://www.linkedin.com",
    issuer="/oauth",
    paths={
        "authorize": "/oauth/v2/authorization",
        "token": "/oauth/v2/accessToken",
        "userinfo": "/v2/userinfo",
        "jwks": "/oauth/openid/jwks",
    },
    scopes={"openid", "profile", "email"},
    refresh_tokens="NEVER",
    pkce="UNKNOWN_CLIENT",
    nonce="NEVER",
    id_token=about,
    userinfo=about,
)


async def test_the_guide_leads_to_a_login_a_sync_and_a_sign_out(office: Follow) -> None:
    acme = await office("linkedin", HABITS)
    codes = [one.code for one in await acme.self_test()]
    assert codes == ["PKCE_OFF", "MISSING_NONCE_ACCEPTED"]
    await acme.make_user("alice@acme.example")
    browser = await acme.signed_in()
    me = await acme.me(browser)
    assert (me["name"], me["email"]) == ("Alice Archer", "alice@acme.example")
    report = await acme.sync(browser)
    assert report.outcomes == {"ok": 1}
    assert await acme.sign_out(browser) == [f"{acme.origin}/login?signed_out=1"]


async def test_without_the_exceptions_the_self_test_names_pkce(office: Follow) -> None:
    """So that the lines in the declaration show something, and forgetting them has a name."""
    acme = await office("linkedin", HABITS, without=("pkce", "missing_nonce"))
    assert "PKCE_REFUSED" in [one.code for one in await acme.self_test()]


async def test_a_stranger_does_not_come_in(office: Follow) -> None:
    acme = await office("linkedin", HABITS)
    await acme.make_user("alice@acme.example")
    refused = await acme.sign_in(acme.browser(), "bob")
    assert refused.status_code == 403
