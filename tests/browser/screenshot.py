"""Makes docs/images/account.png: the account page as alice sees it. Run by hand: `python -m tests.browser.screenshot`."""

import asyncio
from pathlib import Path

from playwright.async_api import async_playwright

from tests.browser.chromium import CHROMIUM, launch_arguments
from tests.flows.product import running_product

TARGET = Path(__file__).parents[2] / "docs" / "images" / "account.png"


async def take(url: str) -> None:
    """Sign alice in and take the picture."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=launch_arguments())
        page = await browser.new_page(
            viewport={"width": 800, "height": 600}, device_scale_factor=1.5, color_scheme="light"
        )
        await page.goto(url)
        await page.get_by_role("button", name="Alice Archer").click()
        await page.wait_for_url(f"{url}/account")
        await page.screenshot(path=TARGET, full_page=True)
        await browser.close()


if __name__ == "__main__":
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with running_product() as product:
        asyncio.run(take(product.url))
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")
