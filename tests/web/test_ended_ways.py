"""The account page says which ways in a new one has ended, to nobody but their person."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from identity_api.db import ended_ways
from identity_api.db.ended_ways import EndedWays
from identity_api.web.pages.ended_ways import REASONS, tell_ended
from tests.accounts.local_world import OTHER_PASSWORD, PASSWORD
from tests.web.local_site import PAGE, from_page, signed_in, with_passwords
from tests.web.site import Site

pytestmark = pytest.mark.asyncio
MOMENT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
HEADING = "Ended by a new way in"


async def account(client: httpx.AsyncClient) -> str:
    answer = await client.get("/account", headers=PAGE)
    assert answer.status_code == 200
    return answer.text


async def from_provider(site: Site) -> httpx.AsyncClient:
    """Alice, by the provider, where passwords are on."""
    client = site.client()
    assert (await site.sign_in(client, "alice", "/auth/oidc/sso/login")).status_code == 303
    return client


async def test_a_change_of_the_password_is_told_with_the_number_of_sessions_that_it_ended(site: Site) -> None:
    world = await with_passwords(site)
    await world.make_user("ada")
    await world.make_user("bea")
    client, bea = await signed_in(site), await signed_in(site, "bea")
    for _ in range(2):
        await signed_in(site)
    assert HEADING not in await account(client)
    form = {"current": PASSWORD, "password": OTHER_PASSWORD, "repeated": OTHER_PASSWORD}
    assert (await client.post("/account/password", data=form, headers=from_page(site))).status_code == 303
    page = await account(client)
    assert HEADING in page
    assert "the password was changed. Ended with it: 2 sessions." in page
    assert HEADING not in await account(bea), "who has nothing of it"


async def test_who_takes_over_a_waiting_account_is_told_what_led_into_it_before(site: Site) -> None:
    await site.execute("update provider set provisioning = 'KNOWN_USERS' where id = $1", site.provider.id)
    world = await with_passwords(site)
    await world.make_user("alice")
    await signed_in(site, "alice")
    page = await account(await from_provider(site))
    assert "this account was linked to your organisation. Ended with it: the password, 1 session." in page


async def test_what_a_person_ended_themself_is_not_told(site: Site) -> None:
    client, other = await site.signed_in(), await site.signed_in()
    assert (await other.post("/auth/logout", headers=from_page(site))).status_code == 303
    assert HEADING not in await account(client)


async def test_what_was_ended_before_the_time_asked_for_or_in_another_tenant_is_not_told(site: Site) -> None:
    await site.execute("update provider set provisioning = 'KNOWN_USERS' where id = $1", site.provider.id)
    world = await with_passwords(site)
    user_id = await world.make_user("alice")
    await from_provider(site)
    now = datetime.now(UTC)
    async with site.database.reading() as connection:
        for tenant_id, since, found in (
            (site.tenant.id, now - timedelta(hours=1), 1),
            (site.tenant.id, now + timedelta(hours=1), 0),
            (site.provider.id, now - timedelta(hours=1), 0),
        ):
            ended = await ended_ways.newest(connection, tenant_id, user_id, since=since, reasons=REASONS)
            assert len(ended) == found


@pytest.mark.parametrize("reason", REASONS)
async def test_every_cause_has_its_sentence(reason: str) -> None:
    ended = EndedWays(reason=reason, at=MOMENT, password=False, second_factor=True, sessions=1, api_tokens=2)
    [sentence] = tell_ended([ended])
    assert sentence.startswith("2 January 2026, 03:04 UTC: ")
    assert sentence.endswith(". Ended with it: the second factor, 1 session, 2 API tokens.")
