"""PingFederate: groups in UserInfo, one of them as a text with commas, and no ID token at a refresh."""

from collections.abc import Collection

import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Claims, Habits, nothing, standard
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio

ENGINEERING = "CN=Engineering,OU=Groups,DC=acme,DC=example"
STAFF = "CN=Staff,OU=Groups,DC=acme,DC=example"


def userinfo(person: Person, scopes: Collection[str]) -> Claims:
    groups: list[str] | str = list(person.groups) if len(person.groups) != 1 else person.groups[0]
    return {**standard(person, scopes), **({"groups": groups} if "profile" in scopes else {})}


HABITS = Habits(
    origin="https://sso.acme.example:9031",
    paths={
        "authorize": "/as/authorization.oauth2",
        "token": "/as/token.oauth2",
        "userinfo": "/idp/userinfo.openid",
        "jwks": "/pf/JWKS",
    },
    scopes={"openid", "profile", "email", "address", "phone"},
    refresh_tokens="ALWAYS",
    methods=("client_secret_basic", "client_secret_post"),
    metadata={"ping_end_session_endpoint": "https://sso.acme.example:9031/idp/startSLO.ping"},
    id_token=nothing,
    userinfo=userinfo,
    id_token_on_refresh=False,
)


async def test_the_guide_leads_to_a_login_with_groups_that_follow_and_a_sign_out(office: Follow) -> None:
    acme = await office("pingfederate", HABITS)
    acme.vendor.set_groups("alice", [ENGINEERING])
    assert await acme.self_test() == []
    browser = await acme.signed_in()
    assert await acme.username(browser) == "alice"
    me = await acme.me(browser)
    assert (me["groups"], me["permissions"]) == ([ENGINEERING], ["docs:read", "docs:write"])

    acme.vendor.set_groups("alice", [STAFF, "CN=Sales,OU=Groups,DC=acme,DC=example"])
    await acme.sync(browser)
    me = await acme.me(browser)
    assert (me["name"], me["permissions"]) == ("Alice Archer", [])
    assert await acme.sign_out(browser) == [f"{acme.origin}/login?signed_out=1"]
