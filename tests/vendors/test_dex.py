"""Dex: an issuer with a path, no auth_time, the login's nonce in every refresh, no claim for people without groups."""

from collections.abc import Collection

import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Answer, Claims, Form, Habits, standard
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio


def about(person: Person, scopes: Collection[str]) -> Claims:
    groups = {"groups": list(person.groups)} if "groups" in scopes and person.groups else {}
    return {**standard(person, scopes), **groups}


def token_answer(_: Form, answer: Answer) -> Answer:
    """A dead refresh token is an invalid request to Dex."""
    said = answer[1]
    return (400, {**said, "error": "invalid_request"}) if said.get("error") == "invalid_grant" else answer


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
    token_answer=token_answer,
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


async def test_a_login_that_dex_alone_refuses_to_refresh_is_over_after_a_while(office: Follow) -> None:
    """Whatever Dex calls it: somebody else's refreshes go on."""
    acme = await office("dex", HABITS)
    acme.vendor.set_groups("alice", ["engineering"])
    alice, bob = await acme.signed_in(), await acme.signed_in("bob")
    acme.vendor.revoke_tokens("alice")
    for _ in range(2):
        report = await acme.sync(alice)
        assert report.outcomes == {"provider_misconfigured": 1}
    assert (await acme.me(alice))["permissions"] == ["docs:read", "docs:write"]
    await acme.let_time_pass(minutes=3)
    assert (await acme.sync(bob)).outcomes == {"ok": 1}
    assert (await acme.sync(alice)).outcomes == {"login_refused": 1}
    assert (await alice.get("/v1/me")).status_code == 401
    assert (await bob.get("/v1/me")).status_code == 200
