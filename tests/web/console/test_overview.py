"""The console's overview, permissions and audit: what each shows, to whom, and how the audit leaves as a file."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import identity_api
from identity_api.graphql.ids import global_id
from identity_api.web.console.pages import CHANGES
from identity_api.web.console.texts import CATALOGUE
from tests import factories as make
from tests.graphql.test_audit import EXPECTED
from tests.openid_provider import Fault
from tests.web.console.visitor import admin_at, give, user_at, words
from tests.web.site import Site

pytestmark = pytest.mark.asyncio


async def test_the_overview_shows_syncs_logins_failures_findings_and_changes(site: Site) -> None:
    admin = await admin_at(site)
    await admin.post("/console/permissions", name="docs:read")
    with site.idp.fault(Fault.WRONG_NONCE):
        await site.sign_in(site.client(), "bob")
    page = await admin.get("/console/overview")
    text = words(page)
    assert "Acme SSO in time Synced: 1, Due: 0, none is overdue" in text
    assert "Succeeded: 1. Failed: 1." in text
    assert "No mapping matches group engineering" in text
    failure = text.split("Newest failed logins")[1].split("Last changes")[0]
    assert "Acme SSO" in failure
    last = text.split("Last changes")[1]
    assert "permission.created" in last
    assert "session.begun" not in last
    assert page.text.count("<rect") >= 49


async def test_failed_logins_and_what_to_do_are_told_in_the_language_of_the_page(site: Site) -> None:
    admin = await admin_at(site)
    with site.idp.fault(Fault.WRONG_NONCE):
        await site.sign_in(site.client(), "bob")
    page = await admin.get("/console/overview", accept_language="de")
    assert "Das ID-Token gehört zu einer anderen Anmeldung. Die Person beginnt neu." in words(page)
    assert "Sonst legen Sie eine Zuordnung für sie an." in words(page)
    english = words(await admin.get("/console/overview", accept_language="en"))
    assert "The ID Token belongs to another sign-in. The person begins again." in english
    assert "Otherwise make a mapping for it." in english


async def test_the_overview_tells_how_late_the_syncs_are(site: Site) -> None:
    admin = await admin_at(site)
    await site.execute("update identity_sync set due_at = now() - interval '50 s' where tenant_id = $1", site.tenant.id)
    found = re.search(
        r"late by at most: half (\d+) s, 99 % (\d+) s, all (\d+) s", words(await admin.get("/console/overview"))
    )
    assert found is not None
    assert all(50 <= int(seconds) < 70 for seconds in found.groups())


async def test_every_kind_of_last_change_is_one_that_is_recorded() -> None:
    code = [path.read_text("utf-8") for path in Path(identity_api.__file__).parent.rglob("*.py")]
    by_mutations = {action for events in EXPECTED.values() for action in events}
    unknown = [one for one in CHANGES if one not in by_mutations and not any(f'"{one}"' in text for text in code)]
    assert unknown == []
    assert [one for one in CHANGES if f"action.{one}" not in CATALOGUE["en"]] == []


async def test_what_to_look_at_is_short_and_leads_to_each_mapping_by_its_name(site: Site) -> None:
    admin = await admin_at(site)
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, "docs:read")
        for number in range(7):
            await make.make_mapping(connection, site.tenant.id, f"unseen-{number}", [permission])
    page = await admin.get("/console/overview")
    shown, folded = page.text.split('id="findings"')[1].split("<details>")
    assert (shown.count("<li>"), ">Open the mapping<" in folded) == (5, True)
    assert " more</summary>" in folded


async def test_the_navigation_marks_the_section_of_every_page(site: Site) -> None:
    admin = await admin_at(site)
    for path, section in (("mappings/new", "mappings"), ("setup-links", "providers"), ("mappings", "mappings")):
        page = (await admin.get(f"/console/{path}")).text
        current = "page" if path == section else "true"
        assert f'<a href="/console/{section}" aria-current="{current}">' in page
        assert page.count("aria-current") == 1


async def test_the_overview_shows_to_each_what_they_may_see_and_no_more(site: Site) -> None:
    reader = await admin_at(site, permissions=("identity:mappings:read",))
    page = words(await reader.get("/console/overview"))
    assert "What to look at" in page
    for other in ("Sync", "Logins in the last", "Last changes"):
        assert other not in page
    auditor = await admin_at(site, "bob", ("identity:audit:read",))
    page = words(await auditor.get("/console/overview"))
    assert "Last changes" in page
    assert "Logins in the last" in page
    assert "What to look at" not in page
    assert "Newest failed logins" not in page


async def test_an_import_is_one_line_of_the_last_changes(site: Site) -> None:
    admin = await admin_at(site)
    await give(site, admin.user_id, ["docs:read"])
    table = "group,permissions\n" + "\n".join(f"team-{number},docs:read" for number in range(8))
    shown = (await admin.post("/console/mappings/import", table=table)).text
    digest = shown.split('name="digest" value="')[1].split('"')[0]
    await admin.post("/console/mappings/import/apply", table=table, digest=digest)
    last = words(await admin.get("/console/overview")).split("Last changes")[1]
    assert "Changes made together change_set.applied" in last
    assert "changes: 8" in last
    assert "mapping.created" not in last
    record = words(await admin.get("/console/audit"))
    assert record.count("Mapping made mapping.created") == 8


async def test_the_audit_is_filtered_by_one_thing_and_by_days(site: Site) -> None:
    admin = await admin_at(site)
    today = datetime.now(UTC).date().isoformat()
    began = words(await admin.get(f"/console/audit?by=action&value=session.begun&since={today}"))
    assert "session.begun" in began
    assert "user.created" not in began
    assert "Nothing was found" in words(
        await admin.get("/console/audit?by=action&value=session.begun&until=2020-01-01")
    )
    assert (await admin.get("/console/audit?since=yesterday&by=password&value=x")).status_code == 200


async def test_the_audit_is_filtered_by_names_and_keeps_what_was_typed(site: Site) -> None:
    admin = await admin_at(site)
    await admin.post("/console/permissions", name="docs:read", delegable="yes")
    for by, value, told in (
        ("user", "Alice", "session.begun"),
        ("actor", f"provider:{site.provider.slug}", "user.created"),
        ("subject", "docs:read", "permission.created"),
    ):
        found = await admin.get(f"/console/audit?by={by}&value={value}")
        assert f'value="{value}"' in found.text
        assert told in words(found), by
    unknown = await admin.get("/console/audit?by=user&value=nobody&since=2020-01-01")
    assert "There is no user with this id or name." in words(unknown)
    assert 'value="nobody"' in unknown.text
    assert 'value="2020-01-01"' in unknown.text
    assert (await admin.get("/console/audit.csv?by=user&value=nobody")).status_code == 404
    made = words(await admin.get("/console/audit?by=action&value=user.created"))
    assert f"provider:{site.provider.slug}" in made
    assert f"provider:{site.provider.id}" not in made


async def test_the_audit_leaves_as_a_table_in_which_no_cell_is_computed(site: Site) -> None:
    site.idp.add_person("mallory", (), name="=cmd|'/c calc'!A1")
    admin = await admin_at(site)
    await site.signed_in("mallory")
    await admin.post("/console/permissions", name="docs:read", delegable="yes", reason="=1+1")
    file = await admin.get("/console/audit.csv?by=action&value=permission.created")
    assert file.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [row["action"] for row in rows] == ["permission.created"]
    assert rows[0]["reason"] == "'=1+1"
    assert rows[0]["actor"] == "alice"
    everything = csv.reader(io.StringIO((await admin.get("/console/audit.csv")).content.decode("utf-8-sig")))
    assert [cell for row in everything for cell in row if cell[:1] in ("=", "+", "-", "@")] == []


async def test_who_may_not_read_the_audit_gets_neither_page_nor_file(site: Site) -> None:
    reader = await admin_at(site, permissions=("identity:users:read",))
    for address in ("/console/audit", "/console/audit.csv"):
        refused = await reader.get(address)
        assert refused.status_code == 403
        assert "identity:audit:read" in refused.text


async def test_a_permission_is_made_given_shown_with_its_holders_taken_back_and_deleted(site: Site) -> None:
    admin = await admin_at(site)
    await site.signed_in("bob")
    bob = f"/console/users/{global_id('User', await user_at(site, 'bob'))}"
    await site.execute("update provider set sync_mode = 'ADDITIVE' where tenant_id = $1", site.tenant.id)
    made = await admin.follow(await admin.post("/console/permissions", name="docs:read", delegable="yes"))
    assert "The permission is made." in words(made)
    address = made.text.split("<code>docs:read</code>")[0].rpartition('href="')[2].split('"')[0]
    given = {"given": address.rpartition("/")[2]}
    assert "The permission is given." in words(await admin.follow(await admin.post(f"{bob}/grant", **given)))
    today = datetime.now(UTC).date().isoformat()
    held = words(await admin.get(f"{address}?at={today}"))
    assert "Bob Baker bob in force" in held
    assert "still open" in held
    assert "Nothing was found" in words(await admin.get(f"{address}?at=2020-01-01"))
    assert "The grant is taken back." in words(await admin.follow(await admin.post(f"{bob}/revoke", **given)))
    kept = await admin.post(f"{address}/delete")
    assert kept.status_code == 409
    assert "PERMISSION_IN_USE" in kept.text, "what somebody had stays askable"
    unused = await admin.follow(await admin.post("/console/permissions", name="docs:typo"))
    address = unused.text.split("<code>docs:typo</code>")[0].rpartition('href="')[2].split('"')[0]
    assert "The permission is deleted." in words(await admin.follow(await admin.post(f"{address}/delete")))
    assert (await admin.get(address)).status_code == 404


async def test_a_name_that_no_permission_can_have_is_told_beside_the_form(site: Site) -> None:
    admin = await admin_at(site)
    refused = await admin.post("/console/permissions", name="not a name", description="kept")
    assert refused.status_code == 400
    assert 'role="alert"' in refused.text
    assert 'value="not a name"' in refused.text
    assert 'value="kept"' in refused.text
