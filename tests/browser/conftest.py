"""One Chromium for the suite, and a fresh profile for each test."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.chromium import CHROMIUM, launch_arguments


@pytest_asyncio.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=launch_arguments())
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    """A page of somebody who has been nowhere. At the end, nothing may have broken our own policy or thrown."""
    context = await chromium.new_context(viewport={"width": 1_100, "height": 800})
    fresh = await context.new_page()
    reported: list[str] = []
    fresh.on("console", lambda message: reported.append(message.text))
    fresh.on("pageerror", lambda error: reported.append(f"error: {error}"))
    yield fresh
    await context.close()
    assert [text for text in reported if "Security Policy" in text or text.startswith("error")] == []
