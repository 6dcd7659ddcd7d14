"""The main story in a real browser: sign in, look at oneself, ask GraphQL, watch the groups change, sign out."""

import json

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import CHROMIUM, MISSING
from tests.flows.product import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio,
]

VIEWER = "{ viewer { user { username displayLabel email } permissions { name } } }"
WIDTH = "document.documentElement.scrollWidth"


async def sign_in(page: Page, product: Product, name: str) -> None:
    await page.goto(product.url)
    await page.get_by_role("button", name=name).click()
    await page.wait_for_url(f"{product.url}/account")


async def focused(page: Page) -> str:
    """What is written on the element that has the focus."""
    text: str = await page.evaluate("document.activeElement.innerText || ''")
    return text


async def tab_to(page: Page, text: str) -> None:
    """Press Tab until something with this text has the focus; it must be seen that it has."""
    for _ in range(20):
        await page.keyboard.press("Tab")
        if text in await focused(page):
            style = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert style != "none", "the focus cannot be seen"
            return
    raise AssertionError(f"{text!r} cannot be reached by keyboard")


async def test_somebody_signs_in_runs_the_viewer_query_and_signs_out(page: Page, product: Product) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await sign_in(page, product, "Alice Archer")
    main = page.get_by_role("main")
    await expect(main.get_by_role("heading", level=1)).to_have_text("Alice Archer")
    await expect(main).to_contain_text("because you are in platform at Demo provider (mapping platform)")
    await expect(main).to_contain_text("this one")

    await page.goto(f"{product.url}/graphql")
    await page.click(".graphiql-query-editor")
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text(VIEWER)
    await page.keyboard.press("Control+Enter")
    response = page.locator(".graphiql-response")
    await expect(response).to_contain_text("Alice Archer", timeout=15_000)
    shown = await page.evaluate("document.querySelector('.graphiql-response .CodeMirror').CodeMirror.getValue()")
    viewer = json.loads(shown)["data"]["viewer"]
    assert viewer["user"]["username"] == "alice"
    assert [one["name"] for one in viewer["permissions"]] == ["docs:read", "docs:write", "reports:read"]

    await page.goto(f"{product.url}/account")
    await page.get_by_role("button", name="Sign out").click()
    if page.url.startswith(product.demo_url):
        await page.get_by_role("button").first.click()
    await page.wait_for_url(f"{product.url}/login?signed_out=1")
    await expect(page.get_by_role("status")).to_have_text("You have signed out.")
    away = [url for url in asked if not url.startswith((product.url, product.demo_url, "data:"))]
    assert away == [], "something was loaded from elsewhere"


async def test_groups_edited_on_the_providers_page_change_the_account_page(page: Page, product: Product) -> None:
    await sign_in(page, product, "Erin Evans")
    await expect(page.get_by_role("main")).to_contain_text("No permissions at the moment.")
    people = await page.context.new_page()
    try:
        await people.goto(f"{product.demo_url}/people")
        await people.get_by_label("Groups of Erin Evans").fill("support")
        await people.get_by_role("button", name="Save groups of Erin Evans").click()
        await expect(people.get_by_role("status")).to_contain_text("are saved")
        # Nobody reloads it.
        gained = "because you are in support at Demo provider"
        await expect(page.get_by_role("main")).to_contain_text(gained, timeout=90_000)
    finally:
        product.edit_person("erin", groups=[])


async def test_somebody_signs_in_and_out_with_the_keyboard_alone(page: Page, product: Product) -> None:
    await page.goto(product.url)
    await tab_to(page, "Bob Baker")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{product.url}/account")
    await tab_to(page, "Sign out")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{product.url}/login?signed_out=1")
    await tab_to(page, "Demo provider")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{product.demo_url}/authorize?**")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_page_scrolls_sideways_at_320_pixels(page: Page, product: Product, scheme: str) -> None:
    """WCAG 2.2, 1.4.10. The page with the most on it is the admin's."""
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": 320, "height": 640})
    await page.goto(product.url)
    assert await page.evaluate(WIDTH) <= 320, "the provider's page"
    await page.get_by_role("button", name="Dora Dyer").click()
    await page.wait_for_url(f"{product.url}/account")
    for path in ("/account", "/login?choose=1", "/nothing-here", "/auth/oidc/demo/callback?state=x&code=y"):
        await page.goto(f"{product.url}{path}")
        assert await page.evaluate(WIDTH) <= 320, path
    await page.goto(f"{product.demo_url}/people")
    assert await page.evaluate(WIDTH) <= 320, "people"
