"""Azure AD B2C: a document for each user flow and one issuer for all, a list of addresses, numbers written as texts."""

from collections.abc import Collection

import msgspec
import pytest

from identity_api.demo.config import Person
from tests.openid_provider.imitation import Answer, Claims, Form, Habits
from tests.vendors.conftest import Follow

pytestmark = pytest.mark.asyncio

DIRECTORY = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
CLIENT_ID = "11111111-2222-3333-4444-555555555555"


def id_token(person: Person, scopes: Collection[str]) -> Claims:
    return {"name": person.name, "emails": [person.email], "tfp": "B2C_1_signin", "ver": "1.0"}


def texts(_: Form, answer: Answer) -> Answer:
    """Numbers are written as texts."""
    status, said = answer
    return status, {**said, "expires_in": "3600", "not_before": "1442340812"} if status == 200 else said


def habits(policy: str, issuer: str) -> Habits:
    base = f"/acmeb2c.onmicrosoft.com/{policy}"
    return Habits(
        origin="https://acmeb2c.b2clogin.com",
        issuer=issuer,
        document=f"{base}/v2.0/.well-known/openid-configuration",
        paths={
            "authorize": f"{base}/oauth2/v2.0/authorize",
            "token": f"{base}/oauth2/v2.0/token",
            "jwks": f"{base}/discovery/v2.0/keys",
            "end-session": f"{base}/oauth2/v2.0/logout",
        },
        methods=("client_secret_post", "client_secret_basic"),
        metadata={"code_challenge_methods_supported": None},
        id_token=id_token,
        gives_access_token=lambda client_id, scopes: client_id in scopes,
        token_answer=texts,
    )


async def test_the_guide_leads_to_a_login_a_sync_and_a_sign_out(office: Follow) -> None:
    acme = await office("azure-b2c", habits("B2C_1_signin", f"/{DIRECTORY}/v2.0/"))
    assert [one.code for one in await acme.self_test()] == ["PKCE_NOT_ANNOUNCED"]
    browser = await acme.signed_in()
    me = await acme.me(browser)
    assert (me["name"], me["email"], me["groups"]) == ("Alice Archer", "alice@acme.example", [])
    assert acme.vendor.asked("authorize")[-1]["scope"] == f"openid offline_access {CLIENT_ID}"

    report = await acme.sync(browser)
    assert report.outcomes == {"ok": 1}
    assert (await acme.me(browser))["email"] == "alice@acme.example"

    visited = await acme.sign_out(browser)
    assert visited[0].startswith(f"{acme.vendor.origin}/acmeb2c.onmicrosoft.com/B2C_1_signin/oauth2/v2.0/logout?")
    assert visited[1].startswith(f"{acme.origin}/auth/logout/return?")


async def test_a_custom_policy_brings_groups_under_an_issuer_of_its_own(office: Follow) -> None:
    of_policy = msgspec.structs.replace(
        habits("B2C_1A_signin", f"/tfp/{DIRECTORY}/B2C_1A_signin/v2.0/"),
        id_token=lambda person, scopes: {**id_token(person, scopes), "groups": list(person.groups)},
    )
    acme = await office("azure-b2c", of_policy, number=1)
    acme.vendor.set_groups("alice", ["engineering"])
    assert [one.code for one in await acme.self_test()] == ["PKCE_NOT_ANNOUNCED"]
    browser = await acme.signed_in()
    assert (await acme.me(browser))["permissions"] == ["docs:read", "docs:write"]
    acme.vendor.set_groups("alice", [])
    await acme.sync(browser)
    assert (await acme.me(browser))["permissions"] == []
