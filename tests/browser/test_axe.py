"""axe finds nothing on any page, neither light at 1,280 pixels nor dark at 320."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page

from identity_api.web.console.pages import PAGES
from tests.browser.axe import MISSING as NO_AXE
from tests.browser.axe import SCRIPT, WIDE, faults
from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.console_house import build_console_house, signed_in
from tests.browser.house import House
from tests.browser.systems import Systems

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.skipif(not SCRIPT.is_file(), reason=NO_AXE),
    pytest.mark.asyncio(loop_scope="session"),
]

OF_ONE = re.compile(r"/\{id:str\}$")
OTHERS = ("/account", "/account/credentials", "/auth/reauthenticate?return_to=/account", "/nothing/here")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(systems: Systems) -> House:
    """With groups, a mapping and its proposal, a webhook and a frontend."""
    made = await build_console_house(systems)
    await made.use_groups()
    return made


@pytest_asyncio.fixture
async def admin(house: House) -> AsyncIterator[Page]:
    async for page in signed_in(house, viewport=WIDE):
        yield page


async def fill(page: Page, house: House) -> None:
    """Make one of everything that has a page of its own."""
    await page.goto(f"{house.origin}/console/webhooks")
    await page.get_by_label("Address").fill("https://hooks.example/identity")
    await page.get_by_role("button", name="Make the webhook").click()
    await page.goto(f"{house.origin}/console/frontends")
    await page.get_by_label("Name in addresses").fill("shop")
    await page.get_by_label("Return URLs, one a line").fill("https://shop.example/done")
    await page.get_by_role("button", name="Make the frontend").click()
    await page.goto(f"{house.origin}/console/mappings/import")
    await page.get_by_label("Table of mappings (CSV)").fill("group,permissions,provider\nnight,docs:read,google")
    await page.get_by_role("button", name="Preview").click()
    await page.locator("summary", has_text="Propose it").click()
    await page.get_by_role("button", name="Propose", exact=True).click()


async def addresses(page: Page, house: House) -> list[str]:
    """Every page of the console; a page of one thing is that of the first in its list."""
    found = []
    for one in PAGES:
        if not OF_ONE.search(one.path):
            found.append(one.path)
            continue
        listed = OF_ONE.sub("", one.path)
        await page.goto(f"{house.origin}{listed}")
        links = await page.locator(f'main a[href^="{listed}/"]').evaluate_all(
            "all => all.map((one) => one.getAttribute('href'))"
        )
        found.append(next(link for link in links if re.search(r"/[A-Za-z0-9_-]{24}$", link)))
    return found


async def test_axe_finds_nothing_on_any_page(admin: Page, house: House) -> None:
    await fill(admin, house)
    wrong = {}
    asked = [*await addresses(admin, house), *OTHERS]
    asked += ["/console/providers/new?preset=entra", "/console/audit?by=user&value=nobody"]
    for address in asked:
        print("axe", address, flush=True)
        await admin.goto(f"{house.origin}{address}")
        if found := await faults(admin):
            wrong[address] = found
    for provider in ("entra", None):
        await admin.goto(await house.invitation_link(f"guest-{provider}", provider))
        if found := await faults(admin):
            wrong[f"invitation to {provider}"] = found
    assert wrong == {}
    assert len(asked) == len(PAGES) + len(OTHERS) + 2


async def test_axe_finds_nothing_after_a_form(admin: Page, house: House) -> None:
    await admin.goto(f"{house.origin}/console/mappings/import")
    await admin.get_by_label("Table of mappings (CSV)").fill("group,permissions\nnight,docs:raed")
    await admin.get_by_role("button", name="Preview").click()
    assert await faults(admin) == []
    await admin.goto(f"{house.origin}/console/webhooks")
    await admin.get_by_label("Address").fill("http://10.0.0.1/x")
    await admin.get_by_role("button", name="Make the webhook").click()
    assert await faults(admin) == []


async def test_axe_finds_what_is_wrong(admin: Page, house: House) -> None:
    await admin.goto(f"{house.origin}/console/users")
    await admin.evaluate("document.querySelector('label[for=q]').remove()")
    assert "label" in {one["id"] for one in await faults(admin)}
