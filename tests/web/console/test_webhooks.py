"""The console's pages of webhooks: made with a key that is shown once, tested, given another key, disabled and deleted."""

import pytest

from tests.web.console.visitor import Visitor, admin_at, words
from tests.web.site import Site

pytestmark = pytest.mark.asyncio
WEBHOOKS = "/console/webhooks"
URL = "https://hooks.example/identity"


async def made(admin: Visitor) -> tuple[str, str]:
    """A webhook for changes of permissions: its page, and its key."""
    shown = await admin.post(
        WEBHOOKS, url=URL, description="Orders", types=["USER_PERMISSIONS_CHANGED", "SESSION_ENDED"]
    )
    assert shown.status_code == 200, shown.text
    key = shown.text.split("<code>whsec_")[1].split("</code>")[0]
    return WEBHOOKS + "/" + shown.text.split(f'href="{WEBHOOKS}/')[1].split('"')[0], key


async def test_a_webhook_is_made_and_its_key_is_shown_once(site: Site) -> None:
    admin = await admin_at(site)
    address, key = await made(admin)
    for page in (await admin.get(WEBHOOKS), await admin.get(address)):
        assert key not in page.text
    text = words(await admin.get(address))
    sent = text.split("What is sent")[1].split("Made")[0]
    assert "permissions or groups have changed" in sent
    assert "a user was made" not in sent
    assert await site.events("webhook.created") == 1


async def test_a_test_message_that_is_not_taken_is_told_and_stays_in_the_log(site: Site) -> None:
    admin = await admin_at(site)
    address, _ = await made(admin)
    tested = words(await admin.post(f"{address}/test"))
    assert "How the test was received not delivered webhook.test" in tested
    assert "webhook.test" in words(await admin.get(address)).split("Deliveries")[1]


async def test_it_gets_another_key_is_switched_off_and_deleted(site: Site) -> None:
    admin = await admin_at(site)
    address, key = await made(admin)
    rotated = await admin.post(f"{address}/rotate")
    assert "whsec_" in rotated.text
    assert key not in rotated.text
    off = await admin.follow(await admin.post(address, url=URL, description="Orders", types=["SESSION_ENDED"]))
    assert "switched off" in words(off)
    assert "The webhook is deleted." in words(await admin.follow(await admin.post(f"{address}/delete")))
    assert (await admin.get(address)).status_code == 404


async def test_an_address_that_cannot_be_is_told_beside_the_form_with_what_was_typed(site: Site) -> None:
    admin = await admin_at(site)
    refused = await admin.post(WEBHOOKS, url="http://10.0.0.1/x", description="kept")
    assert refused.status_code == 400
    assert 'role="alert"' in refused.text
    assert 'value="kept"' in refused.text


async def test_who_only_reads_sees_no_form(site: Site) -> None:
    admin = await admin_at(site)
    address, _ = await made(admin)
    reader = await admin_at(site, "bob", ("identity:webhooks:read",))
    assert (await reader.get(address)).text.count("<form") == 1, "the language alone"
    assert (await reader.post(f"{address}/rotate")).status_code == 403
