"""A frontend's session is proven anew, by bearer token or cookie, and the person ends at the frontend (RFC 9470)."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from identity_api.db import grants, user_read_model
from identity_api.graphql.ids import global_id
from identity_api.ids import token_hash
from identity_api.permissions.service import USERS_WRITE
from tests import factories as make
from tests.accounts.local_world import PASSWORD
from tests.web.local_site import PAGE, from_page, with_passwords
from tests.web.site import FRONTEND, PUBLIC_URL, Site, come_back
from tests.web.test_oauth import AUTHORIZE, VERIFIER, exchange, query_of, signed_in_at_frontend

pytestmark = pytest.mark.asyncio

ENABLE = "mutation ($id: ID!) { enableUser(input: {id: $id}) { __typename ... on NotAllowed { code stepUpUrl } } }"
BACK = {"frontend": "app", "return_to": f"{FRONTEND}/done", "state": "own"}


async def allow(site: Site) -> None:
    await site.execute("update provider set reauthentication = true where id = $1", site.provider.id)


async def age(site: Site, token: str) -> None:
    """The person signed in an hour ago."""
    await site.execute(
        "update session set authenticated_at = authenticated_at - interval '1 hour' where token_hash = $1",
        token_hash(token),
    )


async def bearer(site: Site, person: str = "alice") -> str:
    return str((await exchange(site, await code_of(site, person=person))).json()["access_token"])


async def code_of(site: Site, *, person: str = "alice", **asked: str) -> str:
    browser = site.client()
    answer = await browser.get("/v1/auth/authorize", params=AUTHORIZE | asked)
    while answer.headers["location"].startswith(("/", site.origin)):
        answer = await browser.get(answer.headers["location"])
    ended = await come_back(browser, await site.at_provider(answer.headers["location"], person))
    return query_of(ended.headers["location"])["code"]


async def alice_may_write(site: Site, token: str) -> None:
    """Alice keeps users, and has just been confirmed."""
    user_id = await site.fetchval("select user_id from session where token_hash = $1", token_hash(token))
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, USERS_WRITE)
        await grants.open_manual_grant(connection, site.tenant.id, user_id, permission, "operator:root")
        await user_read_model.refresh(connection, site.tenant.id, [user_id])


async def enable_somebody(site: Site, token: str, base_url: str | None = None) -> dict[str, str]:
    bob = await site.fetchval("select id from app_user where tenant_id = $1 limit 1", site.tenant.id)
    asked = {"query": ENABLE, "variables": {"id": global_id("User", bob)}}
    client = site.client(base_url=base_url, headers={"authorization": f"Bearer {token}"})
    answer = (await client.post("/graphql", json=asked)).json()
    return dict(answer["data"]["enableUser"])


# Bearer


async def test_a_bearer_session_is_sent_to_a_login_with_max_age_whose_token_may_go_on(site: Site) -> None:
    """From the refused mutation to the one that succeeds, and the old session is over."""
    await allow(site)
    old = await bearer(site)
    await alice_may_write(site, old)
    await age(site, old)
    refused = await enable_somebody(site, old)
    assert (refused["__typename"], refused["code"]) == ("NotAllowed", "STEP_UP_REQUIRED")
    assert refused["stepUpUrl"].startswith(f"{site.origin}/v1/auth/authorize?")
    asked = query_of(refused["stepUpUrl"])
    assert asked == {"response_type": "code", "client_id": "app", "max_age": "600"}
    site.idp.log.clear()
    code = await code_of(site, **asked)
    answer = await site.client().post(
        "/v1/auth/token",
        data={"grant_type": "authorization_code", "client_id": "app", "code": code, "code_verifier": VERIFIER},
        headers={"origin": FRONTEND, "authorization": f"Bearer {old}"},
    )
    assert answer.status_code == 200, answer.text
    assert (await enable_somebody(site, answer.json()["access_token"]))["__typename"] == "UserChanged"
    gone = await site.client().get("/v1/me", headers={"authorization": f"Bearer {old}"})
    assert gone.status_code == 401


async def test_on_the_public_host_the_address_is_below_the_tenants_prefix(site: Site) -> None:
    await allow(site)
    token = await bearer(site)
    await alice_may_write(site, token)
    await age(site, token)
    refused = await enable_somebody(site, token, PUBLIC_URL)
    assert refused["stepUpUrl"].startswith(f"{PUBLIC_URL}/t/{site.tenant.slug}/v1/auth/authorize?")


async def test_a_step_up_by_another_person_gives_no_token_and_ends_nothing(site: Site) -> None:
    """The frontend is told so if all else is right, and otherwise no more than of any code."""
    alice = await bearer(site)

    async def exchange(code: str, presented: str | None, verifier: str = VERIFIER) -> tuple[int, str, str]:
        answer = await site.client().post(
            "/v1/auth/token",
            data={"client_id": "app", "code": code, "code_verifier": verifier},
            headers={"authorization": f"Bearer {presented}"} if presented is not None else {},
        )
        return answer.status_code, answer.json()["error"], answer.json()["code"]

    bobs = await code_of(site, person="bob")
    assert await exchange(bobs, alice) == (400, "invalid_grant", "OTHER_PERSON")
    assert await exchange(bobs, None) == (400, "invalid_grant", "CODE_INVALID"), "it was used up"
    for presented, verifier in (("iab_made_up", VERIFIER), (alice, "x" * 43)):
        refused = await exchange(await code_of(site, person="bob"), presented, verifier)
        assert refused == (400, "invalid_grant", "CODE_INVALID")
    assert (await site.client().get("/v1/me", headers={"authorization": f"Bearer {alice}"})).status_code == 200


async def test_the_provider_is_asked_for_a_proof_only_where_one_is_wanted(site: Site) -> None:
    await allow(site)
    for asked, is_asked in (({}, False), ({"max_age": "600"}, True), ({"prompt": "login"}, True)):
        browser = site.client()
        answer = await browser.get("/v1/auth/authorize", params=AUTHORIZE | asked)
        while answer.headers["location"].startswith(("/", site.origin)):
            answer = await browser.get(answer.headers["location"])
        assert ("max_age" in query_of(answer.headers["location"])) is is_asked


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"max_age": "0"}, "unmet_authentication_requirements"),
        ({"acr_values": "phr"}, "unmet_authentication_requirements"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_what_cannot_be_proven_here_comes_back_as_an_error(site: Site, asked: dict[str, str], told: str) -> None:
    answer = await site.client().get("/v1/auth/authorize", params=AUTHORIZE | asked)
    given = query_of(answer.headers["location"])
    assert answer.headers["location"].startswith(f"{FRONTEND}/done?")
    assert (given["error"], given["state"]) == (told, "own")


# Cookie


async def signed_in(site: Site) -> httpx.AsyncClient:
    """Ada, by password, at the same-site frontend."""
    world = await with_passwords(site)
    await world.make_user("ada")
    client = site.client()
    form = {"username": "ada", "password": PASSWORD, "delivery": "cookie", **BACK}
    ended = await client.post("/auth/local/login", data=form, headers=from_page(site))
    assert query_of(ended.headers["location"]) == {"state": "own", "iss": site.origin}
    return client


async def test_a_cookie_session_is_proven_on_our_page_and_ends_at_the_frontend(site: Site) -> None:
    client = await signed_in(site)
    page = await client.get("/auth/reauthenticate", params=BACK, headers=PAGE)
    assert "form-action" not in page.headers["content-security-policy"], "the form leads to another origin"
    proven = await client.post("/auth/reauthenticate", data={"password": PASSWORD, **BACK}, headers=from_page(site))
    assert (proven.status_code, proven.headers["location"].partition("?")[0]) == (303, f"{FRONTEND}/done")
    assert query_of(proven.headers["location"]) == {"state": "own", "iss": site.origin}


async def test_the_page_leads_back_without_a_proof(site: Site) -> None:
    client = await signed_in(site)
    page = await client.get("/auth/reauthenticate", params=BACK, headers=PAGE)
    [cancel] = [part.partition('"')[0] for part in page.text.split('href="') if part.startswith(FRONTEND)]
    given = dict(parse_qsl(urlsplit(cancel.replace("&amp;", "&")).query))
    assert (given["error"], given["state"]) == ("access_denied", "own")


async def test_the_provider_proves_it_for_a_frontend_too(site: Site) -> None:
    await allow(site)
    client = site.client()
    assert (await site.sign_in(client, path=f"/login?{urlencode(BACK | {'delivery': 'cookie'})}")).status_code == 303
    page = await client.get("/auth/reauthenticate", params=BACK, headers=PAGE)
    [address] = [part.partition('"')[0] for part in page.text.split('href="') if "reauth=1" in part.partition('"')[0]]
    ended = await site.sign_in(client, path=address.replace("&amp;", "&"))
    assert ended.headers["location"].startswith(f"{FRONTEND}/done?")


@pytest.mark.parametrize(
    "astray",
    [
        {"return_to": "https://evil.example/"},
        {"return_to": f"{FRONTEND}/done/.."},
        {"return_to": f"{FRONTEND}/done", "frontend": "other"},
        {"return_to": "//evil.example"},
    ],
)
async def test_the_way_back_is_a_registered_address_or_none(site: Site, astray: dict[str, str]) -> None:
    client = await signed_in(site)
    assert (await client.get("/auth/reauthenticate", params=astray)).status_code == 400
    posted = await client.post(
        "/auth/reauthenticate", data={"password": PASSWORD, **astray}, headers={"origin": site.origin}
    )
    assert (posted.status_code, "location" in posted.headers) == (400, False)


async def test_nobody_signed_in_is_led_to_the_login_with_what_was_asked(site: Site) -> None:
    answer = await site.client().get("/auth/reauthenticate", params=BACK)
    assert query_of(answer.headers["location"]) == BACK


async def test_a_plain_login_needs_no_proof(site: Site) -> None:
    assert "code" in query_of(await signed_in_at_frontend(site))
