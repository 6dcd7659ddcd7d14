"""A mapping admin's job in the console, timed: makes docs/images/console-*.png and prints the seconds of each step.

Run by hand: `python -m tests.browser.console_pictures`. The seconds are those of a browser that types and clicks at once;
a person reads meanwhile.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.chromium import CHROMIUM, launch_arguments
from tests.flows.product import running_product

FOLDER = Path(__file__).parents[2] / "docs" / "images"
TABLE = "\n".join(
    [
        "group,permissions,match,provider,enabled",
        *[f"team-{number:03},docs:read,EXACT,demo,yes" for number in range(1, 199)],
        "support,tickets:answer docs:read,EXACT,demo,yes",
        "platform,docs:read reports:read,EXACT,demo,yes",
        "",
    ]
)
"""200 mappings, of which the last two change what is there: one gives something by mistake, one takes something."""


async def sign_in(browser: Browser, url: str, name: str, **options: object) -> Page:
    """Somebody of the demo, in a browser of their own."""
    page = await browser.new_page(color_scheme="light", **options)
    await page.goto(url)
    await page.get_by_role("button", name=name).click()
    await page.wait_for_url(f"{url}/account")
    return page


@contextmanager
def timed(what: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - begun:.1f} s")


async def take(page: Page, name: str) -> None:
    await page.screenshot(path=FOLDER / f"console-{name}.png")


async def preview(page: Page) -> None:
    """Again, where the machine is so busy that it took longer than a request may."""
    for _ in range(5):
        await page.get_by_role("button", name="Preview").click()
        await page.wait_for_load_state()
        if not await page.get_by_text("TIMEOUT", exact=True).count():
            return


async def bring_in(page: Page, url: str) -> None:
    """Import the table, wrong at first."""
    await page.goto(f"{url}/console/mappings")
    await page.get_by_role("link", name="Import mappings").click()
    table = page.get_by_label("Table of mappings (CSV)")
    await table.fill(
        TABLE.replace("team-007,docs:read", "team-007,docs:raed").replace(
            "team-012,docs:read,EXACT", "team-012,docs:read,exact"
        )
    )
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("alert")).to_contain_text("Line 8")
    await table.fill(TABLE)
    await preview(page)
    await expect(page.locator("#preview")).to_contain_text("Mapping made: 198")
    await page.locator("#preview").scroll_into_view_if_needed()
    await page.evaluate("document.querySelector('#preview').scrollIntoView()")
    await take(page, "import")
    await page.get_by_label("Why (for the record)").fill("The teams of the new office")
    await page.get_by_role("button", name="Make these changes").click()
    await expect(page.get_by_role("status")).to_contain_text("The mappings are as the table says.")


async def ask_why(page: Page, url: str) -> None:
    """Why carol cannot write documents."""
    await page.goto(f"{url}/console/users")
    await page.get_by_label("Search").press_sequentially("car")
    await page.get_by_role("link", name="Carol Cooper").click()
    await page.get_by_label("Permission", exact=True).select_option("docs:write")
    await page.get_by_role("button", name="Explain").click()
    await expect(page.locator("#why")).to_contain_text("not in force")
    await page.evaluate("document.querySelector('#why').scrollIntoView()")
    await take(page, "why")


async def who_has_it(page: Page, url: str) -> None:
    await page.goto(f"{url}/console/permissions")
    await page.get_by_role("link", name="docs:read", exact=True).click()
    await expect(page.get_by_role("link", name="Carol Cooper").first).to_be_visible()
    await take(page, "holders")


async def put_back(page: Page, url: str) -> None:
    """The mistake: support reads documents."""
    await page.goto(f"{url}/console/mappings")
    await page.get_by_role("link", name="support", exact=True).click()
    await page.get_by_role("link", name="Undo").first.click()
    await expect(page.locator("#preview")).to_contain_text("Carol Cooper")
    await take(page, "undo")
    await page.get_by_role("button", name="Undo it").click()
    await expect(page.get_by_role("status")).to_contain_text("It is undone.")


async def export(page: Page, url: str) -> None:
    await page.goto(f"{url}/console/audit")
    await page.get_by_label("Filter by").select_option("Who did it")
    await page.get_by_label("Is", exact=True).fill("dora")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("#found li").first).to_contain_text("dora")
    await take(page, "audit")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export as CSV").click()
    lines = (await (await download.value).path()).read_text("utf-8-sig").splitlines()
    print(f"lines of the export: {len(lines)}")


async def work(url: str) -> None:
    """The job, step by step."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=launch_arguments())
        for name in ("Alice Archer", "Carol Cooper"):
            await (await sign_in(browser, url, name)).close()
        page = await sign_in(browser, url, "Dora Dyer", viewport={"width": 1_000, "height": 700})
        await page.goto(f"{url}/console/overview")
        await take(page, "overview")
        for what, step in {
            "import 200 mappings, with two wrong lines first": bring_in,
            "why somebody lacks a permission": ask_why,
            "who has another": who_has_it,
            "revert a mistake": put_back,
            "export for an auditor": export,
        }.items():
            with timed(what):
                await step(page, url)
        await browser.close()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    with running_product() as product:
        asyncio.run(work(product.url))
