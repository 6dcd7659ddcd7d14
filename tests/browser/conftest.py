"""One Chromium for the suite, and a fresh profile for each test."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from identity_api.db.database import Database
from tests.browser.chromium import CHROMIUM, launch_arguments
from tests.browser.systems import Systems, running_systems


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
    broken = watch(context)
    yield await context.new_page()
    await context.close()
    assert broken() == []


@pytest_asyncio.fixture(scope="package")
async def systems(
    database: Database, database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Systems]:
    """The five tenants of the five systems, and a browser to visit them with."""
    services = {"IDENTITY_DATABASE_URL": database_url, "IDENTITY_REDIS_URL": redis_url}
    async with running_systems(database, services, tmp_path_factory.mktemp("systems")) as running:
        yield running


def watch(context: BrowserContext) -> Callable[[], list[str]]:
    """From now on note what breaks our own policy, and what scripts throw, on any page of a browser."""
    reported: list[str] = []
    context.on("console", lambda message: reported.append(message.text))
    context.on("weberror", lambda error: reported.append(f"error: {error.error}"))
    return lambda: [text for text in reported if "Security Policy" in text or text.startswith("error")]
