"""authentik: an issuer with a path and a slash at its end, groups with the scope profile, refresh tokens by their scope."""

from collections.abc import Collection

import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Claims, Habits, standard
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio


def about(person: Person, scopes: Collection[str]) -> Claims:
    groups = {"groups": list(person.groups), "nickname": person.username} if "profile" in scopes else {}
    return {**standard(person, scopes), **groups, "email_verified": False}


HABITS = Habits(
    origin="https://auth.acme.example",
    issuer="/application/o/identity-api/",
    paths={
        "authorize": "/application/o/authorize/",
        "token": "/application/o/token/",
        "userinfo": "/application/o/userinfo/",
        "jwks": "/application/o/identity-api/jwks/",
        "end-session": "/application/o/identity-api/end-session/",
    },
    methods=("client_secret_post", "client_secret_basic"),
    id_token=about,
    userinfo=about,
)


async def test_the_guide_leads_to_a_login_with_groups_that_follow_and_a_sign_out(office: Follow) -> None:
    acme = await office("authentik", HABITS)
    acme.vendor.set_groups("alice", ["engineering"])
    assert acme.provider.issuer.endswith("/application/o/identity-api/")
    assert await acme.self_test() == []
    browser = await acme.signed_in()
    assert await acme.username(browser) == "alice"
    assert (await acme.me(browser))["permissions"] == ["docs:read", "docs:write"]

    acme.vendor.set_groups("alice", ["support"])
    await acme.sync(browser)
    assert (await acme.me(browser))["permissions"] == []

    visited = await acme.sign_out(browser)
    assert visited[0].startswith(f"{acme.vendor.origin}/application/o/identity-api/end-session/?")
    assert visited[1].startswith(f"{acme.origin}/auth/logout/return?")
