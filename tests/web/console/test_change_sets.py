"""Many changes at once: a mistake is undone from the record, and mappings come as a table."""

from datetime import timedelta

import pytest
from httpx import Response

from tests.web.console.test_mappings import Bench, bench, editor, field
from tests.web.console.visitor import admin_at, give, words, words_of
from tests.web.local_site import from_page
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
    done = await b.admin.follow(made)
    assert "The mappings are as the table says. Made: 40, changed: 0." in words(done)
    assert await count(site) == 40
    assert "undo=" not in done.text.split('rel="next"')[1].split(">")[0], "it is told once"


async def test_a_whole_import_is_undone_from_what_it_says_or_from_the_audit(site: Site) -> None:
    b = await bench(site)
    await b.make_mapping("engineering")
    await give(site, b.admin.user_id, ["docs:write"])
    table = "group,permissions\nengineering,docs:write\nplatform,docs:read\nsales,docs:read"
    shown = await b.admin.post(IMPORT, table=table)
    done = await b.admin.follow(await b.admin.post(f"{IMPORT}/apply", table=table, digest=field(shown.text, "digest")))
    assert "Made: 2, changed: 1. That is in force. Undo all of it" in words(done)
    leads = done.text.split('href="/console/undo?event=')[1].split('"')[0]
    record = (await b.admin.get("/console/audit?by=action&value=change_set.applied")).text
    assert f'href="/console/undo?event={leads}"' in record
    preview = (await b.admin.get(f"/console/undo?event={leads}")).text
    assert "Mapping deleted: 2, Mapping changed: 1" in words_of(preview)
    assert "Bob Baker" in preview
    back = await b.admin.post("/console/undo", event=leads, digest=field(preview, "digest"), reason="too early")
    assert "It is undone. What it changes is in force. Undo all of it" in words(await b.admin.follow(back))
    assert await count(site) == 1
    record = (await b.admin.get("/console/audit?by=action&value=change_set.applied")).text
    assert f'href="/console/undo?event={leads}"' not in record, "it is no longer as the import left it"


async def test_who_may_not_read_the_audit_is_not_offered_to_undo_an_import(site: Site) -> None:
    importer = await admin_at(site, permissions=["identity:mappings:read", "identity:mappings:write", "docs:read"])
    table = "group,permissions\nplatform,docs:read"
    shown = await importer.post(IMPORT, table=table)
    done = await importer.follow(
        await importer.post(f"{IMPORT}/apply", table=table, digest=field(shown.text, "digest"))
    )
    assert "Made: 1, changed: 0." in words(done)
    assert "/console/undo" not in done.text


async def test_a_preview_has_what_is_changed_before_what_is_new_and_each_in_a_line(site: Site) -> None:
    b = await bench(site)
    await b.make_mapping("engineering")
    table = "group,permissions,match,provider\nnew-*,docs:read,GLOB,sso\nengineering,docs:read docs:write,,"
    await give(site, b.admin.user_id, ["docs:write"])
    text = words(await b.admin.post(IMPORT, table=table))
    assert "Mapping made: 1, Mapping changed: 1" in text
    assert (
        "Mapping changed mapping.updated engineering permissions docs:read docs:read, docs:write Mapping made" in text
    )
    assert "mapping.created new-* match: GLOB, permissions: docs:read, provider: sso Why" in text


async def test_an_exported_table_is_imported_without_a_change_and_an_edited_line_is_the_only_one(site: Site) -> None:
    b = await bench(site)
    await b.make_mapping("engineering")
    await b.make_mapping("=computed")
    file = await b.admin.get("/console/mappings.csv")
    assert file.headers["content-disposition"] == 'attachment; filename="mappings.csv"'
    table = file.content.decode("utf-8-sig")
    assert table.splitlines()[0] == "group,match,provider,permissions,enabled"
    assert "changes nothing" in words(await b.admin.post(IMPORT, table=table))
    edited = await b.admin.post(IMPORT, table=table.replace("docs:read,yes", "docs:read,no", 1))
    assert words(edited).count("mapping.updated") == 1
    assert "<del>true</del> <ins>false</ins>" in edited.text


async def test_undo_is_offered_where_it_can_be_and_only_there(site: Site) -> None:
    b = await bench(site)
    mapping = await b.make_mapping()
    for version, group in (("1", "platform"), ("2", "sales")):
        await b.admin.post(mapping, **editor(b, group, version=version))
    page = (await b.admin.get(mapping)).text
    assert page.count("mapping.updated</code>") == 2
    assert page.count("/console/undo?") == 1, "the older change is no longer as it was left"
    record = (await b.admin.get("/console/audit?by=action&value=session.begun")).text
    assert "/console/undo?" not in record


