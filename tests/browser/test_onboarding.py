"""The onboarding checklist on a telephone: no JavaScript, no sideways scrolling, and reached from the account page."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.chromium import CHROMIUM, MISSING
from tests.flows.product import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio,
]


async def test_an_admin_reads_the_checklist_on_a_narrow_screen_without_javascript(
    chromium: Browser, product: Product
) -> None:
    """S0-27, S0-58, S0-59."""
    context = await chromium.new_context(viewport={"width": 320, "height": 700}, java_script_enabled=False)
    try:
        page = await context.new_page()
        await page.goto(product.url)
        await page.get_by_role("button", name="Dora").click()
        await page.wait_for_url(f"{product.url}/account")
        product.command("grant", "demo", "dora", "identity:providers:read")
        await page.reload()
        await page.get_by_role("link", name="Set up single sign-on").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Set up single sign-on")
        main = page.get_by_role("main")
        await expect(main.get_by_role("heading", name="Demo provider")).to_be_visible()
        await expect(main).to_contain_text(f"{product.url}/auth/oidc/demo/callback")
        folded = main.locator("details:not([open])", has_text="Demo provider")
        if await folded.count():
            await folded.locator("summary").click()
        for done in ("Somebody has signed in", "The account page shows the synced profile", "A mapping admin exists"):
            await expect(main.get_by_role("listitem").filter(has_text=done).first).to_contain_text("done")
        wide = await page.locator("body *").evaluate_all(
            "all => all.filter(one => one.getBoundingClientRect().right > 320.5 && !one.classList.contains('unseen')).length"
        )
        assert wide == 0
    finally:
        product.command("revoke", "demo", "dora", "identity:providers:read")
        await context.close()
