"""OneLogin: an issuer with a path, refresh tokens without the scope offline_access, which is an error there."""

from collections.abc import Collection

import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Claims, Habits, standard
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio


def about(person: Person, scopes: Collection[str]) -> Claims:
    return {**standard(person, scopes), **({"groups": list(person.groups)} if "groups" in scopes else {})}


HABITS = Habits(
    origin="https://acme.onelogin.com",
    issuer="/oidc/2",
    paths={
        "authorize": "/oidc/2/auth",
        "token": "/oidc/2/token",
        "userinfo": "/oidc/2/me",
        "jwks": "/oidc/2/certs",
        "end-session": "/oidc/2/logout",
    },
    scopes={"openid", "name", "profile", "groups", "email", "params", "phone"},
    refresh_tokens="ALWAYS",
    id_token=about,
    userinfo=about,
)


async def test_the_guide_leads_to_a_login_with_groups_that_follow_and_a_sign_out(office: Follow) -> None:
    acme = await office("onelogin", HABITS)
    acme.vendor.set_groups("alice", ["engineering"])
    assert await acme.self_test() == []
    browser = await acme.signed_in()
    assert await acme.username(browser) == "alice"
    assert (await acme.me(browser))["permissions"] == ["docs:read", "docs:write"]

    acme.vendor.set_groups("alice", ["support"])
    await acme.sync(browser)
    assert (await acme.me(browser))["permissions"] == []

    visited = await acme.sign_out(browser)
    assert visited[0].startswith(f"{acme.vendor.origin}/oidc/2/logout?")
    assert visited[1].startswith(f"{acme.origin}/auth/logout/return?")
