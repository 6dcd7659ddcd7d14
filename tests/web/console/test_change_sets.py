"""Many changes at once: a mistake is undone from the record, and mappings come as a table."""

from datetime import timedelta

import pytest

from tests.web.console.test_mappings import bench, editor, field
from tests.web.console.visitor import words
from tests.web.site import Site

pytestmark = pytest.mark.asyncio
IMPORT = "/console/mappings/import"


async def count(site: Site) -> int:
    return int(
        await site.fetchval(
            "select count(*) from group_mapping where tenant_id = $1 and deleted_at is null", site.tenant.id
        )
    )


async def test_a_mistake_is_undone_from_the_history_of_the_mapping(site: Site) -> None:
    b = await bench(site)
    mapping = await b.make_mapping()
    await b.admin.post(mapping, **editor(b, "platform", version="1"))
    page = (await b.admin.get(mapping)).text
    leads = page.split('href="/console/undo?')[1].split('"')[0]
    shown = (await b.admin.get(f"/console/undo?{leads}")).text
    assert "<del>platform</del> <ins>engineering</ins>" in shown
    assert "Bob Baker" in shown
    fields = {"event": field(shown, "event"), "digest": field(shown, "digest"), "reason": "a mistake"}
    done = await b.admin.follow(await b.admin.post("/console/undo", **fields))
    assert "It is undone." in words(done)
    assert "<h1>engineering</h1>" in (await b.admin.get(mapping)).text
    again = await b.admin.post("/console/undo", **fields)
    assert again.status_code == 400
    assert 'role="alert"' in again.text
    assert await site.events("mapping.updated") == 2


async def test_an_event_that_cannot_be_undone_is_told_and_offers_no_button(site: Site) -> None:
    b = await bench(site)
    shown = await b.admin.get("/console/undo?event=nonsense")
    assert 'role="alert"' in shown.text
    assert 'name="digest"' not in shown.text


async def test_mappings_come_as_a_table_are_previewed_with_names_and_made(site: Site) -> None:
    b = await bench(site)
    table = "group, permissions\nengineering, docs:read\n\n" + "\n".join(f"team-{n}, docs:read" for n in range(39))
    shown = await b.admin.post(IMPORT, table=table)
    assert shown.status_code == 200
    text = words(shown)
    assert "Bob Baker" in text
    assert text.count("mapping.created") == 40
    assert await count(site) == 0
    made = await b.admin.post(f"{IMPORT}/apply", table=table, digest=field(shown.text, "digest"))
    assert "The mappings are made." in words(await b.admin.follow(made))
    assert await count(site) == 40


async def test_a_proof_is_asked_for_in_another_tab_so_that_the_table_is_kept(site: Site) -> None:
    b = await bench(site)
    table = "engineering, docs:read"
    shown = (await b.admin.post(IMPORT, table=table)).text
    await site.execute("update provider set reauthentication = true where id = $1", site.provider.id)
    sessions = "update session set authenticated_at = now() - $2::interval where tenant_id = $1"
    await site.execute(sessions, site.tenant.id, timedelta(hours=1))
    asked = await b.admin.post(f"{IMPORT}/apply", table=table, digest=field(shown, "digest"))
    assert "STEP_UP_REQUIRED" in asked.text
    assert ' target="_blank" rel="noopener">Confirm that it is you' in asked.text
    await site.execute(sessions, site.tenant.id, timedelta(0))
    made = await b.admin.post(f"{IMPORT}/apply", table=table, digest=field(asked.text, "digest"))
    assert "The mappings are made." in words(await b.admin.follow(made))


async def test_a_preview_names_only_the_settings_that_change(site: Site) -> None:
    b = await bench(site)
    mapping = await b.make_mapping()
    await b.admin.post(mapping, **editor(b, "platform", version="1"))
    leads = (await b.admin.get(mapping)).text.split('href="/console/undo?')[1].split('"')[0]
    shown = (await b.admin.get(f"/console/undo?{leads}")).text
    assert "<del>platform</del> <ins>engineering</ins>" in shown
    assert "<del>EXACT</del>" not in shown
    assert shown.index("Identities in its groups") < shown.index("mapping.updated")


async def test_every_line_that_is_wrong_is_told_and_none_is_made(site: Site) -> None:
    b = await bench(site)
    table = "engineering, docs:read\nplatform, docs:raed\nsales, docs:wriet"
    shown = await b.admin.post(IMPORT, table=table)
    text = words(shown)
    assert 'role="alert"' in shown.text
    for place in ("changes.1.createGroupMapping", "changes.2.createGroupMapping"):
        assert place in text
    assert "changes.0" not in text
    assert 'name="digest"' not in shown.text
    assert "platform, docs:raed" in shown.text, "what was typed is kept"
    refused = await b.admin.post(f"{IMPORT}/apply", table=table, digest="x")
    assert refused.status_code == 400
    assert await count(site) == 0


async def test_nothing_in_a_line_is_passed_over(site: Site) -> None:
    b = await bench(site)
    several = words(await b.admin.post(IMPORT, table="engineering, docs:read, docs:wriet"))
    assert "changes.0.createGroupMapping: There is no such permission." in several
    pattern = words(await b.admin.post(IMPORT, table="eng*, docs:read, glob"))
    assert "match GLOB" in pattern


async def test_a_table_of_another_site_is_refused(site: Site) -> None:
    b = await bench(site)
    refused = await b.admin.client.post(IMPORT, data={"table": "a, b:c"}, headers={"origin": "https://evil.example"})
    assert refused.status_code == 403


async def test_a_table_beyond_the_bound_is_refused_and_other_forms_keep_theirs(site: Site) -> None:
    b = await bench(site)
    assert (await b.admin.post(IMPORT, table="x" * 66_000)).status_code == 413
    assert (await b.admin.post("/console/permissions", name="x" * 17_000)).status_code == 413


async def test_a_table_too_long_for_one_request_is_refused_in_words(site: Site) -> None:
    b = await bench(site)
    table = "\n".join([f"group-{number},docs:read" for number in range(2_000)])
    for address in (IMPORT, f"{IMPORT}/apply"):
        refused = await b.admin.post(address, table=table, digest="x")
        assert refused.status_code == 413, address
        assert "BODY_TOO_LARGE" in refused.text
