"""Discord: plain OAuth 2.0, people numbered, and a server's roles at an address of their own."""

from collections.abc import Collection

import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Answer, Claims, Habits
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio

NUMBERS = {"alice": "80351110224678912", "bob": "80351110224678913"}
ROLE = "175928847299117063"


def user(person: Person) -> Claims:
    return {"id": NUMBERS[person.username], "username": person.username, "global_name": person.name, "avatar": None}


def profile(person: Person, scopes: Collection[str]) -> Claims:
    return user(person) | ({"email": person.email, "verified": True} if "email" in scopes else {})


def membership(person: Person, scopes: Collection[str]) -> Claims:
    """`groups` of the person are the roles; without one they are no member."""
    return {"user": user(person), "nick": None, "roles": list(person.groups)} if person.groups else {}


def no_member(answer: Answer) -> Answer:
    status, said = answer
    return answer if said or status != 200 else (404, {"message": "Unknown Guild", "code": 10004})


def habits(at: str, **changes: object) -> Habits:
    paths = {"authorize": "/oauth2/authorize", "token": "/api/oauth2/token", "jwks": "/jwks"}
    known: dict[str, object] = {
        "origin": "https://discord.com",
        "paths": {**paths, "userinfo": at},
        "scopes": {"identify", "email", "guilds", "guilds.members.read"},
        "refresh_tokens": "ALWAYS",
        "methods": ("client_secret_post", "client_secret_basic"),
        "plain": True,
    }
    return Habits(**{**known, **changes})


PROFILE = habits("/api/users/@me", userinfo=profile)
MEMBER = habits("/api/users/@me/guilds/197038439483310086/member", userinfo=membership, userinfo_answer=no_member)


async def test_the_guide_leads_to_a_login_by_number_a_sync_and_a_sign_out(office: Follow) -> None:
    acme = await office("discord", PROFILE)
    assert await acme.self_test() == []
    await acme.enter_identity(NUMBERS["alice"])
    browser = await acme.signed_in()
    me = await acme.me(browser)
    assert (me["name"], me["email"]) == ("Alice Archer", "alice@acme.example")
    report = await acme.sync(browser)
    assert report.outcomes == {"ok": 1}
    assert await acme.sign_out(browser) == [f"{acme.origin}/login?signed_out=1"]


async def test_somebody_whom_nobody_entered_does_not_come_in(office: Follow) -> None:
    acme = await office("discord", PROFILE)
    await acme.enter_identity(NUMBERS["alice"])
    refused = await acme.sign_in(acme.browser(), "bob")
    assert refused.status_code == 403


async def test_roles_of_a_server_give_permissions_and_follow(office: Follow) -> None:
    acme = await office("discord", MEMBER, number=1)
    acme.vendor.set_groups("alice", [ROLE])
    assert await acme.self_test() == []
    browser = await acme.signed_in()
    assert await acme.username(browser) == "alice"
    me = await acme.me(browser)
    assert (me["name"], me["groups"], me["permissions"]) == ("Alice Archer", [ROLE], ["docs:read"])
    acme.vendor.set_groups("alice", ["175928847299117064"])
    await acme.sync(browser)
    assert (await acme.me(browser))["permissions"] == []


async def test_somebody_who_leaves_the_server_keeps_permissions_until_they_run_out(office: Follow) -> None:
    """Discord says then that it knows no such membership, which is no word about the login."""
    acme = await office("discord", MEMBER, number=1)
    acme.vendor.set_groups("alice", [ROLE])
    browser = await acme.signed_in()
    acme.vendor.set_groups("alice", [])
    report = await acme.sync(browser)
    assert "ok" not in report.outcomes
    assert (await acme.me(browser))["permissions"] == ["docs:read"]


async def test_somebody_who_is_no_member_of_the_server_does_not_come_in(office: Follow) -> None:
    acme = await office("discord", MEMBER, number=1)
    acme.vendor.set_groups("alice", [ROLE])
    await acme.signed_in()
    refused = await acme.sign_in(acme.browser(), "bob")
    assert refused.status_code == 400
    assert "USERINFO_REFUSED" in refused.text
