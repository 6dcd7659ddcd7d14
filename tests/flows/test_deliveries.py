"""What a login gives to a frontend or a program: a one-time code, a token in the fragment, and what can be done with it."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from identity_api.oidc.authorization import code_challenge, new_code_verifier
from tests.flows.acme import FRONTEND, RETURN_URL
from tests.flows.browser import Browser
from tests.flows.product import Product, eventually
from tests.flows.program import Program, bearer

pytestmark = pytest.mark.xdist_group("flows")


def login_of_frontend(browser: Browser, origin: str, name: str = "Bob Baker", **asked: str) -> str:
    """Sign in for the frontend; the address at which it gets the result."""
    browser.leave_for_provider(f"{origin}/login?{urlencode({'frontend': 'app', **asked})}")
    ended = browser.press(name, stop_at="/done")
    assert ended.url.startswith(RETURN_URL), (ended.url, ended.status, ended.text)
    return ended.url


def test_a_code_is_exchanged_once_with_its_verifier_and_the_token_says_who_it_is(acme: str, browser: Browser) -> None:
    """S4-55 to S4-59."""
    program, verifier = Program(acme), new_code_verifier()
    address = login_of_frontend(
        browser, acme, delivery="code", code_challenge=code_challenge(verifier), state="frontend-1"
    )
    query = parse_qs(urlsplit(address).query)
    assert query.keys() == {"code", "state", "iss"}
    assert query["state"] == ["frontend-1"]
    assert "session" not in browser.cookies(acme)

    exchange = {"code": query["code"][0], "code_verifier": verifier, "frontend": "app"}
    from_page = {"origin": FRONTEND}
    answer = program("POST", "/v1/auth/token", json=exchange, headers=from_page)
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == FRONTEND
    token = answer.json()["access_token"]
    assert answer.json()["token_type"] == "Bearer"

    me = program("GET", "/v1/me", headers=bearer(token)).json()
    assert me.pop("user_id")
    assert me.pop("tenant_id")
    assert me == {
        "subject": "9c42d6aa-bob",
        "tenant": "acme",
        "is_sso": True,
        "email": "bob@demo.example",
        "name": "Bob Baker",
        "groups": ["engineering"],
        "permissions": ["docs:read"],
        "email_verified": True,
        "sign_in_again": False,
    }
    graphql = program(
        "POST", "/graphql", json={"query": "{ viewer { user { username } } }"}, headers=bearer(token)
    ).json()
    assert graphql == {"data": {"viewer": {"user": {"username": "bob"}}}}

    again = program("POST", "/v1/auth/token", json=exchange, headers=from_page)
    assert (again.status_code, again.json()["code"]) == (400, "CODE_INVALID")
    # Presented twice, so it was stolen by somebody: the token made from it is over.
    assert program("GET", "/v1/me", headers=bearer(token)).status_code == 401


@pytest.mark.parametrize("wrong", ["verifier", "origin"])
def test_a_code_is_refused_to_whoever_did_not_begin_the_login(acme: str, browser: Browser, wrong: str) -> None:
    verifier = new_code_verifier()
    address = login_of_frontend(browser, acme, delivery="code", code_challenge=code_challenge(verifier))
    code = parse_qs(urlsplit(address).query)["code"][0]
    shown = new_code_verifier() if wrong == "verifier" else verifier
    origin = "http://127.0.0.1:8" if wrong == "origin" else FRONTEND
    answer = Program(acme)(
        "POST", "/v1/auth/token", json={"code": code, "code_verifier": shown}, headers={"origin": origin}
    )
    told = (403, "ORIGIN_REFUSED") if wrong == "origin" else (400, "CODE_INVALID")
    assert (answer.status_code, answer.json()["code"]) == told


def test_a_token_in_the_fragment_never_reaches_a_server_with_the_address(acme: str, browser: Browser) -> None:
    """S4-54, S4-55."""
    address = urlsplit(login_of_frontend(browser, acme, delivery="fragment", state="frontend-2"))
    assert address.query == ""
    given = parse_qs(address.fragment)
    assert given["state"] == ["frontend-2"]
    me = Program(acme)("GET", "/v1/me", headers=bearer(given["access_token"][0]))
    assert me.json()["name"] == "Bob Baker"


def test_a_fragment_without_the_frontends_own_state_is_refused(acme: str, browser: Browser) -> None:
    page = browser.open(f"{acme}/login?frontend=app&delivery=fragment")
    assert page.status == 400
    assert "CLIENT_STATE_REQUIRED" in page.text


def test_a_login_prepared_by_curl_is_finished_in_a_browser(acme: str, browser: Browser) -> None:
    """S4-52, S4-53."""
    prepared = Program(acme)("POST", "/v1/auth/oidc/login", json={"tenant_id": "acme"})
    assert prepared.status_code == 200
    auth_url = prepared.json()["auth_url"]
    assert auth_url.startswith(f"{acme}/auth/launch/")
    browser.leave_for_provider(auth_url)
    assert browser.press("Bob Baker").url == f"{acme}/account"


def test_the_products_backend_sees_what_a_token_stands_for_until_it_is_signed_out(
    product: Product, acme: str, browser: Browser
) -> None:
    secret = product.command("service-client", "create", "deliveries-backend", "--tenant", "acme").strip()
    program = Program(acme)
    address = login_of_frontend(browser, acme, delivery="fragment", state="frontend-3")
    token = parse_qs(urlsplit(address).fragment)["access_token"][0]
    answer = program("POST", "/v1/introspect", data={"token": token}, auth=("deliveries-backend", secret))
    found = answer.json()
    assert (found["active"], found["username"], found["tenant"]) == (True, "bob", "acme")
    assert found["permissions"] == ["docs:read"]
    wrong = program("POST", "/v1/introspect", data={"token": token}, auth=("deliveries-backend", secret + "x"))
    assert wrong.status_code == 401

    ended = program("POST", "/auth/logout", headers=bearer(token))
    assert ended.status_code == 200
    assert "/auth/logout/leave/" in ended.json()["logout_url"]
    assert program("GET", "/v1/me", headers=bearer(token)).status_code == 401
    after = program("POST", "/v1/introspect", data={"token": token}, auth=("deliveries-backend", secret))
    assert after.json() == {"active": False}


def test_a_bearer_token_loses_its_force_with_the_group(product: Product, acme: str, browser: Browser) -> None:
    """The tenant is synced every five minutes: what the admin's `syncUser` does is seen by the program."""
    program = Program(acme)
    address = login_of_frontend(browser, acme, "Alice Archer", delivery="fragment", state="frontend-4")
    headers = bearer(parse_qs(urlsplit(address).fragment)["access_token"][0])
    me = program("GET", "/v1/me", headers=headers).json()
    assert me["permissions"] == ["docs:read"]
    product.edit_person("alice", groups=["platform"])
    try:
        product.signed_in(browser, "Dora Dyer", acme)
        users = browser.data(acme, '{ users(filter: {username: "alice"}) { edges { node { id } } } }')
        alice = users["users"]["edges"][0]["node"]["id"]
        sync = "mutation ($id: ID!) { syncUser(input: {id: $id}) { __typename } }"
        assert browser.data(acme, sync, id=alice) == {"syncUser": {"__typename": "UserChanged"}}
        eventually(lambda: program("GET", "/v1/me", headers=headers).json()["permissions"] == [])
    finally:
        product.edit_person("alice", groups=["engineering", "platform"])
