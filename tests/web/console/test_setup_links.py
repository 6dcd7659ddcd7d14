"""The console's page of set-up links: made with a step-up's protection, shown once, listed and revoked."""

import pytest

from tests import factories as make
from tests.web.console.visitor import admin_at, words
from tests.web.local_site import PAGE
from tests.web.site import Site

pytestmark = pytest.mark.asyncio
LINKS = "/console/setup-links"


async def test_a_link_is_made_shown_once_opened_and_revoked(site: Site) -> None:
    async with site.database.transaction() as connection:
        await make.make_permission(connection, site.tenant.id, "docs:read")
        await make.make_permission(connection, site.tenant.id, "vault:open", delegable=False)
    admin = await admin_at(site)
    assert LINKS in (await admin.get("/console/providers")).text
    page = await admin.get(LINKS)
    assert "docs:read" in page.text
    assert "vault:open" not in page.text, "it cannot be named"
    chosen = page.text.split('name="permissions" value="')[1].split('"')[0]
    made = await admin.post(LINKS, slug="customer", label="Customer SSO", days="3", permissions=chosen)
    url = made.text.split('data-copy="')[1].split('"')[0]
    assert url.startswith(f"{site.origin}/setup/isl_")
    listed = await admin.get(LINKS)
    assert url not in listed.text
    assert "works until" in words(listed)
    assert "works alice" in words(listed), "by name"
    it = site.client()
    await it.get(url, headers=PAGE)
    assert "Customer SSO" in (await it.get("/setup", headers=PAGE)).text
    link = listed.text.split('name="link" value="')[1].split('"')[0]
    assert "is revoked" in words(await admin.follow(await admin.post(f"{LINKS}/revoke", link=link)))
    assert (await it.get("/setup", headers=PAGE)).status_code == 404


async def test_what_cannot_be_made_is_told_beside_what_was_typed(site: Site) -> None:
    admin = await admin_at(site)
    refused = await admin.post(LINKS, slug="sso", label="Again", days="3")
    assert refused.status_code == 409
    assert "PROVIDER_EXISTS" in refused.text
    assert 'value="Again"' in refused.text
    reader = await admin_at(site, "bob", permissions=("identity:providers:read",))
    assert "New set-up link" not in words(await reader.get(LINKS))
    assert (await reader.post(LINKS, slug="x", label="X", days="3")).status_code == 403
