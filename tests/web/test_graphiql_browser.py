"""The GraphiQL page in a real browser: it runs under its own policy, and says what is missing."""

import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from tests.browser.chromium import CHROMIUM
from tests.ports import free_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="the distribution's Chromium is not installed"),
]


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    port = free_port()
    arguments = ["--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "tests.web.graphiql_server:app"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "granian", *arguments], cwd=root, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as server:
        try:
            _wait_until_listening(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        else:
            return


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield await browser.new_page()
        await browser.close()


async def open_and_run(page: Page, address: str) -> list[str]:
    """Open the page, run its first query, and return what the browser reported as a violation of the policy."""
    reported: list[str] = []
    page.on("console", lambda message: reported.append(message.text))
    page.on("pageerror", lambda error: reported.append(f"error: {error}"))
    await page.goto(address)
    await page.click(".graphiql-execute-button")
    # Not `wait_for_function`: from its second look on it evaluates text in the page, which the policy forbids.
    await expect(page.locator(".graphiql-response")).to_contain_text("{")
    return [text for text in reported if "Security Policy" in text or text.startswith("error")]


@pytest.mark.asyncio
async def test_somebody_who_may_reads_the_schema_and_runs_a_query(page: Page, origin: str) -> None:
    assert await open_and_run(page, f"{origin}/admin/graphql") == []
    assert '"__typename": "Query"' in await page.inner_text(".graphiql-response")
    await page.click("button[aria-label='Show Documentation Explorer']")
    await page.wait_for_selector("text=Root Types")
    assert not await page.is_visible("#hint")


@pytest.mark.asyncio
async def test_an_open_dialog_breaks_no_rule_of_the_policy(page: Page, origin: str) -> None:
    reported: list[str] = []
    await open_and_run(page, f"{origin}/admin/graphql")
    page.on("console", lambda message: reported.append(message.text))
    await page.click("button[aria-label='Open settings dialog']")
    await page.wait_for_selector("text=Theme")
    assert [text for text in reported if "Security Policy" in text] == []


@pytest.mark.asyncio
async def test_somebody_without_a_session_is_told_and_led_to_the_sign_in_page(page: Page, origin: str) -> None:
    assert await open_and_run(page, f"{origin}/nobody/graphql") == []
    assert "not signed in" in await page.inner_text("#hint")
    assert await page.evaluate("document.querySelector('#hint a').href") == f"{origin}/nobody/login"


@pytest.mark.asyncio
async def test_somebody_who_may_not_read_the_schema_still_runs_queries(page: Page, origin: str) -> None:
    assert await open_and_run(page, f"{origin}/user/graphql") == []
    assert '"__typename": "Query"' in await page.inner_text(".graphiql-response")
    assert "not read the schema, which needs identity:schema:read" in await page.inner_text("#hint")
