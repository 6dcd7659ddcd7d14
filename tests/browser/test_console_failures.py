"""What a page of the console that changes something says when it cannot: with and without JavaScript, and closely looked at.

Somebody else was faster, a new proof is needed, or a provider does not answer. A right that was lost meanwhile, and an old
proof at every other form: `test_console_forms.py`.
"""

from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from identity_api.ids import uuid7
from tests.accounts.local_world import PASSWORD
from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.console_house import build_console_house, make_admin, signed_in
from tests.browser.house import House
from tests.browser.looks import NARROW, shortcomings
from tests.browser.systems import Systems
from tests.openid_provider import Fault

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio(loop_scope="session"),
]
BROWSERS: Final = {
    "scripted": {"viewport": {"width": 1_280, "height": 900}},
    "plain": {"java_script_enabled": False, "viewport": NARROW, "color_scheme": "dark"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(systems: Systems) -> House:
    return await build_console_house(systems)


@pytest_asyncio.fixture
async def admin(house: House) -> str:
    """An admin of this test alone, who may everything."""
    name = f"admin-{uuid7().hex[-8:]}"
    await make_admin(house, name)
    return name


@pytest_asyncio.fixture(params=BROWSERS)
async def page(request: pytest.FixtureRequest, house: House, admin: str) -> AsyncIterator[Page]:
    async for one in signed_in(house, admin, **BROWSERS[request.param]):
        yield one


async def told(page: Page, text: str) -> None:
    """The page says it once, and is a page that anybody can use."""
    await expect(page.get_by_role("main").get_by_role("alert").get_by_text(text)).to_have_count(1)
    assert await shortcomings(page) == [], page.url


async def made_mapping(page: Page, house: House, pattern: str) -> None:
    """A mapping of one's own, opened."""
    await page.goto(f"{house.origin}/console/mappings/new")
    await page.get_by_label("Group or pattern").fill(pattern)
    await page.get_by_label("Provider", exact=True).select_option("Google")
    await page.get_by_label("identity:audit:read").check()
    await page.get_by_role("button", name="Preview").click()
    await page.get_by_role("button", name="Make the mapping").click()
    await expect(page.get_by_role("status")).to_contain_text("The mapping is made.")
    await page.get_by_role("link", name=pattern, exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(pattern)


async def previewed(page: Page) -> None:
    """Switched off in the editor, and previewed."""
    await page.get_by_label("Gives its permissions").select_option("No")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("button", name="Save the change")).to_be_visible()


async def test_a_mapping_that_another_admin_has_changed_is_loaded_again(page: Page, house: House, admin: str) -> None:
    await made_mapping(page, house, f"conflict-{admin}")
    await previewed(page)
    async with house.world.database.transaction() as connection:
        await connection.execute(
            "update group_mapping set version = version + 1 where tenant_id = $1 and pattern = $2",
            house.tenant.id,
            f"conflict-{admin}",
        )
    await page.get_by_role("button", name="Save the change").click()
    await told(page, "The mapping is now at version 2")
    await page.get_by_role("link", name="Load the mapping as it is now").click()
    await previewed(page)
    await page.get_by_role("button", name="Save the change").click()
    await expect(page.get_by_role("status")).to_contain_text("The mapping is changed.")


async def test_an_import_that_another_admin_was_faster_with_keeps_the_table_and_says_so(
    page: Page, house: House, admin: str
) -> None:
    table = f"group,permissions,provider\nfirst-{admin},identity:audit:read,google\n"
    await page.goto(f"{house.origin}/console/mappings/import")
    await page.get_by_label("Table of mappings (CSV)").fill(table)
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator("#preview")).to_contain_text("Mapping made: 1")
    other = await page.context.new_page()
    await made_mapping(other, house, f"first-{admin}")
    await other.close()
    await page.get_by_role("button", name="Make these changes").click()
    await told(page, "The table changes nothing: every mapping is as it says.")
    await expect(page.get_by_label("Table of mappings (CSV)")).to_have_value(table)


async def test_a_user_is_erased_only_after_a_new_proof_which_leads_back(page: Page, house: House, admin: str) -> None:
    await house.world.make_user(f"lee-{admin}", password=None)
    await page.goto(f"{house.origin}/console/users?q=lee-{admin}&in=username")
    await page.get_by_role("link", name=f"lee-{admin}").click()
    address = page.url
    async with house.world.database.transaction() as connection:
        await connection.execute(
            """update session set authenticated_at = now() - interval '1 hour' where tenant_id = $1
            and user_id = (select id from app_user where tenant_id = $1 and username = $2)""",
            house.tenant.id,
            admin,
        )

    async def erase() -> None:
        await page.locator("summary", has_text="Erase").click()
        await page.get_by_label(f"Erase lee-{admin} for good").check()
        await page.get_by_role("button", name="Erase this user").click()

    await erase()
    await told(page, "STEP_UP_REQUIRED")
    await page.get_by_role("link", name="Confirm that it is you").click()
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Confirm").click()
    await page.wait_for_url(f"{address}**")
    await erase()
    await expect(page.get_by_role("status")).to_contain_text("The user is erased.")


async def test_a_provider_that_does_not_answer_is_named_first_and_can_be_tested_again(
    page: Page, house: House, admin: str
) -> None:
    await page.goto(f"{house.origin}/console/providers")
    await page.get_by_role("link", name="Google").click()
    with house.systems.deployment.idps["infrahub"].fault(Fault.ERROR_503):
        await page.get_by_role("button", name="Test it").click()
        first = page.locator("section", has=page.get_by_role("heading", name="What the test found")).locator("li").first
        await expect(first).to_contain_text("wrong")
        await expect(first).to_contain_text("status 503")
        assert await shortcomings(page) == []
    await page.get_by_role("button", name="Test it").click()
    await expect(first).not_to_contain_text("status 503")


TAKEN: Final = {
    "users": ("USERNAME_TAKEN", {"username": "late"}),
    "permissions": ("PERMISSION_EXISTS", {"name": "late:read"}),
    "frontends": ("NAME_TAKEN", {"slug": "late", "return_urls": "https://late.example/"}),
    "service-clients": ("NAME_TAKEN", {"name": "late"}),
    "setup-links/revoke": ("NOT_FOUND", {}),
    "service-clients/revoke": ("NOT_FOUND", {}),
}
"""What two admins make or end at the same time, by the form's address: what the slower one is told, and what both type."""


async def send(page: Page, action: str, typed: dict[str, str]) -> int:
    """Fill in and send the first form of the page with this action; the status of the answer."""
    form = page.locator(f"main form[method=post][action$='/console/{action}']").first
    for name, value in typed.items():
        await form.locator(f"[name={name}]").first.fill(value)
    async with page.expect_navigation(wait_until="domcontentloaded") as led:
        await form.locator("button").first.evaluate("one => one.form.requestSubmit(one)")
    answer = await led.value
    assert answer is not None
    return answer.status


async def test_who_was_slower_is_told_at_forms_that_make_or_end_something(page: Page, house: House) -> None:
    mark, faster = uuid7().hex[-8:], await page.context.new_page()
    await page.goto(f"{house.origin}/console/setup-links")
    await send(page, "setup-links", {"slug": f"late-{mark}", "label": "Late", "days": "3"})
    for action, (code, fields) in TAKEN.items():
        typed = {name: value.replace("late", f"late-{mark}") for name, value in fields.items()}
        for tab in (page, faster):
            await tab.goto(f"{house.origin}/console/{action.split('/')[0]}")
        assert await send(faster, action, typed) == 200, action
        assert await send(page, action, typed) in (404, 409), action
        await told(page, code)
