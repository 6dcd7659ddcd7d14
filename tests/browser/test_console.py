"""The console in a real browser: with and without JavaScript, on a narrow and a wide window, in both colour schemes.

One story for each part of it; every page on the way is looked at closely (`looks`).
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.console_house import build_console_house, signed_in
from tests.browser.house import House
from tests.browser.looks import NARROW, shortcomings
from tests.browser.systems import Systems

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio(loop_scope="session"),
]

Look = Callable[[Page, str], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(systems: Systems) -> House:
    return await build_console_house(systems)


@pytest_asyncio.fixture
async def plain(house: House) -> AsyncIterator[Page]:
    """The admin's telephone, without JavaScript."""
    async for page in signed_in(house, java_script_enabled=False, viewport=NARROW):
        yield page


@pytest_asyncio.fixture
async def scripted(house: House) -> AsyncIterator[Page]:
    """The admin's browser."""
    async for page in signed_in(house, viewport={"width": 1_280, "height": 900}):
        yield page


async def look(page: Page, heading: str) -> None:
    """Look at the page with this heading, closely."""
    await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert await shortcomings(page) == [], (heading, page.url)


async def test_without_javascript_a_user_is_found_explained_disabled_and_enabled(plain: Page, house: House) -> None:
    await house.world.make_user("bert", password=None)
    await plain.goto(f"{house.origin}/console/users")
    await look(plain, "Users")
    await plain.get_by_label("Search").fill("bert")
    await plain.get_by_role("button", name="Show").click()
    await expect(plain.locator("#found li")).to_have_count(1)
    await plain.get_by_role("link", name="bert").click()
    await look(plain, "bert")
    await plain.get_by_label("Permission", exact=True).select_option("identity:audit:read")
    await plain.get_by_role("button", name="Explain").click()
    await expect(plain.locator("#why")).to_contain_text("not in force")
    await look(plain, "bert")
    await plain.locator("summary", has_text="Disable").click()
    await plain.get_by_role("button", name="Disable this user").click()
    await expect(plain.get_by_role("status")).to_contain_text("disabled")
    await plain.get_by_role("button", name="Enable").click()
    await expect(plain.get_by_role("status")).to_contain_text("enabled")


async def test_with_javascript_the_list_follows_what_is_typed_and_times_are_local(scripted: Page, house: House) -> None:
    await house.world.make_user("cleo", password=None)
    await scripted.goto(f"{house.origin}/console/users")
    await expect(scripted.locator("#found li").first).to_be_visible()
    await scripted.get_by_label("Search").press_sequentially("cle")
    await expect(scripted.locator("#found li")).to_have_count(1)
    await expect(scripted.locator("#found")).to_contain_text("cleo")
    assert "q=cle" in scripted.url
    await scripted.get_by_label("Account").select_option("Disabled")
    await expect(scripted.locator("#found")).to_contain_text("Nothing was found")
    await scripted.get_by_label("Account").select_option("Any")
    await expect(scripted.locator("#found")).to_contain_text("cleo")
    assert (await scripted.locator("#found time").get_attribute("title") or "").endswith("UTC")
    await look(scripted, "Users")


async def test_the_account_page_tells_the_device_and_local_times_and_leads_to_the_console(house: House) -> None:
    async for page in signed_in(house, locale="de-DE", timezone_id="America/New_York"):
        await page.goto(f"{house.origin}/account")
        here = (
            page.get_by_role("region", name="Where you are signed in")
            .get_by_role("listitem")
            .filter(has_text="this one")
        )
        await expect(here).to_contain_text("Chrome (Linux)")
        since = here.locator("time").first
        told = datetime.fromisoformat(str(await since.get_attribute("datetime"))).astimezone(
            ZoneInfo("America/New_York")
        )
        await expect(since).to_contain_text(f"{told:%-I:%M}")
        await expect(since).to_have_attribute("title", re.compile("UTC$"))
        await page.get_by_role("link", name="Open the console").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Übersicht")


