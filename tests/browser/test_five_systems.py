"""One person with an account in each of the five systems' tenants: signed in to all of them in one browser, at once.

Every tenant has its own provider, its own way to an account and its own permissions; cookies of one are nothing to another.
"""

import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Locator, Page, expect

from identity_api.accounts.administration import grant_permission
from identity_api.permissions.delegation import Actor
from tests import factories as make
from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.conftest import watch
from tests.browser.systems import PEOPLE, Systems
from tests.flows.five_systems import APP, FORMS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio,
]

SHOWN = {system: person.username if system == "reinfer" else person.name for system, person in PEOPLE.items()}
"""The Re:infer tenant shows `preferred_username` (S0-38), SysReptor's what the admin entered (S3-22), the others `name`."""
BUTTON = {"infrahub": "provider1", "sysreptor": "K"}
"""What is written on the way in of each, where it is not "Single sign-on"; SysReptor has two, of which this is one."""
MAPPED = "because you are in engineering at Single sign-on (mapping engineering)"
REASON = {"reinfer": MAPPED}
"""Why somebody may do what they may. Permissions follow groups in the Re:infer tenant; in the others an admin gives them."""


def permission_of(system: str) -> str:
    return "dataset:read" if system == "reinfer" else f"{system}:use"


@pytest_asyncio.fixture
async def context(systems: Systems) -> AsyncIterator[BrowserContext]:
    fresh = await systems.context()
    broken = watch(fresh)
    yield fresh
    await fresh.close()
    assert broken() == []


async def prepare_accounts(systems: Systems) -> None:
    """What an admin does beforehand, where a tenant lets nobody in whom it does not know (S1-11, S3-22)."""
    await systems.deployment.make_user("directory", PEOPLE["directory"].username)
    known = PEOPLE["sysreptor"]
    await systems.deployment.enter_identity("sysreptor", known.email, username=known.name)


async def sign_in(page: Page, systems: Systems, system: str) -> None:
    """From the tenant's login page to its provider's, and back to the account page."""
    origin = systems.deployment.origin(system)
    await page.goto(f"{origin}/login?choose=1")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    await page.get_by_role("link", name=BUTTON.get(system, "Single sign-on"), exact=True).click()
    await page.wait_for_url(f"{systems.deployment.idps[system].issuer}/authorize?**")
    await page.get_by_role("button", name=PEOPLE[system].name).click()
    await page.wait_for_url(f"{origin}/account")


async def give_by_hand(page: Page, systems: Systems, system: str) -> None:
    """An operator gives a permission to whoever is looking at the account page."""
    tenant_id, database = systems.deployment.ids[system], systems.deployment.database
    user_id = UUID(await fact(page, "User id").inner_text())
    async with database.transaction() as connection:
        permission_id = await make.make_permission(connection, tenant_id, permission_of(system))
    await grant_permission(database, Actor(tenant_id, None, "operator:root", frozenset()), user_id, permission_id)


def fact(page: Page, label: str) -> Locator:
    """What stands beside a label."""
    return page.get_by_role("definition").locator(f"xpath=self::*[../dt = '{label}']")


async def expect_own_account(page: Page, systems: Systems, system: str) -> None:
    """The account page of this tenant shows this tenant's person and nothing of the others'."""
    person = PEOPLE[system]
    await page.goto(f"{systems.deployment.origin(system)}/account")
    await expect(page.get_by_role("heading", level=1)).to_have_text(SHOWN[system])
    await expect(fact(page, "E-mail")).to_have_text(person.email)
    await expect(fact(page, "Groups").locator(".badge")).to_have_text(person.groups)
    held = page.get_by_role("region", name="What you may do").locator(".rows > li")
    await expect(held).to_have_count(1)
    await expect(held).to_have_text(f"{permission_of(system)} {REASON.get(system, 'given by hand')}")
    text = await page.inner_text("body")
    others = [one for other, one in PEOPLE.items() if other != system]
    assert [one.name for one in others if one.name in text or one.email in text or one.username in text] == []


async def test_all_five_are_signed_in_at_once_and_signing_out_of_one_leaves_the_others(
    context: BrowserContext, systems: Systems
) -> None:
    await prepare_accounts(systems)
    page = await context.new_page()
    for system in FORMS:
        await sign_in(page, systems, system)
        if system != "reinfer":
            await give_by_hand(page, systems, system)
    for system in FORMS:
        await expect_own_account(page, systems, system)
    held = {str(cookie["domain"]): str(cookie["value"]) for cookie in await context.cookies() if cookie["httpOnly"]}
    assert len(held) == len(set(held.values())) == len(FORMS)

    alive = list(FORMS)
    while alive:
        # From the middle, so that neither the first nor the last sign-in is special.
        leaving = alive.pop(len(alive) // 2)
        origin = systems.deployment.origin(leaving)
        await page.goto(f"{origin}/account")
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url(f"{origin}/login?signed_out=1")
        await expect(page.get_by_role("status")).to_have_text("You have signed out.")
        await page.goto(f"{origin}/account")
        await expect(page).not_to_have_url(f"{origin}/account")
        for system in alive:
            await expect_own_account(page, systems, system)


async def test_the_inference_frontend_gets_a_code_or_a_fragment_beside_a_session_in_a_cookie(
    context: BrowserContext, systems: Systems
) -> None:
    """S4-54: its own page on another origin; neither delivery touches the cookie, and no address keeps a token."""
    page = await context.new_page()
    await sign_in(page, systems, "inference")
    for wanted in ("fragment", "code"):
        await page.goto(APP)
        await page.get_by_role("button", name=f"Sign in with {'a' if wanted == 'code' else 'the'} {wanted}").click()
        await page.get_by_role("button", name=PEOPLE["inference"].name).click()
        shown = page.locator("p")
        await expect(shown).to_contain_text(f"{wanted}: ")
        assert json.loads((await shown.inner_text()).partition(": ")[2])["user"] == {"username": "iris.f"}
        assert page.url == APP
    await page.goto(f"{systems.deployment.origin('inference')}/account")
    lives = page.get_by_role("region", name="Where you are signed in").locator(".rows > li")
    await expect(lives.filter(has_text="Browser").filter(has_text="this one")).to_have_count(1)
    assert await lives.filter(has_text="Application").count() >= 2
