"""AD FS: claims only with a form, one refresh token for a login, another issuer for access tokens, one group as a text."""

from collections.abc import Collection
from typing import Any

import pytest

from identity_api.demo.config import Person, Rotation
from tests.openid_provider.imitation import Claims, Habits, nothing
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio


def id_token(person: Person, scopes: Collection[str]) -> Claims:
    group: dict[str, Any] = {"group": list(person.groups)} if person.groups else {}
    if len(person.groups) == 1:
        group = {"group": person.groups[0]}
    rules = {"upn": f"{person.username}@acme.example", "unique_name": person.name, "email": person.email, **group}
    return {**(rules if "allatclaims" in scopes else {}), "apptype": "Confidential", "ver": "1.0"}


HABITS = Habits(
    origin="https://adfs.acme.example",
    issuer="/adfs",
    paths={
        "authorize": "/adfs/oauth2/authorize/",
        "token": "/adfs/oauth2/token/",
        "userinfo": "/adfs/userinfo",
        "jwks": "/adfs/discovery/keys",
        "end-session": "/adfs/oauth2/logout",
    },
    scopes={"openid", "allatclaims", "email", "profile", "user_impersonation", "logon_cert", "aza"},
    refresh_tokens="ALWAYS",
    rotation=Rotation.NONE,
    methods=("client_secret_post", "client_secret_basic", "private_key_jwt"),
    metadata={"access_token_issuer": "http://adfs.acme.example/adfs/services/trust"},
    response_mode="form_post",
    id_token=id_token,
    userinfo=nothing,
    access_token_issuer="http://adfs.acme.example/adfs/services/trust",
)


async def test_the_guide_leads_to_a_login_with_groups_that_follow_and_a_sign_out(office: Follow) -> None:
    acme = await office("adfs", HABITS)
    acme.vendor.set_groups("alice", ["Engineering", "Staff"])
    assert await acme.self_test() == []
    browser = await acme.signed_in()
    assert await acme.username(browser) == "alice@acme.example"
    me = await acme.me(browser)
    assert (me["name"], me["email"]) == ("Alice Archer", "alice@acme.example")
    assert me["permissions"] == ["docs:read", "docs:write"]
    for place in ("authorize", "token"):
        assert acme.vendor.asked(place)[-1]["resource"] == acme.provider.client_id

    acme.vendor.set_groups("alice", ["Staff"])
    await acme.sync(browser)
    me = await acme.me(browser)
    assert (me["groups"], me["permissions"]) == (["Staff"], [])

    visited = await acme.sign_out(browser)
    assert visited[0].startswith(f"{acme.vendor.origin}/adfs/oauth2/logout?")
    assert visited[1].startswith(f"{acme.origin}/auth/logout/return?")


async def test_the_one_refresh_token_of_a_login_is_used_again(office: Follow) -> None:
    acme = await office("adfs", HABITS)
    browser = await acme.signed_in()
    for _ in range(2):
        report = await acme.sync(browser)
        assert report.outcomes == {"ok": 1}
    first, second = [form["refresh_token"] for form in acme.vendor.asked("token") if "refresh_token" in form]
    assert first == second