async def test_without_javascript_a_group_is_mapped_changed_and_unmapped(plain: Page, house: House) -> None:
    await plain.goto(f"{house.origin}/console/groups")
    await look(plain, "Groups")
    await plain.goto(f"{house.origin}/console/mappings")
    await look(plain, "Mappings")
    await plain.get_by_role("link", name="New mapping").click()
    await look(plain, "New mapping")
    await plain.get_by_label("Group or pattern").fill("night-shift")
    await plain.get_by_label("identity:audit:read").check()
    await plain.get_by_label("Provider", exact=True).select_option("Google")
    await plain.get_by_role("button", name="Preview").click()
    await expect(plain.locator("#preview")).to_contain_text("Users who gain a permission: 0.")
    await look(plain, "New mapping")
    await plain.get_by_label("Why (for the record)").fill("for the auditors")
    await plain.get_by_role("button", name="Make the mapping").click()
    await expect(plain.get_by_role("status")).to_contain_text("The mapping is made.")
    await plain.get_by_role("link", name="night-shift").click()
    await expect(plain.locator("#history")).to_be_visible()
    await plain.get_by_label("Gives its permissions").select_option("No")
    await plain.get_by_role("button", name="Preview").click()
    await plain.get_by_role("button", name="Save the change").click()
    await expect(plain.get_by_role("status")).to_contain_text("The mapping is changed.")
    await look(plain, "night-shift")
    await plain.get_by_role("link", name="Delete it").click()
    await plain.get_by_role("button", name="Delete the mapping").click()
    await expect(plain.get_by_role("status")).to_contain_text("The mapping is deleted.")


async def test_with_javascript_the_preview_follows_what_is_typed_and_ticked(scripted: Page, house: House) -> None:
    await scripted.goto(f"{house.origin}/console/mappings/new")
    await scripted.get_by_label("Group or pattern").press_sequentially("day-*")
    await scripted.get_by_label("Compared").select_option("GLOB")
    await scripted.get_by_label("identity:audit:read").check()
    await expect(scripted.locator("#preview [role=alert]")).to_contain_text("exact")
    await scripted.get_by_label("identity:audit:read").uncheck()
    await expect(scripted.locator("#preview")).to_contain_text("Nothing has been changed yet.")
    await scripted.emulate_media(color_scheme="dark")
    await look(scripted, "New mapping")


async def test_without_javascript_the_overview_permissions_and_audit_are_read(plain: Page, house: House) -> None:
    await plain.goto(f"{house.origin}/console")
    await look(plain, "Overview")
    await plain.get_by_role("link", name="All changes").click()
    await plain.get_by_label("Is", exact=True).fill("session.begun")
    await plain.get_by_role("button", name="Show").click()
    await expect(plain.locator("#found li").first).to_contain_text("session.begun")
    await look(plain, "Audit")
    await plain.goto(f"{house.origin}/console/permissions")
    await plain.get_by_label("Name (noun:verb)").fill("reports:read")
    await plain.get_by_role("button", name="Make the permission").click()
    await expect(plain.get_by_role("status")).to_contain_text("The permission is made.")
    await look(plain, "Permissions")
    await plain.get_by_role("link", name="reports:read").click()
    await look(plain, "reports:read")


async def test_with_javascript_the_audit_follows_its_filter(scripted: Page, house: House) -> None:
    await scripted.goto(f"{house.origin}/console/audit")
    await scripted.get_by_label("Is", exact=True).press_sequentially("session.begun")
    await expect(scripted.locator("#found li", has_not_text="session.begun")).to_have_count(0)
    await expect(scripted.locator("#found li").first).to_contain_text("session.begun")
    await scripted.goto(f"{house.origin}/console/overview")
    await look(scripted, "Overview")


