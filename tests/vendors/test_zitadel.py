"""Zitadel: roles are the names of an object, and the profile is in UserInfo only."""

import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Claims, Habits, standard
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio

PROJECT = "69234237810729019"
ORGANISATION = {"170848145649959169": "acme.zitadel.cloud"}


def roles(person: Person) -> Claims:
    """The claim is left out for somebody without roles."""
    return dict.fromkeys(person.groups, ORGANISATION)


def asserted(person: Person, scopes: object) -> Claims:
    """As with the project's switch for roles at every authentication."""
    return {"urn:zitadel:iam:org:project:roles": roles(person)} if person.groups else {}


HABITS = Habits(
    origin="https://acme-x1y2z3.zitadel.cloud",
    paths={
        "authorize": "/oauth/v2/authorize",
        "token": "/oauth/v2/token",
        "userinfo": "/oidc/v1/userinfo",
        "jwks": "/oauth/v2/keys",
        "end-session": "/oidc/v1/end_session",
    },
    methods=("client_secret_basic", "client_secret_post"),
    id_token=asserted,
    userinfo=lambda person, scopes: {**standard(person, scopes), **asserted(person, scopes)},
)


async def test_the_guide_leads_to_a_login_with_roles_that_follow_and_a_sign_out(office: Follow) -> None:
    acme = await office("zitadel", HABITS)
    acme.vendor.set_groups("alice", ["editor", "reader"])
    assert await acme.self_test() == []
    browser = await acme.signed_in()
    me = await acme.me(browser)
    assert (me["name"], me["email"], me["groups"]) == ("Alice Archer", "alice@acme.example", ["editor", "reader"])
    assert me["permissions"] == ["docs:read", "docs:write"]

    acme.vendor.set_groups("alice", [])
    await acme.sync(browser)
    assert (await acme.me(browser))["permissions"] == []

    visited = await acme.sign_out(browser)
    assert visited[0].startswith(f"{acme.vendor.origin}/oidc/v1/end_session?")
    assert visited[1].startswith(f"{acme.origin}/auth/logout/return?")


async def test_roles_of_another_project_come_with_scopes_for_it(office: Follow) -> None:
    claim = f"urn:zitadel:iam:org:project:{PROJECT}:roles"
    needed = {"urn:zitadel:iam:org:projects:roles", f"urn:zitadel:iam:org:project:id:{PROJECT}:aud"}

    def of_project(person: Person, scopes: object) -> Claims:
        assert isinstance(scopes, tuple)
        return {claim: roles(person)} if needed <= set(scopes) else {}

    habits = Habits(
        origin=HABITS.origin, paths=HABITS.paths, methods=HABITS.methods, id_token=of_project, userinfo=standard
    )
    acme = await office("zitadel", habits, number=1)
    acme.vendor.set_groups("alice", ["editor"])
    browser = await acme.signed_in()
    assert (await acme.me(browser))["permissions"] == ["docs:read", "docs:write"]
