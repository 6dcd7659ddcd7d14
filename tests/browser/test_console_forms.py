"""Every form of the console, sent by a browser after a right was lost and after the proof has become old.

The forms are those that the pages have, filled in as far as the browser demands it; `tests/web/console/test_failures.py` has
the same without a browser, and with everything filled in.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from identity_api.db import grants, providers, user_read_model
from identity_api.graphql.access import rule_of
from identity_api.graphql.ids import global_id
from identity_api.ids import uuid7
from identity_api.web.console.forms import FORMS, Form
from tests import factories as make
from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.console_house import build_console_house, make_admin, signed_in
from tests.browser.house import House
from tests.browser.looks import NARROW, shortcomings
from tests.browser.systems import Systems
from tests.web.console.test_failures import NEEDS, between, mutation_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio(loop_scope="session"),
]
NEEDED: Final = {name: permission for permission, names in NEEDS.items() for name in names}
SENSITIVE: Final = {one.name for one in FORMS if rule_of("Mutation", mutation_of(one)).is_sensitive}
PREVIEWS: Final = ("/console/mappings/import",)
"""Addresses of forms that change nothing."""
BUTTONS: Final = "main form[method=post]:not([action$='/console/language']) button"
FILL_IN: Final = """() => {
  for (const one of document.querySelectorAll('details')) one.open = true;
  for (const one of document.querySelectorAll('main form[method=post]')) one.target = 'sent';
  for (const one of document.querySelectorAll('main form[method=post] :is(input, textarea):required')) {
    if (one.type === 'checkbox') one.checked = true;
    else if (one.value === '') one.value = one.matches('[name*=url], [name=issuer]') ? 'https://app.example/x' : 'late';
  }
}"""
SEND: Final = """async ([path, fields]) => {
  const answer = await fetch(path, { method: 'POST', body: new URLSearchParams(fields) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
}"""
PAGE: Final = "async (path) => (await fetch(path)).text()"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(systems: Systems) -> House:
    return await build_console_house(systems)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def addresses(house: House) -> tuple[str, ...]:
    """Pages that have every form among them: something of each kind is there, much of it made by the console."""
    tenant, world, ids = house.tenant.id, house.world, dict[str, str]()
    bob, carl = await world.make_user("bob"), await world.make_user("carl")
    await world.enrol(carl)
    async with world.database.transaction() as connection:
        docs = await make.make_permission(connection, tenant, "docs:read")
        mapping = await make.make_mapping(connection, tenant, "engineering", [docs])
        found = await providers.by_slug(connection, tenant, "google")
        assert found is not None
        identities = [await make.make_identity(connection, found, one) for one in (bob, carl)]
        await make.make_session(connection, tenant, bob, identities[0])
        await grants.open_manual_grant(connection, tenant, bob, docs, "operator:root")
        await connection.execute("update identity set state = 'QUARANTINED' where id = $1", identities[1])
        await connection.execute("update provider set enabled = false where tenant_id = $1 and slug = 'long'", tenant)
        await connection.execute(
            "update local_account set locked_until = now() + interval '1 hour' where tenant_id = $1 and id = $2",
            tenant,
            carl,
        )
        await connection.execute(
            "update app_user set disabled_at = now() where tenant_id = $1 and id = $2", tenant, carl
        )
        await user_read_model.refresh(connection, tenant, [bob, carl])
        disabled = await connection.fetchval("select id from provider where tenant_id = $1 and slug = 'long'", tenant)
    person, permission = global_id("User", bob), global_id("Permission", docs)
    await make_admin(house, "eve")
    async for page in signed_in(house, "eve"):
        for path, fields in (
            ("webhooks", {"url": "https://hooks.example/"}),
            ("service-clients", {"name": "docs"}),
            ("frontends", {"slug": "spa", "return_urls": "https://spa.example/"}),
            ("tokens", {"user": person, "name": "nightly", "days": "30", "permissions": permission}),
            ("setup-links", {"slug": "customer", "label": "Customer", "days": "3", "permissions": permission}),
            (f"permissions/{permission}", {"description": "To be undone", "delegable": "yes"}),
            ("invitations", {"username": "guest", "provider": global_id("Provider", found.id), "days": "7"}),
            ("mappings/import/propose", {"table": "group,permissions\nsales,docs:read"}),
        ):
            await page.evaluate(SEND, [f"/console/{path}", fields])
        for kind in ("webhooks", "frontends", "proposals"):
            text = await page.evaluate(PAGE, f"/console/{kind}")
            ids[kind] = between(text, f'href="/console/{kind}/')
        event = between(
            await page.evaluate(PAGE, "/console/audit?by=action&value=permission.updated"), "/console/undo?event="
        )
    async with world.database.transaction() as connection:
        await connection.execute(
            """insert into webhook_delivery
            (id, tenant_id, webhook_id, message_id, position, type, attempt, status, milliseconds, at)
            select $1, tenant_id, id, 'm-1', 1, 'user.changed', 1, 200, 1, now() from webhook where tenant_id = $2""",
            uuid7(),
            tenant,
        )
    rule = urlencode({"pattern": "late", "match": "EXACT", "enabled": "yes", "permissions": permission})
    rules = f"/console/mappings/{global_id('GroupMapping', mapping)}"
    return (
        "/console/users",
        f"/console/users/{person}",
        f"/console/users/{global_id('User', carl)}",
        "/console/permissions",
        f"/console/permissions/{permission}",
        "/console/providers/new?preset=other",
        f"/console/providers/{global_id('Provider', found.id)}",
        f"/console/providers/{global_id('Provider', disabled)}",
        "/console/setup-links",
        "/console/invitations",
        f"/console/tokens?user={person}",
        "/console/frontends",
        f"/console/frontends/{ids['frontends']}",
        "/console/service-clients",
        "/console/webhooks",
        f"/console/webhooks/{ids['webhooks']}",
        f"/console/mappings/new?{rule}",
        f"{rules}?{rule}&version=1",
        f"{rules}?delete=yes&version=1",
        "/console/mappings/import",
        f"/console/undo?event={event}",
        f"/console/proposals/{ids['proposals']}",
    )


@pytest_asyncio.fixture(params=["scripted", "plain"])
async def page(request: pytest.FixtureRequest, house: House) -> AsyncIterator[Page]:
    options = {"java_script_enabled": False, "viewport": NARROW} if request.param == "plain" else {}
    name = f"admin-{uuid7().hex[-8:]}"
    await make_admin(house, name)
    async for one in signed_in(house, name, **options):
        yield one


@pytest_asyncio.fixture
async def admin(house: House, page: Page) -> UUID:
    """Whose page it is: nobody has signed in later."""
    found = await house.world.fetchval(
        "select user_id from session where tenant_id = $1 order by created_at desc limit 1", house.tenant.id
    )
    assert isinstance(found, UUID)
    return found


async def prove(house: House, admin: UUID, ago: str) -> None:
    """The admin has proven who they are this long ago."""
    await house.world.execute(
        f"update session set authenticated_at = now() - interval '{ago}' where tenant_id = $1 and user_id = $2",
        house.tenant.id,
        admin,
    )


@asynccontextmanager
async def only_reading(house: House, admin: UUID) -> AsyncIterator[None]:
    """Meanwhile the admin may change nothing."""
    grants_of_theirs = """update permission_grant set revoked_at = {}, revoked_by = {}, revoked_reason = {}
        where tenant_id = $1 and user_id = $2
        and permission_id in (select id from permission where tenant_id = $1 and name like 'identity:%:write')"""

    async def change(statement: str) -> None:
        async with house.world.database.transaction() as connection:
            await connection.execute(statement, house.tenant.id, admin)
            await user_read_model.refresh(connection, house.tenant.id, [admin])

    await change(grants_of_theirs.format("now()", "'operator:root'", "'ADMIN'"))
    yield
    await change(grants_of_theirs.format("null", "null", "null"))


async def forms_of(page: Page) -> dict[str, Locator]:
    """The buttons of the page's forms, by the name of the form."""
    buttons = page.locator(BUTTONS)
    paths: list[str] = await buttons.evaluate_all("all => all.map((one) => new URL(one.form.action).pathname)")
    found: dict[str, Locator] = {}
    for at, path in enumerate(paths):
        if path not in PREVIEWS:
            # A path without an id comes before the one that it could be an id of.
            names = [one.name for one in sorted(FORMS, key=lambda one: "{" in one.path) if path_of(one).fullmatch(path)]
            found.setdefault(names[0], buttons.nth(at))
    return found


def path_of(form: Form) -> re.Pattern[str]:
    return re.compile(form.path.replace("{id:str}", "[^/]+"))


async def refusals(page: Page, name: str, button: Locator, told: str) -> list[str]:
    """What is wrong with the page that comes, in the tab for it, when the form is sent."""
    if len(page.context.pages) == 1:
        async with page.expect_popup() as opened:
            await button.click()
        tab = await opened.value
        await tab.wait_for_load_state("domcontentloaded")
    else:
        tab = page.context.pages[1]
        # Not clicked: the page is behind the tab, where a browser draws once a second.
        async with tab.expect_navigation(wait_until="domcontentloaded"):
            await button.evaluate("one => one.form.requestSubmit(one)")
    alerts = await tab.locator("main [role=alert]").all_inner_texts()
    found = [] if len([one for one in alerts if told in one]) == 1 else [f"{name}: no {told} in {alerts} at {tab.url}"]
    if told == "STEP_UP_REQUIRED" and await tab.get_by_role("link", name="Confirm that it is you").count() != 1:
        found.append(f"{name}: no way to a new proof")
    return found


async def test_every_form_asks_for_a_new_proof_and_names_a_right_that_was_lost(
    page: Page, admin: UUID, house: House, addresses: tuple[str, ...]
) -> None:
    """Each page is loaded while everything is allowed, and each of its forms is then sent."""
    found, old, lost = list[str](), set[str](), set[str]()
    for address in addresses:
        await page.goto(f"{house.origin}{address}")
        if address.endswith("/import"):
            await page.get_by_label("Table of mappings (CSV)").fill("group,permissions\nlate,docs:read")
            await page.get_by_role("button", name="Preview").click()
            await expect(page.locator("#preview")).to_be_visible()
        await page.evaluate(FILL_IN)
        forms = await forms_of(page)
        await prove(house, admin, "1 hour")
        for name in (forms.keys() & SENSITIVE) - old:
            found += await refusals(page, name, forms[name], "STEP_UP_REQUIRED")
        await prove(house, admin, "0 hours")
        async with only_reading(house, admin):
            for name in forms.keys() - lost:
                found += await refusals(page, name, forms[name], NEEDED[name])
        old |= forms.keys() & SENSITIVE
        lost |= forms.keys()
    assert found == [], "\n".join(found)
    assert lost == {one.name for one in FORMS}
    assert await shortcomings(page.context.pages[1]) == []
