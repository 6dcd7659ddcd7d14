"""Amazon Cognito: claims with a colon in their names, texts for booleans in UserInfo, and refresh tokens unasked."""

from collections.abc import Collection

import pytest

from identity_api.demo.config import Person, Rotation
from tests.openid_provider.imitation import Claims, Habits
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio


def id_token(person: Person, scopes: Collection[str]) -> Claims:
    groups = {"cognito:groups": list(person.groups)} if person.groups else {}
    about = {"email": person.email, "email_verified": True, "name": person.name, "cognito:username": person.username}
    return {**groups, **about, "token_use": "id", "origin_jti": "8d6b5c3e"}


def userinfo(person: Person, scopes: Collection[str]) -> Claims:
    return {"email": person.email, "email_verified": "true", "name": person.name, "username": person.username}


HABITS = Habits(
    origin="https://cognito-idp.eu-central-1.amazonaws.com",
    issuer="/eu-central-1_AbCdEfGhI",
    paths={
        "authorize": "/oauth2/authorize",
        "token": "/oauth2/token",
        "userinfo": "/oauth2/userInfo",
        "jwks": "/eu-central-1_AbCdEfGhI/.well-known/jwks.json",
        "end-session": "/logout",
    },
    scopes={"openid", "email", "phone", "profile"},
    refresh_tokens="ALWAYS",
    rotation=Rotation.NONE,
    methods=("client_secret_basic", "client_secret_post"),
    metadata={"code_challenge_methods_supported": None},
    id_token=id_token,
    userinfo=userinfo,
    logout_uri=True,
)


async def test_the_guide_leads_to_a_login_with_groups_that_follow_and_a_sign_out(office: Follow) -> None:
    acme = await office("cognito", HABITS)
    acme.vendor.set_groups("alice", ["engineering"])
    assert [one.code for one in await acme.self_test()] == ["PKCE_NOT_ANNOUNCED"]
    browser = await acme.signed_in()
    assert await acme.username(browser) == "alice"
    me = await acme.me(browser)
    assert (me["email"], me["name"]) == ("alice@acme.example", "Alice Archer")
    assert me["permissions"] == ["docs:read", "docs:write"]

    acme.vendor.set_groups("alice", [])
    await acme.sync(browser)
    assert (await acme.me(browser))["permissions"] == []

    visited = await acme.sign_out(browser)
    assert visited[0].startswith(f"{acme.vendor.origin}/logout?")
    back = f"{acme.origin}/auth/logout/return"
    assert visited[1:] == [back, f"{acme.origin}/login?signed_out=1"]
    assert acme.vendor.asked("end-session")[-1]["logout_uri"] == back


async def test_without_the_parameter_people_end_on_cognitos_error_page(office: Follow) -> None:
    """So that the test above shows something."""
    acme = await office("cognito", HABITS, more="end_session_parameters = {}")
    browser = await acme.signed_in()
    with pytest.raises(AssertionError, match="Required parameter missing"):
        await acme.sign_out(browser)
