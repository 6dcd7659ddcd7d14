"""Login, refresh with rotation, changed groups, removal and logout against npm oidc-provider, a certified OpenID Provider.

It differs from the demo provider where real ones do: a page for the login and one for the consent, `offline_access`
only after `prompt=consent`, a grant that dies as a whole when a replaced refresh token is presented, its own sign-out page.
"""

import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from identity_api.embedded import children
from tests.cli.conftest import clean_environment
from tests.flows.browser import Browser, origin_of
from tests.flows.page import Page
from tests.flows.product import Product, eventually

FOLDER = Path(__file__).parent
NODE = shutil.which("node")
HAS_MODULES = (FOLDER / "node_modules" / "oidc-provider").is_dir()
pytestmark = [
    pytest.mark.interop,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(NODE is None, reason="Node is not installed"),
    pytest.mark.skipif(not HAS_MODULES, reason="npm packages are missing; run: npm ci --prefix tests/interop"),
]

HOST = "interop.localhost"
SECRET = "interop-client-secret-of-the-tests"
DECLARATION = """
[[tenants]]
slug = "interop"
name = "Interop"
hosts = ["{host}"]

[[tenants.permissions]]
name = "docs:read"

[[tenants.permissions]]
name = "tickets:answer"

[[tenants.providers]]
slug = "npm"
label = "Certified"
issuer = "{issuer}"
client_id = "identity-api"
client_secret = "{secret}"
client_authentication = "client_secret_basic"
redirect_url = "{origin}/auth/oidc/npm/callback"
scopes = ["openid", "profile", "email", "groups", "offline_access"]
authorization_parameters = {{ prompt = "consent" }}
groups_claim = "groups"

[[tenants.group_mappings]]
group = "engineering"
permissions = ["docs:read"]

[[tenants.group_mappings]]
group = "support"
permissions = ["tickets:answer"]
"""


@dataclass
class Certified:
    """The running provider and the tenant that uses it."""

    issuer: str
    origin: str

    def change(self, person: str, **changes: Any) -> None:
        answer = httpx.patch(f"{self.issuer}/test/people/{person}", json=changes, trust_env=False)
        assert answer.status_code == 204

    def sign_in(self, browser: Browser, person: str) -> Page:
        """The login form, the consent, and wherever that leads."""
        page = browser.open(f"{self.origin}/login")
        assert origin_of(page.url) == self.issuer, (page.url, page.text)
        if page.forms[0].fields.get("prompt") == "login":
            page.forms[0].fields |= {"login": person, "password": "anything"}
            page = browser.press("Sign-in")
        assert page.forms[0].fields["prompt"] == "consent", page.html
        return browser.press("Continue")


@pytest.fixture(scope="module")
def certified(product: Product) -> Iterator[Certified]:
    running = Certified(f"http://127.0.0.1:{product.interop_port}", product.at(HOST))
    settings = {
        "port": product.interop_port,
        "clientId": "identity-api",
        "clientSecret": SECRET,
        "redirectUri": f"{running.origin}/auth/oidc/npm/callback",
        "postLogoutUri": f"{running.origin}/auth/logout/return",
    }
    assert NODE
    with tempfile.TemporaryFile() as output:
        process = children.spawn(
            [NODE, "provider.mjs", json.dumps(settings)],
            environment=clean_environment(),
            death_signal=signal.SIGKILL,
            directory=FOLDER,
            output=output,
        )
        try:
            eventually(lambda: _answers(running.issuer))
            product.apply(DECLARATION.format(host=HOST, issuer=running.issuer, origin=running.origin, secret=SECRET))
            yield running
        finally:
            children.stop(process, (signal.SIGTERM, 5.0))


