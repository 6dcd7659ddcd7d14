"""What one admin proposes in the console and another one approves, rejects or lets be."""

import pytest

from tests.web.console.test_mappings import NEW, bench, editor
from tests.web.console.visitor import admin_at, give, words
from tests.web.site import Site

pytestmark = pytest.mark.asyncio
PROPOSALS = "/console/proposals"
IMPORT = "/console/mappings/import"
TABLE = "group,permissions\nengineering,docs:read\n"


def leads(page: str) -> str:
    """The page of the first proposal."""
    return PROPOSALS + "/" + page.split(f'href="{PROPOSALS}/')[1].split('"')[0]


async def test_a_table_is_proposed_by_one_admin_and_made_by_another(site: Site) -> None:
    b = await bench(site)
    listed = await b.admin.follow(await b.admin.post(f"{IMPORT}/propose", table=TABLE, reason="for the writers"))
    assert "It is proposed." in words(listed)
    own = words(await b.admin.get(leads(listed.text)))
    assert "Another admin has to approve your proposal." in own
    assert "Approve and make the changes" not in own
    site.idp.add_person("carla", (), name="Carla Cole")
    second = await admin_at(site, "carla")
    await give(site, second.user_id, ["docs:read"])
    page = await second.get(leads(listed.text))
    assert "Bob Baker" in page.text
    digest = page.text.split('name="digest" value="')[1].split('"')[0]
    stale = await second.post(f"{leads(listed.text)}/approve", digest="x")
    assert stale.status_code == 409
    done = await second.follow(await second.post(f"{leads(listed.text)}/approve", digest=digest))
    assert "its changes are made" in words(done)
    assert await site.events("mapping.created") == 1
    closed = words(await second.get(leads(listed.text)))
    assert "approved" in closed
    assert "Preview" not in closed


async def test_a_new_mapping_is_proposed_and_withdrawn(site: Site) -> None:
    b = await bench(site)
    listed = await b.admin.follow(await b.admin.post(f"{NEW}/propose", **editor(b)))
    done = await b.admin.follow(await b.admin.post(f"{leads(listed.text)}/reject"))
    assert "The proposal is closed." in words(done)
    assert "withdrawn" in words(await b.admin.get(f"{PROPOSALS}?state=all"))
    assert await site.events("mapping.created") == 0