async def test_a_proof_is_asked_for_in_another_tab_so_that_the_table_is_kept(site: Site) -> None:
    b = await bench(site)
    table = "group, permissions\nengineering, docs:read"
    shown = (await b.admin.post(IMPORT, table=table)).text
    await site.execute("update provider set reauthentication = true where id = $1", site.provider.id)
    sessions = "update session set authenticated_at = now() - $2::interval where tenant_id = $1"
    await site.execute(sessions, site.tenant.id, timedelta(hours=1))
    asked = await b.admin.post(f"{IMPORT}/apply", table=table, digest=field(shown, "digest"))
    assert "STEP_UP_REQUIRED" in asked.text
    assert ' target="_blank" rel="noopener">Confirm that it is you' in asked.text
    await site.execute(sessions, site.tenant.id, timedelta(0))
    made = await b.admin.post(f"{IMPORT}/apply", table=table, digest=field(asked.text, "digest"))
    assert "The mappings are as the table says." in words(await b.admin.follow(made))


async def test_a_preview_names_only_the_settings_that_change(site: Site) -> None:
    b = await bench(site)
    mapping = await b.make_mapping()
    await b.admin.post(mapping, **editor(b, "platform", version="1"))
    leads = (await b.admin.get(mapping)).text.split('href="/console/undo?')[1].split('"')[0]
    shown = (await b.admin.get(f"/console/undo?{leads}")).text
    assert "<del>platform</del> <ins>engineering</ins>" in shown
    assert "<del>EXACT</del>" not in shown
    assert shown.index("Identities in the groups") < shown.index("mapping.updated")


async def test_every_line_that_is_wrong_is_told_and_none_is_made(site: Site) -> None:
    b = await bench(site)
    table = "group, permissions\nengineering, docs:read\n\nplatform, docs:raed\nsales, docs:wriet"
    shown = await b.admin.post(IMPORT, table=table)
    text = words(shown)
    assert 'role="alert"' in shown.text
    assert "Line 4: There is no permission docs:raed. Did you mean docs:read?" in text
    assert "Line 5: There is no permission docs:wriet." in text
    assert "changes.0" not in text
    assert 'name="digest"' not in shown.text
    assert "platform, docs:raed" in shown.text, "what was typed is kept"
    refused = await b.admin.post(f"{IMPORT}/apply", table=table, digest="x")
    assert refused.status_code == 400
    assert await count(site) == 0


async def test_nothing_in_a_line_is_passed_over(site: Site) -> None:
    b = await bench(site)
    several = words(await b.admin.post(IMPORT, table="group,permissions\nengineering,docs:read,docs:wriet"))
    assert "Line 2: There are 3 cells and 2 columns." in several
    pattern = words(await b.admin.post(IMPORT, table="group,permissions,match\neng*,docs:read,glob"))
    assert "Line 2: Match is EXACT or GLOB." in pattern
    assert "Zeile 2:" in words(await german(b, IMPORT, table="group,permissions\nengineering,"))


async def german(b: Bench, path: str, **fields: str) -> Response:
    return await b.admin.client.post(path, data=fields, headers={**from_page(b.site), "accept-language": "de"})


async def test_a_table_of_another_site_is_refused(site: Site) -> None:
    b = await bench(site)
    refused = await b.admin.client.post(IMPORT, data={"table": "a, b:c"}, headers={"origin": "https://evil.example"})
    assert refused.status_code == 403


async def test_a_table_beyond_the_bound_is_refused_and_other_forms_keep_theirs(site: Site) -> None:
    b = await bench(site)
    assert (await b.admin.post(IMPORT, table="x" * 66_000)).status_code == 413
    assert (await b.admin.post("/console/permissions", name="x" * 17_000)).status_code == 413


async def test_a_table_of_more_changes_than_a_set_has_is_refused_in_words(site: Site) -> None:
    b = await bench(site)
    table = "\n".join(["group,permissions", *[f"group-{number},docs:read" for number in range(501)]])
    for address in (IMPORT, f"{IMPORT}/apply"):
        refused = words(await b.admin.post(address, table=table, digest="x"))
        assert "A set has between 1 and 500 changes." in refused, address
        assert "group-500,docs:read" in refused, "what was typed is kept"
