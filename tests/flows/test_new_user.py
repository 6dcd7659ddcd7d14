"""What a new user sees: the whole product as `identity-api dev` starts it, by a browser, through the demo provider."""

from urllib.parse import urlsplit

import pytest

from tests.flows.browser import Browser, origin_of
from tests.flows.page import Page
from tests.flows.product import Product, eventually

pytestmark = pytest.mark.xdist_group("flows")

VIEWER = "{ viewer { user { id username displayLabel email } permissions { name } } }"
PERMISSIONS = ("What you may do", "How you sign in")


def test_opening_the_url_leads_over_the_demo_provider_to_the_account_page(product: Product, browser: Browser) -> None:
    """S0-56 to S0-59."""
    page = browser.open(product.url)
    assert page.url.startswith(f"{product.demo_url}/authorize?")
    assert list(page.form_with("Alice Archer")[0].fields) == ["request"]
    page = browser.press("Alice Archer")
    assert (page.status, page.url) == (200, f"{product.url}/account")
    assert page.text.count("Alice Archer") >= 2
    profile = page.section("Profile", "What you may do")
    assert "Username alice E-mail alice@demo.example User id" in profile
    permissions = page.section(*PERMISSIONS)
    because = "because you are in {} at Demo provider (mapping {})"
    for name, group in [("docs:read", "engineering"), ("docs:write", "engineering"), ("reports:read", "platform")]:
        assert name in permissions
        assert because.format(group, group) in permissions
    identity = page.section("How you sign in", "Where you are signed in")
    assert "Demo provider up to date" in identity
    assert "Groups engineering platform" in identity
    assert "Browser this one Since" in page.section("Where you are signed in")
    assert {f"{product.url}/graphql", f"{product.demo_url}/people"} <= set(page.links.values())


def test_whoever_comes_back_is_signed_in_already(product: Product, browser: Browser) -> None:
    product.signed_in(browser, "Alice Archer")
    page = browser.open(f"{product.url}/")
    assert page.url == f"{product.url}/account"
    assert not any(product.demo_url in one for one in browser.visited)


def test_cancelling_at_the_provider_is_told_and_leads_back_to_the_choice(product: Product, browser: Browser) -> None:
    browser.leave_for_provider(product.url)
    page = browser.press("Cancel")
    assert page.status == 400
    assert "PROVIDER_REFUSED" in page.text
    page = browser.open(page.links["Sign in again"])
    assert page.url == f"{product.url}/login?choose=1"
    assert "Demo provider" in page.text
    assert "session" not in browser.cookies(product.url)


def test_the_graphiql_page_loads_everything_from_our_own_origin(product: Product, browser: Browser) -> None:
    product.signed_in(browser, "Alice Archer")
    page = browser.open(f"{product.url}/graphql")
    assert page.status == 200
    loaded = [address for address in page.addresses if not address.startswith("data:")]
    assert len(loaded) >= 6
    assert {origin_of(address) for address in loaded} == {product.url}
    for address in loaded:
        assert browser.open(address).status == 200
    assert "http" not in page.html.replace(product.url, "")


def test_graphql_says_who_is_asking_and_what_they_may_do(product: Product, browser: Browser) -> None:
    product.signed_in(browser, "Alice Archer")
    viewer = browser.data(product.url, VIEWER)["viewer"]
    assert viewer["user"].pop("id")
    assert viewer["user"] == {
        "username": "alice",
        "displayLabel": "Alice Archer",
        "email": "alice@demo.example",
    }
    assert [one["name"] for one in viewer["permissions"]] == ["docs:read", "docs:write", "reports:read"]


def test_graphql_by_cookie_needs_the_header_that_no_form_can_send(product: Product, browser: Browser) -> None:
    product.signed_in(browser, "Alice Archer")
    refused = browser.ask("POST", f"{product.url}/graphql", body={"query": VIEWER})
    assert (refused.status_code, refused.json()["code"]) == (403, "ORIGIN_REFUSED")


