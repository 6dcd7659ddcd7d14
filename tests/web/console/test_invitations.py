"""The console's page of invitations: made with a step-up's protection, shown once, listed and revoked."""

import pytest

from tests import factories as make
from tests.web.console.visitor import admin_at, words
from tests.web.local_site import PAGE
from tests.web.site import Site

pytestmark = pytest.mark.asyncio
INVITATIONS = "/console/invitations"


async def test_an_invitation_is_made_shown_once_opened_and_revoked(site: Site) -> None:
    async with site.database.transaction() as connection:
        await make.make_permission(connection, site.tenant.id, "docs:read")
    await site.execute("update provider set sync_mode = 'ADDITIVE' where id = $1", site.provider.id)
    admin = await admin_at(site)
    assert INVITATIONS in (await admin.get("/console/users")).text
    page = await admin.get(INVITATIONS)
    chosen = page.text.split("<code>docs:read</code>")[0].rsplit('value="', 1)[1].split('"')[0]
    provider = page.text.split("Acme SSO</option>")[0].rsplit('value="', 1)[1].split('"')[0]
    typed = {"username": "jane@acme.example", "provider": provider, "days": "3", "permissions": chosen}
    refused = await admin.post(INVITATIONS, **{**typed, "days": "31"})
    assert (refused.status_code, 'value="jane@acme.example"' in refused.text) == (400, True)
    made = await admin.post(INVITATIONS, **typed)
    url = made.text.split('data-copy="')[1].split('"')[0]
    assert url.startswith(f"{site.origin}/invitation/inv_")
    listed = await admin.get(INVITATIONS)
    assert url not in listed.text
    assert "jane@acme.example works alice Acme SSO works until" in words(listed)
    it = site.client()
    await it.get(url, headers=PAGE)
    assert "jane@acme.example" in (await it.get("/invitation", headers=PAGE)).text
    link = listed.text.split('name="invitationId" value="')[1].split('"')[0]
    assert "is revoked" in words(await admin.follow(await admin.post(f"{INVITATIONS}/revoke", invitationId=link)))
    assert (await it.get("/invitation", headers=PAGE)).status_code == 404


async def test_who_may_only_read_sees_them_and_makes_none(site: Site) -> None:
    reader = await admin_at(site, "bob", permissions=("identity:users:read",))
    assert "New invitation" not in words(await reader.get(INVITATIONS))
    assert (await reader.post(INVITATIONS, username="x", days="3")).status_code == 403