async def test_without_javascript_a_table_is_imported_and_a_change_undone(plain: Page, house: House) -> None:
    await plain.goto(f"{house.origin}/console/mappings")
    await plain.get_by_role("link", name="Import mappings").click()
    await look(plain, "Import mappings")
    table = plain.get_by_label("Table of mappings (CSV)")
    lines = "group,permissions,provider\nauditors,identity:audit:read,google\nreaders,identity:usres:read,google"
    await table.fill(lines)
    await plain.get_by_role("button", name="Preview").click()
    await expect(plain.get_by_role("alert")).to_contain_text("Line 3: There is no permission identity:usres:read.")
    await look(plain, "Import mappings")
    await table.fill(lines.replace("usres", "users"))
    await plain.get_by_role("button", name="Preview").click()
    await look(plain, "Import mappings")
    await plain.get_by_role("button", name="Make these changes").click()
    await expect(plain.get_by_role("status")).to_contain_text("The mappings are as the table says.")
    async with plain.expect_download() as download:
        await plain.get_by_role("link", name="Export as CSV").click()
    assert "auditors,EXACT,google,identity:audit:read,yes" in (await (await download.value).path()).read_text("utf-8")
    await plain.get_by_role("link", name="auditors").click()
    await plain.get_by_role("link", name="Undo").click()
    await look(plain, "Undo")
    await plain.get_by_role("button", name="Undo it").click()
    await expect(plain.get_by_role("status")).to_contain_text("It is undone.")
    await plain.goto(f"{house.origin}/console/mappings")
    await expect(plain.get_by_role("link", name="auditors")).to_have_count(0)


async def test_without_javascript_a_provider_is_made_tested_and_enabled(plain: Page, house: House) -> None:
    await plain.goto(f"{house.origin}/console/providers")
    await look(plain, "Providers")
    await plain.get_by_role("link", name="New provider").click()
    await plain.get_by_role("link", name="Microsoft Entra ID").click()
    await look(plain, "New provider")
    await plain.get_by_role("link", name="Another OpenID Provider").click()
    for label, text in {
        "Name in addresses": "fifth",
        "Name on the login page": "Fifth",
        "Issuer URL": house.issuer,
        "Client id": "nobody",
        "Client secret": "wrong",
    }.items():
        await plain.get_by_label(label).fill(text)
    await plain.get_by_role("button", name="Make the provider").click()
    await expect(plain.get_by_role("status")).to_contain_text("not on the login page yet")
    await look(plain, "Fifth")
    await plain.get_by_role("button", name="Test it").click()
    await expect(plain.get_by_role("heading", name="What the test found")).to_be_visible()
    await look(plain, "Fifth")
    await plain.get_by_role("button", name="Enable", exact=True).click()
    await expect(plain.get_by_role("status")).to_contain_text("The provider is enabled")


async def test_without_javascript_a_set_up_link_is_made_and_revoked(plain: Page, house: House) -> None:
    await plain.goto(f"{house.origin}/console/providers")
    await plain.get_by_role("link", name="Let a customer's IT set one up").click()
    await look(plain, "Set-up links")
    await plain.get_by_label("Name in addresses").fill("customer")
    await plain.get_by_label("Name on the login page").fill("Customer SSO")
    await plain.get_by_role("button", name="Make the link").click()
    await expect(plain.get_by_role("status")).to_contain_text(f"{house.origin}/setup/isl_")
    await look(plain, "Set-up links")
    await plain.get_by_role("button", name="Revoke Customer SSO").click()
    await expect(plain.get_by_role("status")).to_contain_text("is revoked")


async def test_with_javascript_the_redirect_url_is_copied(scripted: Page, house: House) -> None:
    await scripted.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await scripted.goto(f"{house.origin}/console/providers")
    await scripted.get_by_role("link", name="Google").click()
    await scripted.get_by_role("button", name="Copy").click()
    await expect(scripted.get_by_role("button", name="Copied")).to_be_visible()
    copied = await scripted.evaluate("navigator.clipboard.readText()")
    assert copied == f"{house.origin}/auth/oidc/google/callback"
    await look(scripted, "Google")
