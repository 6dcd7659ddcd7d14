"""Dex: an issuer with a path, no auth_time, the login's nonce in every refresh, no claim for people without groups."""

from collections.abc import Collection

import pytest

from identity_api.demo.config import Person
from tests.provider.imitation import Claims, Habits, standard
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio


def about(person: Person, scopes: Collection[str]) -> Claims:
    groups = {"groups": list(person.groups)} if "groups" in scopes and person.groups else {}
    return {**standard(person, scopes), **groups}


HABITS = Habits(
    origin="https://dex.acme.example",
    issuer="/dex",
    paths={"authorize": "/dex/auth", "token": "/dex/token", "userinfo": "/dex/userinfo", "jwks": "/dex/keys"},
    scopes={"openid", "email", "groups", "profile", "offline_access"},
    methods=("client_secret_basic", "client_secret_post"),
    id_token=about,
    userinfo=about,
    nonce="ALWAYS",
    auth_time="NEVER",
)


async def test_the_guide_leads_to_a_login_with_groups_that_follow_and_a_sign_out(office: Follow) -> None:
    acme = await office("dex", HABITS)
    acme.vendor.set_groups("alice", ["engineering"])
    assert await acme.self_test() == []
    browser = await acme.signed_in()
    assert await acme.username(browser) == "alice"
    assert (await acme.me(browser))["permissions"] == ["docs:read", "docs:write"]

    acme.vendor.set_groups("alice", [])
    await acme.sync(browser)
    assert (await acme.me(browser))["permissions"] == []
    assert await acme.sign_out(browser) == [f"{acme.origin}/login?signed_out=1"]
