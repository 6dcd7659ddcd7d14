"""What the account page says of a sign-in is true: of groups, of the provider's answers, and of what is asked between logins."""

import pytest

from identity_api.db.providers import ClaimSettings
from tests import factories as make
from tests.openid_provider import Fault
from tests.web.site import Site

pytestmark = pytest.mark.asyncio

REGULARLY = "asked for your groups regularly"
NOT_ASKED = "not asked between sign-ins"
NOT_TOLD = "did not say which groups you are in"
GIVE_NOTHING = "Permissions do not follow groups here."


async def page_of(site: Site, person: str = "alice", path: str = "/login") -> str:
    client = site.client()
    assert (await site.sign_in(client, person, path)).status_code == 303
    return (await client.get("/account")).text


async def state_of(site: Site) -> tuple[str, str | None, bool]:
    async with site.database.reading() as connection:
        row = await connection.fetchrow(
            "select i.state, i.state_reason, s.due_at is not null as is_due from identity i join identity_sync s"
            " on s.id = i.id where i.tenant_id = $1",
            site.tenant.id,
        )
    return tuple(row)


async def test_who_is_synced_reads_that_the_provider_is_asked(site: Site) -> None:
    page = await page_of(site)
    assert REGULARLY in page
    assert await state_of(site) == ("FRESH", None, True)


async def test_who_brought_no_refresh_token_is_not_told_that_the_provider_is_asked(site: Site) -> None:
    """Found in use: "confirms your groups regularly", until the first sync found nothing to ask with."""
    with site.idp.fault(Fault.NO_REFRESH_TOKEN):
        page = await page_of(site)
    assert REGULARLY not in page
    assert NOT_ASKED in page
    assert await state_of(site) == ("UNSYNCED", "no_refresh_token", False)
    assert REGULARLY in await page_of(site), "the next sign-in brought one"


async def test_an_older_login_that_can_be_asked_with_goes_on(site: Site) -> None:
    await page_of(site)
    with site.idp.fault(Fault.NO_REFRESH_TOKEN):
        assert REGULARLY in await page_of(site)
    assert await state_of(site) == ("FRESH", None, True)


@pytest.mark.parametrize("sync", ["REFRESH_TOKEN", "OFF"])
async def test_where_groups_give_nothing_their_absence_is_no_trouble(site: Site, sync: str) -> None:
    """Found in use: "waiting for the provider", right after a good sign-in."""
    await site.add_provider("plain", sync=sync, sync_mode="NONE", claims=ClaimSettings(groups=("nothing",)))
    page = await page_of(site, path="/auth/oidc/plain/login")
    assert GIVE_NOTHING in page
    assert "waiting for the provider" not in page
    assert NOT_TOLD not in page
    assert (await state_of(site))[:2] == (("UNSYNCED" if sync == "OFF" else "FRESH"), None)


async def test_groups_that_did_not_come_are_told_as_that_and_until_when_the_old_ones_count(site: Site) -> None:
    """Found in use: a scope for groups was not asked for, and the page waited for the provider."""
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, "docs:read")
        await make.make_mapping(connection, site.tenant.id, "engineering", [permission])
    with site.idp.fault(Fault.NO_GROUPS):
        page = await page_of(site)
        assert NOT_TOLD in page
        assert "waiting for the provider" not in page
        assert "counts until" not in page, "there is nothing that could"
    await page_of(site)
    with site.idp.fault(Fault.NO_GROUPS):
        page = await page_of(site)
    assert NOT_TOLD in page
    assert "What groups gave you before counts until" in page
    assert "docs:read" in page


async def test_groups_that_came_in_part_are_told_as_that(site: Site) -> None:
    with site.idp.fault(Fault.GROUPS_OVERAGE):
        assert "did not say all of your groups" in await page_of(site)
