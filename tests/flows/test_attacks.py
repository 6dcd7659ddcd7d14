"""Logins that somebody interferes with, over real HTTP and with the cookies of real hosts (promises 5 to 9, I4)."""

from urllib.parse import urlsplit

import pytest

from tests.flows.browser import Browser
from tests.flows.product import Product

pytestmark = pytest.mark.xdist_group("flows")


def is_signed_in(browser: Browser, origin: str) -> bool:
    return browser.ask("GET", f"{origin}/v1/me").status_code == 200


def refused(browser: Browser, url: str) -> str:
    """Open an address that has to be refused; the page's code."""
    page = browser.open(url)
    assert page.status == 400, (page.url, page.status, page.text)
    return page.section("Code ", " Request")


def test_begin_on_host_a_with_the_callback_on_host_b(product: Product, acme: str, browser: Browser) -> None:
    browser.leave_for_provider(f"{acme}/login")
    hosts = [urlsplit(one).hostname for one in browser.visited]
    assert hosts == ["a.localhost", "127.0.0.1", "127.0.0.1"], browser.visited  # login, second launch, provider
    assert all(any(name.startswith("login-") for name in browser.cookies(one)) for one in (acme, product.url))

    page = browser.press("Bob Baker")
    paths = [f"{urlsplit(one).hostname}{urlsplit(one).path}" for one in browser.visited]
    assert paths == [
        "127.0.0.1/authorize/decision",
        "127.0.0.1/auth/oidc/demo/callback",
        "a.localhost/auth/complete",
        "a.localhost/account",
    ]
    assert "Bob Baker" in page.text
    assert browser.cookies(acme).keys() == {"session"}
    assert not browser.cookies(product.url)
    assert not is_signed_in(browser, product.url)


def test_begin_on_localhost_with_the_callback_on_127_0_0_1(product: Product, browser: Browser) -> None:
    origin = product.at("localhost")
    browser.leave_for_provider(f"{origin}/login")
    assert browser.press("Bob Baker").url == f"{origin}/account"
    assert not browser.cookies(product.url)


def test_attackers_callback_url_in_the_victims_browser(
    product: Product, browser: Browser, other_browser: Browser
) -> None:
    """Login CSRF: the victim would work in the attacker's account. The victim has begun a login of their own."""
    attacker, victim = browser, other_browser
    attacker.leave_for_provider(f"{product.url}/login")
    address = attacker.press("Bob Baker", stop_at="/callback").url
    victim.leave_for_provider(f"{product.url}/login")
    assert refused(victim, address) == "BROWSER_MISMATCH"
    assert not is_signed_in(victim, product.url)
    assert attacker.open(address).url == f"{product.url}/account"


def test_attackers_completion_url_in_the_victims_browser(acme: str, browser: Browser, other_browser: Browser) -> None:
    """The same where the callback is on another host: the code that travels between the hosts is bound as well."""
    attacker, victim = browser, other_browser
    attacker.leave_for_provider(f"{acme}/login")
    address = attacker.press("Bob Baker", stop_at="/auth/complete").url
    assert refused(victim, address) == "BROWSER_MISMATCH"
    assert not is_signed_in(victim, acme)
    assert attacker.open(address).url == f"{acme}/account"


def test_attackers_handle_in_the_victims_browser(acme: str, browser: Browser, other_browser: Browser) -> None:
    """Whoever opens the handle owns the login: it ends as the victim's own, and the attacker holds nothing."""
    attacker, victim = browser, other_browser
    handle = attacker.ask("POST", f"{acme}/v1/auth/oidc/login", body={"tenant_id": "acme"}).json()["auth_url"]
    victim.leave_for_provider(handle)
    assert refused(attacker, handle) == "LOGIN_USED"
    callback = victim.press("Alice Archer", stop_at="/callback").url
    assert refused(attacker, callback) == "BROWSER_MISMATCH"
    assert "Alice Archer" in victim.open(callback).text
    assert is_signed_in(victim, acme)
    assert not is_signed_in(attacker, acme)


def test_two_tabs(product: Product, browser: Browser) -> None:
    """Two logins under way in one browser end each for itself, in any order."""
    browser.leave_for_provider(f"{product.url}/login")
    first = browser.page
    browser.leave_for_provider(f"{product.url}/login?return_to=/account?tab=2")
    assert browser.press("Bob Baker").url == f"{product.url}/account?tab=2"
    browser.page = first
    assert browser.press("Bob Baker").url == f"{product.url}/account"
    assert is_signed_in(browser, product.url)
    assert browser.cookies(product.url).keys() == {"session"}


def test_replay(product: Product, browser: Browser, other_browser: Browser) -> None:
    """A callback that was used is of no use again: neither in its browser, nor with its cookies in another one."""
    browser.leave_for_provider(f"{product.url}/login")
    address = browser.press("Bob Baker", stop_at="/callback").url
    stolen = dict(browser.cookies(product.url))
    assert browser.open(address).url == f"{product.url}/account"
    other_browser.cookies(product.url).update(stolen)
    assert refused(other_browser, address) == "LOGIN_USED"
    assert not is_signed_in(other_browser, product.url)
    assert browser.open(address).url == f"{product.url}/account"  # as who they were: nothing is exchanged
    assert is_signed_in(browser, product.url)


def test_a_session_planted_beforehand_is_never_taken_over(
    product: Product, browser: Browser, other_browser: Browser
) -> None:
    """Session fixation: the victim's login makes a new token, and the planted one is over."""
    attacker, victim = browser, other_browser
    product.signed_in(attacker, "Bob Baker")
    planted = attacker.cookies(product.url)["session"]
    victim.cookies(product.url)["session"] = planted
    assert product.signed_in(victim, "Alice Archer").text.count("Alice Archer")
    assert victim.cookies(product.url)["session"] != planted
    assert not is_signed_in(attacker, product.url)
