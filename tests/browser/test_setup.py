"""A customer's IT goes through the set-up in a real browser: without JavaScript on a telephone, and with it on a desk."""

from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from identity_api.permissions.delegation import Actor
from identity_api.setup.links import Wish, create_link
from tests import factories as make
from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.conftest import watch
from tests.browser.house import EVE, House, build
from tests.browser.looks import NARROW, shortcomings
from tests.browser.systems import Systems
from tests.openid_provider import Client

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio(loop_scope="session"),
]
Look = Callable[[Page, str], Awaitable[None]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(systems: Systems) -> House:
    made = await build(systems)
    async with made.world.database.transaction() as connection:
        await make.make_permission(connection, made.tenant.id, "docs:read")
    return made


async def look(page: Page, heading: str) -> None:
    """Look at the page closely: contrast in both schemes, 320 px and wide, labels, headings, the keyboard."""
    await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert await shortcomings(page) == [], (heading, page.url)


async def glance(page: Page, heading: str) -> None:
    """See which page it is."""
    await expect(page.get_by_role("heading", level=1)).to_have_text(heading)


async def link_at(house: House, slug: str) -> str:
    """The address of a new link."""
    operator = Actor(house.tenant.id, None, "operator:root", frozenset())
    wish = Wish(slug=slug, label=f"The {slug} SSO", permissions=("docs:read",))
    return (await create_link(house.world.database, operator, wish, public_url=house.origin)).url


async def up_to_the_test(page: Page, house: House, slug: str, see: Look) -> None:
    await page.goto(await link_at(house, slug))
    await see(page, "Provider")
    await page.get_by_label("Which sign-in service").select_option("Another OpenID Provider")
    await page.get_by_role("button", name="Continue").click()
    await see(page, "Create the client there")
    redirect = f"{house.origin}/auth/oidc/{slug}/callback"
    await expect(page.get_by_role("main")).to_contain_text(redirect)
    if see is glance:
        await page.get_by_role("button", name="Copy Redirect URL").click()
        assert await page.evaluate("navigator.clipboard.readText()") == redirect
    await page.get_by_role("button", name="I have created it").click()
    await see(page, "Connection")
    house.systems.deployment.idps["infrahub"].register(
        Client(client_id=slug, redirect_uris=(redirect,), client_secret="s" * 32)
    )
    await page.get_by_label("Issuer URL").fill(house.issuer)
    await page.get_by_label("Client id").fill(slug)
    await page.get_by_label("Client secret").fill("s" * 32)
    await page.get_by_role("button", name="Save and continue").click()
    await glance(page, "Test")


async def from_the_test_on(page: Page, see: Look) -> None:
    await page.get_by_role("button", name="Check the connection").click()
    await expect(page.get_by_role("heading", name="What the check found")).to_be_visible()
    await page.get_by_role("link", name="Make a test login").click()
    await page.get_by_role("button", name=EVE.name).click()
    await expect(page.get_by_role("heading", name="Claims that came")).to_be_visible()
    await see(page, "Test")
    await page.get_by_role("button", name="Continue").click()
    await see(page, "Groups")
    await page.get_by_role("button", name="Continue").click()
    await page.get_by_label("Name of the group").fill("engineering")
    await page.get_by_label("docs:read").check()
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("status")).to_contain_text("is in the group engineering has: docs:read")
    await see(page, "Permissions of groups")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Groups that give permissions")).to_be_visible()
    await page.get_by_role("button", name="Continue").click()
    await see(page, "Enable")
    await page.get_by_role("button", name="Enable the provider").click()
    await glance(page, "The provider is enabled")


async def test_without_javascript_on_a_telephone_the_whole_set_up_is_done(house: House) -> None:
    context = await house.systems.context(java_script_enabled=False, viewport=NARROW)
    broken = watch(context)
    page = await context.new_page()
    await up_to_the_test(page, house, "plain", look)
    await from_the_test_on(page, look)
    await page.get_by_role("link", name="To the login page").click()
    await expect(page.get_by_role("link", name="The plain SSO")).to_be_visible()
    await page.goto(f"{house.origin}/setup")
    await glance(page, "This link does not work")
    await context.close()
    assert broken() == []


async def test_with_javascript_values_are_copied_and_the_whole_set_up_is_done(house: House) -> None:
    first = await house.systems.context(viewport={"width": 1_280, "height": 900})
    await first.grant_permissions(["clipboard-read", "clipboard-write"])
    broken = watch(first)
    page = await first.new_page()
    await up_to_the_test(page, house, "scripted", glance)
    await from_the_test_on(page, glance)
    await first.close()
    assert broken() == []
