"""Slack: the workspace in a claim that is an address, no refresh tokens, and refusals with status 200."""

from collections.abc import Collection

import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Answer, Claims, Form, Habits
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio

WORKSPACE = "https://slack.com/team_id"


def about(person: Person, scopes: Collection[str]) -> Claims:
    """`groups` of the person are the workspaces here; Slack says one."""
    said: Claims = {"https://slack.com/user_id": person.subject, WORKSPACE: person.groups[0]}
    if "profile" in scopes:
        said |= {"name": person.name, "given_name": person.name.split()[0], "locale": "en-US"}
    return said | ({"email": person.email, "email_verified": True} if "email" in scopes else {})


def token_answer(_: Form, answer: Answer) -> Answer:
    status, said = answer
    if status == 200:
        return 200, {"ok": True, **said}
    errors = {"invalid_grant": "invalid_code", "invalid_client": "bad_client_secret"}
    return 200, {"ok": False, "error": errors[said["error"]]}


def userinfo_answer(answer: Answer) -> Answer:
    status, said = answer
    return (200, {"ok": True, **said}) if status == 200 else (200, {"ok": False, "error": "invalid_auth"})


HABITS = Habits(
    origin="https://slack.com",
    paths={
        "authorize": "/openid/connect/authorize",
        "token": "/api/openid.connect.token",
        "userinfo": "/api/openid.connect.userInfo",
        "jwks": "/openid/connect/keys",
    },
    scopes={"openid", "profile", "email"},
    refresh_tokens="NEVER",
    methods=("client_secret_post", "client_secret_basic"),
    metadata={"grant_types_supported": ["authorization_code"], "response_modes_supported": ["query"]},
    pkce="IGNORED",
    id_token=about,
    userinfo=about,
    token_answer=token_answer,
    userinfo_answer=userinfo_answer,
)


async def test_the_guide_leads_to_a_login_that_follows_the_workspace_and_a_sign_out(office: Follow) -> None:
    acme = await office("slack", HABITS)
    acme.vendor.set_groups("alice", ["T0123ABCD"])
    assert [one.code for one in await acme.self_test()] == ["PKCE_NOT_ANNOUNCED"]
    browser = await acme.signed_in()
    me = await acme.me(browser)
    assert (me["name"], me["groups"], me["permissions"]) == ("Alice Archer", ["T0123ABCD"], ["docs:read"])

    report = await acme.sync(browser)
    assert report.outcomes == {"ok": 1}
    acme.vendor.set_groups("alice", ["T0OTHER"])
    await acme.sync(browser)
    assert (await acme.me(browser))["permissions"] == []
    assert await acme.sign_out(browser) == [f"{acme.origin}/login?signed_out=1"]


async def test_somebody_of_another_workspace_does_not_come_in(office: Follow) -> None:
    acme = await office("slack", HABITS)
    acme.vendor.set_groups("bob", ["T0OTHER"])
    refused = await acme.sign_in(acme.browser(), "bob")
    assert refused.status_code == 403
    assert "NO_ACCESS" in refused.text


async def test_a_wrong_secret_is_named_by_the_self_test(office: Follow) -> None:
    acme = await office("slack", HABITS, secret="that of another app")
    assert "CLIENT_SECRET_WRONG" in [one.code for one in await acme.self_test()]


async def test_a_login_whose_access_token_slack_goes_on_refusing_is_over(office: Follow) -> None:
    acme = await office("slack", HABITS)
    acme.vendor.set_groups("alice", ["T0123ABCD"])
    browser = await acme.signed_in()
    acme.vendor.revoke_tokens("alice")
    for _ in range(2):
        report = await acme.sync(browser)
        assert report.outcomes == {"access_token_refused": 1}
    assert (await acme.me(browser))["permissions"] == ["docs:read"]
    await acme.let_time_pass(minutes=11)
    await acme.sync(browser)
    assert (await browser.get("/v1/me")).status_code == 401
