"""GitLab: groups in UserInfo only, no scope offline_access, and refresh tokens without it."""

import time

import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Claims, Habits
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio


def id_token(person: Person, scopes: object) -> Claims:
    return {
        "name": person.name,
        "nickname": person.username,
        "preferred_username": person.username,
        "email": person.email,
        "email_verified": True,
        "groups_direct": [group for group in person.groups if "/" not in group],
    }


def userinfo(person: Person, scopes: object) -> Claims:
    said = {name: value for name, value in id_token(person, scopes).items() if name != "groups_direct"}
    return {**said, "groups": list(person.groups)}


HABITS = Habits(
    origin="https://gitlab.acme.example",
    paths={
        "authorize": "/oauth/authorize",
        "token": "/oauth/token",
        "userinfo": "/oauth/userinfo",
        "jwks": "/oauth/discovery/keys",
    },
    scopes={"api", "read_user", "openid", "profile", "email"},
    refresh_tokens="ALWAYS",
    methods=("client_secret_basic", "client_secret_post"),
    id_token=id_token,
    userinfo=userinfo,
)


async def test_the_guide_leads_to_a_login_with_groups_that_follow_and_a_sign_out(office: Follow) -> None:
    acme = await office("gitlab", HABITS)
    acme.vendor.set_groups("alice", ["acme", "acme/platform"])
    assert await acme.self_test() == []
    browser = await acme.signed_in()
    assert await acme.username(browser) == "alice"
    assert (await acme.me(browser))["permissions"] == ["docs:read", "docs:write"]

    acme.vendor.set_groups("alice", ["acme"])
    await acme.sync(browser)
    me = await acme.me(browser)
    assert (me["groups"], me["permissions"]) == (["acme"], [])

    assert await acme.sign_out(browser) == [f"{acme.origin}/login?signed_out=1"]
    assert (await browser.get("/v1/me")).status_code == 401


async def test_direct_groups_are_in_the_id_token(office: Follow) -> None:
    acme = await office("gitlab", HABITS, more='preset_alternatives = ["direct_groups"]')
    acme.vendor.set_groups("alice", ["acme", "acme/platform"])
    browser = await acme.signed_in()
    assert (await acme.me(browser))["groups"] == ["acme"]
    acme.vendor.set_groups("alice", ["other"])
    await acme.sync(browser)
    assert (await acme.me(browser))["groups"] == ["other"]
    assert "/oauth/userinfo" not in [path for path, _ in acme.vendor.forms]


async def test_a_sign_in_elsewhere_at_gitlab_ends_nothing_here(office: Follow) -> None:
    """`auth_time` is the person's last sign-in at GitLab, whichever browser it was in."""
    acme = await office("gitlab", HABITS)
    acme.vendor.set_groups("alice", ["acme/platform"])
    browser = await acme.signed_in()
    acme.vendor.say(auth_time=int(time.time()) + 5)
    report = await acme.sync(browser)
    assert report.outcomes == {"ok": 1}
    assert (await acme.me(browser))["permissions"] == ["docs:read", "docs:write"]
    again = await acme.signed_in()
    assert (await acme.me(again))["permissions"] == ["docs:read", "docs:write"]


async def test_a_scope_that_gitlab_does_not_know_would_be_refused(office: Follow) -> None:
    """So that the test above shows something: the preset asks for nothing that GitLab does not know."""
    acme = await office("gitlab", HABITS)
    await acme.signed_in()
    [asked] = acme.vendor.asked("authorize")
    assert asked["scope"] == "openid profile email"