def test_changed_groups_change_the_permissions_within_seconds(
    product: Product, browser: Browser, other_browser: Browser
) -> None:
    """Promise 1, S0-02, S0-22: the groups are edited on the demo provider's page, the account page follows."""
    page = product.signed_in(browser, "Bob Baker")
    assert "docs:write" in page.section(*PERMISSIONS)
    other_browser.open(f"{product.demo_url}/people")
    form = next(one for one in other_browser.page.forms if one.action.endswith("/bob/groups"))
    button = form.buttons[0].text
    try:
        assert "are saved" in other_browser.press(button, groups="support, platform").text

        def seen() -> bool:
            shown = browser.open(f"{product.url}/account").section(*PERMISSIONS)
            return "tickets:answer" in shown and "because you are in platform" in shown and "engineering" not in shown

        eventually(seen)
        assert "Groups platform support" in browser.page.section("How you sign in")

        other_browser.press(button, groups="")
        eventually(lambda: "No permissions at the moment." in browser.open(f"{product.url}/account").text)
        assert "Groups none" in browser.page.text
        assert browser.data(product.url, VIEWER)["viewer"]["permissions"] == []
    finally:
        product.edit_person("bob", groups=["engineering"])
    eventually(lambda: "docs:write" in browser.open(f"{product.url}/account").section(*PERMISSIONS))


def test_a_removed_person_is_out_and_comes_back_by_signing_in(
    product: Product, browser: Browser, other_browser: Browser
) -> None:
    """Promise 2: nobody here did anything, and yet the session is over and nothing has force."""
    assert "tickets:answer" in product.signed_in(browser, "Carol Cooper").section(*PERMISSIONS)
    carol = browser.data(product.url, VIEWER)["viewer"]["user"]["id"]
    other_browser.open(f"{product.demo_url}/people")
    try:
        assert "is removed" in other_browser.press("Remove Carol Cooper").text
        eventually(lambda: browser.open(f"{product.url}/account").url.startswith(product.demo_url))
        assert browser.ask("GET", f"{product.url}/v1/me").status_code == 401

        product.signed_in(other_browser, "Dora Dyer")
        query = (
            "query ($id: ID!) { user(id: $id) { permissions { name } dormantPermissions { name cause } sessions { id }"
            " identities { state stateReason } } }"
        )
        known = other_browser.data(product.url, query, id=carol)["user"]
        assert known["permissions"] == []
        assert known["sessions"] == []
        assert known["dormantPermissions"] == [{"name": "tickets:answer", "cause": known_cause(known)}]
        assert known["identities"] == [{"state": "REVOKED", "stateReason": "invalid_grant"}]

        refused = browser.press("Carol Cooper")
        assert refused.status == 400
        assert "PROVIDER_REFUSED" in refused.text
    finally:
        product.edit_person("carol", removed=False)
    page = product.signed_in(browser, "Carol Cooper")
    assert "tickets:answer" in page.section(*PERMISSIONS)
    assert browser.data(product.url, VIEWER)["viewer"]["user"]["id"] == carol


def known_cause(user: dict[str, list[dict[str, str]]]) -> str:
    """Both are true of somebody whose only identity is dead; which of them is told is not this test's."""
    [dormant] = user["dormantPermissions"]
    assert dormant["cause"] in ("IDENTITY_REVOKED", "NO_WAY_IN")
    return dormant["cause"]


def test_signing_out_ends_the_session_here_and_leads_over_the_provider(product: Product, browser: Browser) -> None:
    product.signed_in(browser, "Alice Archer")
    token = browser.cookies(product.url)["session"]
    page = browser.press("Sign out")
    assert any(urlsplit(one).netloc == urlsplit(product.demo_url).netloc for one in browser.visited)
    if origin_of(page.url) == product.demo_url:
        page = browser.press(page.forms[0].buttons[0].text)
    assert page.url == f"{product.url}/login?signed_out=1"
    assert "You have signed out." in page.text
    assert "session" not in browser.cookies(product.url)
    browser.cookies(product.url)["session"] = token
    assert browser.ask("GET", f"{product.url}/v1/me").status_code == 401


def _sessions(page: Page) -> set[str]:
    return {form.action for form in page.forms if "/account/sessions/" in form.action}


def test_a_session_can_be_ended_from_another_browser(
    product: Product, browser: Browser, other_browser: Browser
) -> None:
    before = _sessions(product.signed_in(other_browser, "Erin Evans"))
    product.signed_in(browser, "Erin Evans")
    # Whatever other tests left signed in: the one that is new is the other browser's.
    [other] = _sessions(other_browser.open(f"{product.url}/account")) - before
    assert other_browser.ask("POST", other).status_code == 303
    assert browser.ask("GET", f"{product.url}/v1/me").status_code == 401
    assert other_browser.ask("GET", f"{product.url}/v1/me").status_code == 200
