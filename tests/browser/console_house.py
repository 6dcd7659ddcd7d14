"""A tenant with an admin who may everything, and with something on every page of the console."""

from collections.abc import AsyncIterator

from playwright.async_api import Page

from identity_api.db import grants, user_read_model
from identity_api.permissions.service import SERVICE_PERMISSIONS
from tests import factories as make
from tests.accounts.local_world import PASSWORD
from tests.browser.conftest import watch
from tests.browser.house import House, build
from tests.browser.systems import Systems

ADMIN = "ada"


async def build_console_house(systems: Systems) -> House:
    """The house with its admin."""
    made = await build(systems)
    async with made.world.database.transaction() as connection:
        for name in SERVICE_PERMISSIONS:
            await make.make_permission(connection, made.tenant.id, name)
    await make_admin(made, ADMIN)
    return made


async def make_admin(house: House, username: str) -> None:
    """Somebody with a password who may everything."""
    user_id = await house.world.make_user(username)
    async with house.world.database.transaction() as connection:
        known = await connection.fetch("select id from permission where tenant_id = $1", house.tenant.id)
        for permission in known:
            await grants.open_manual_grant(connection, house.tenant.id, user_id, permission["id"], "operator:root")
        await user_read_model.refresh(connection, house.tenant.id, [user_id])


async def signed_in(house: House, username: str = ADMIN, **options: object) -> AsyncIterator[Page]:
    """A page of somebody who has signed in with a password. At the end nothing may have broken our own policy or thrown."""
    context = await house.systems.context(**options)
    broken = watch(context)
    page = await context.new_page()
    await page.goto(f"{house.origin}/login?return_to=/console")
    await page.get_by_label("Username").fill(username)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.wait_for_url(f"{house.origin}/console/**")
    yield page
    await context.close()
    assert broken() == []