def _answers(issuer: str) -> bool:
    try:
        return httpx.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def sync(product: Product, certified: Certified) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Ask the provider about somebody now; their identity once that has been done. Bob does it, whom the operator let."""
    with Browser() as bob:
        certified.sign_in(bob, "bob")
        for name in ("identity:users:read", "identity:users:write"):
            product.command("grant", "interop", "bob", name)

        def ask(username: str) -> dict[str, Any]:
            query = (
                "query ($name: String!) { users(filter: {username: $name}) { edges { node { id permissions { name }"
                " groups { name } sessions { id } identities { state stateReason verifiedAt nextSyncAt } } } } }"
            )

            def look() -> dict[str, Any]:
                [edge] = bob.data(certified.origin, query, name=username)["users"]["edges"]
                user: dict[str, Any] = edge["node"]
                return user

            before = look()
            mutation = "mutation ($id: ID!) { syncUser(input: {id: $id}) { __typename } }"
            assert bob.data(certified.origin, mutation, id=before["id"]) == {"syncUser": {"__typename": "UserChanged"}}
            [old] = before["identities"]

            def is_done() -> bool:
                [new] = look()["identities"]
                return bool(new["verifiedAt"] != old["verifiedAt"] or new["state"] != old["state"])

            eventually(is_done)
            return look()

        yield ask


def test_somebody_signs_in_over_login_and_consent(certified: Certified, browser: Browser) -> None:
    page = certified.sign_in(browser, "alice")
    assert page.url == f"{certified.origin}/account", (page.url, page.status, page.text)
    profile = page.section("Profile", "What you may do")
    assert "Name Alice Example Username alice E-mail alice@example.com" in profile
    assert "docs:read because you are in engineering at Certified" in page.text
    assert "Groups engineering platform" in page.text
    asked = [parse_qs(urlsplit(one).query) for one in browser.visited if "/auth/oidc/npm/callback" in one]
    assert asked[0]["iss"] == [certified.issuer]


def test_every_refresh_replaces_the_token_and_none_is_presented_twice(
    certified: Certified, browser: Browser, sync: Callable[[str], dict[str, Any]]
) -> None:
    """Presenting a replaced token would end the whole grant here, and with it this test at the next refresh."""
    certified.sign_in(browser, "alice")
    times = []
    for _ in range(4):
        [identity] = sync("alice")["identities"]
        assert identity["state"] == "FRESH"
        times.append(identity["verifiedAt"])
    assert times == sorted(set(times))


def test_changed_groups_change_the_permissions(
    certified: Certified, browser: Browser, sync: Callable[[str], dict[str, Any]]
) -> None:
    certified.sign_in(browser, "alice")
    try:
        certified.change("alice", groups=["support"])
        assert [one["name"] for one in sync("alice")["permissions"]] == ["tickets:answer"]
        assert "because you are in support" in browser.open(f"{certified.origin}/account").text
        certified.change("alice", groups=[])
        user = sync("alice")
        assert (user["permissions"], user["groups"]) == ([], [])
    finally:
        certified.change("alice", groups=["engineering", "platform"])
    assert [one["name"] for one in sync("alice")["permissions"]] == ["docs:read"]


def test_a_removed_person_is_out_and_comes_back_by_signing_in(
    certified: Certified, browser: Browser, other_browser: Browser, sync: Callable[[str], dict[str, Any]]
) -> None:
    certified.sign_in(browser, "alice")
    try:
        certified.change("alice", removed=True)
        user = sync("alice")
        assert user["identities"][0]["state"] == "REVOKED"
        assert user["identities"][0]["stateReason"] == "invalid_grant"
        assert (user["permissions"], user["sessions"]) == ([], [])
        assert browser.ask("GET", f"{certified.origin}/v1/me").status_code == 401
    finally:
        certified.change("alice", removed=False)
    page = certified.sign_in(other_browser, "alice")
    assert "docs:read because you are in engineering" in page.text


def test_signing_out_leads_over_the_providers_own_page(certified: Certified, browser: Browser) -> None:
    certified.sign_in(browser, "alice")
    page = browser.press("Sign out")
    assert origin_of(page.url) == certified.issuer
    page = browser.press("Yes, sign me out")
    assert page.url == f"{certified.origin}/login?signed_out=1"
    assert "You have signed out." in page.text
    assert browser.ask("GET", f"{certified.origin}/v1/me").status_code == 401
