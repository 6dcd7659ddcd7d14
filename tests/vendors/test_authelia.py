"""Authelia: an ID token with nothing in it but who signed in, and one way of client authentication for each client."""

from collections.abc import Collection

import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Claims, Habits, nothing, standard
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio


def userinfo(person: Person, scopes: Collection[str]) -> Claims:
    groups = {"groups": list(person.groups)} if "groups" in scopes else {}
    return {**standard(person, scopes), **groups, "scope": " ".join(scopes), "client_id": "identity-api"}


HABITS = Habits(
    origin="https://auth.acme.example",
    paths={
        "authorize": "/api/oidc/authorization",
        "token": "/api/oidc/token",
        "userinfo": "/api/oidc/userinfo",
        "jwks": "/jwks.json",
    },
    scopes={"openid", "profile", "email", "groups", "offline_access", "phone", "address"},
    metadata={"token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"]},
    id_token=nothing,
    userinfo=userinfo,
)


async def test_the_guide_leads_to_a_login_with_groups_that_follow_and_a_sign_out(office: Follow) -> None:
    acme = await office("authelia", HABITS)
    acme.vendor.set_groups("alice", ["engineering"])
    assert await acme.self_test() == []
    browser = await acme.signed_in()
    assert await acme.username(browser) == "alice"
    me = await acme.me(browser)
    assert (me["name"], me["email"]) == ("Alice Archer", "alice@acme.example")
    assert me["permissions"] == ["docs:read", "docs:write"]

    acme.vendor.set_groups("alice", [])
    await acme.sync(browser)
    me = await acme.me(browser)
    assert (me["email"], me["permissions"]) == ("alice@acme.example", [])
    assert await acme.sign_out(browser) == [f"{acme.origin}/login?signed_out=1"]


async def test_a_client_left_at_authelias_default_is_named_by_the_self_test(office: Follow) -> None:
    """The line about client authentication in the guide matters, and forgetting it has a name."""
    habits = Habits(
        origin=HABITS.origin,
        paths=HABITS.paths,
        scopes=HABITS.scopes,
        metadata=HABITS.metadata,
        methods=("client_secret_basic",),
        id_token=nothing,
        userinfo=userinfo,
    )
    acme = await office("authelia", habits)
    [wrong] = await acme.self_test()
    assert (wrong.code, wrong.expected) == ("CLIENT_METHOD_WRONG", "client_secret_basic")
