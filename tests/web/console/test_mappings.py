"""The console's pages of groups and mappings: previewed with names, saved, and told what stands in the way."""

from urllib.parse import unquote
from uuid import UUID

import pytest

from identity_api.graphql.ids import global_id
from tests import factories as make
from tests.web.console.visitor import Visitor, admin_at, give, words
from tests.web.site import Site

pytestmark = pytest.mark.asyncio
NEW = "/console/mappings/new"


class Bench:
    """An admin who holds `docs:read`, and Bob in `engineering`."""

    def __init__(self, site: Site, admin: Visitor, permission: UUID) -> None:
        self.site, self.admin = site, admin
        self.permission = global_id("Permission", permission)
        self.permission_id = permission

    async def make_mapping(self, pattern: str = "engineering") -> str:
        """Its page."""
        async with self.site.database.transaction() as connection:
            made = await make.make_mapping(connection, self.site.tenant.id, pattern, [self.permission_id])
        return f"/console/mappings/{global_id('GroupMapping', made)}"


async def bench(site: Site) -> Bench:
    admin = await admin_at(site)
    await site.signed_in("bob")
    await give(site, admin.user_id, ["docs:read"])
    permission = await site.fetchval(
        "select id from permission where tenant_id = $1 and name = 'docs:read'", site.tenant.id
    )
    return Bench(site, admin, permission)


def field(page: str, name: str) -> str:
    """The value of a hidden field."""
    return page.split(f'name="{name}" value="')[1].split('"')[0]


def editor(b: Bench, pattern: str = "engineering", **more: str) -> dict[str, str]:
    """What the editor's form sends."""
    return {"pattern": pattern, "match": "EXACT", "enabled": "yes", "permissions": b.permission, "provider": "", **more}


async def preview_of(b: Bench, address: str, fields: dict[str, str]) -> str:
    """The page with a preview."""
    answer = await b.admin.client.get(address, params=fields)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_groups_are_seen_with_members_and_mappings_and_lead_to_a_new_mapping(site: Site) -> None:
    b = await bench(site)
    mapping = await b.make_mapping()
    page = (await b.admin.get("/console/groups?mapped=yes")).text
    assert f'href="{mapping}"' in page
    assert "Members: 2" in page
    assert "platform" not in page
    unmapped = (await b.admin.get("/console/groups?mapped=no&q=plat")).text
    leads = unmapped.split('href="/console/mappings/new?')[1].split('"')[0].replace("&amp;", "&")
    assert 'value="platform"' in (await b.admin.get(f"{NEW}?{leads}")).text
    members = (
        await b.admin.get("/console/users?group=" + unmapped.split("/console/users?group=")[1].split('"')[0])
    ).text
    assert "Alice Archer" in members
    assert "Bob Baker" not in members


async def test_mappings_are_searched_and_what_cannot_be_looked_for_is_told_beside_the_field(site: Site) -> None:
    b = await bench(site)
    await b.make_mapping("engineering")
    await b.make_mapping("sales")
    found = words(await b.admin.get("/console/mappings?q=SAL"))
    assert "Mappings: 1 sales exactly" in found
    assert "engineering" not in found
    assert "sales" in words(await b.admin.get("/console/mappings?q=docs"))
    nothing = await b.admin.get("/console/mappings?q=engineers")
    assert "Nothing was found." in words(nothing)
    assert 'value="engineers"' in nothing.text, "what was typed is kept"
    for page in ("mappings", "groups"):
        refused = await b.admin.get(f"/console/{page}?q={'x' * 513}")
        assert refused.status_code == 200
        assert 'role="alert"' in refused.text
        assert 'aria-invalid="true"' in refused.text


async def test_what_is_typed_is_met_with_groups_that_begin_so(site: Site) -> None:
    b = await bench(site)
    page = await preview_of(b, NEW, {"pattern": "engi"})
    assert "engineering (2)" in page
    assert "Nothing has been changed yet." in page


async def test_a_new_mapping_is_previewed_with_names_and_made_with_a_reason(site: Site) -> None:
    b = await bench(site)
    page = await preview_of(b, NEW, editor(b))
    assert "Users who gain a permission: 1." in page
    assert "Bob Baker" in page
    assert await site.fetchval("select count(*) from group_mapping where tenant_id = $1", site.tenant.id) == 0
    made = await b.admin.post(NEW, **editor(b, digest=field(page, "digest"), reason="they write docs"))
    listed = await b.admin.follow(made)
    assert "The mapping is made." in listed.text
    assert "docs:read" in listed.text
    reason = await site.fetchval(
        "select reason from audit_event where tenant_id = $1 and action = 'mapping.created'", site.tenant.id
    )
    assert reason == "they write docs"


async def test_a_mapping_that_would_touch_others_than_previewed_is_not_saved(site: Site) -> None:
    b = await bench(site)
    page = await preview_of(b, NEW, editor(b))
    site.idp.add_person("dave", ("engineering",), name="Dave Dunn")
    await site.signed_in("dave")
    refused = await b.admin.post(NEW, **editor(b, digest=field(page, "digest")))
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    assert "Dave Dunn" in refused.text, "the preview is a new one"
    assert await site.events("mapping.created") == 0


async def test_a_change_is_previewed_and_saved_and_its_history_shows_both_values(site: Site) -> None:
    b = await bench(site)
    mapping = await b.make_mapping()
    fields = editor(b, "platform", version="1")
    page = await preview_of(b, mapping, fields)
    saved = await b.admin.follow(await b.admin.post(mapping, **fields, digest=field(page, "digest")))
    assert "The mapping is changed." in saved.text
    assert "<del>engineering</del> <ins>platform</ins>" in saved.text


async def test_two_admins_who_edit_the_same_mapping_are_told_and_load_it_anew(site: Site) -> None:
    b = await bench(site)
    mapping = await b.make_mapping()
    await site.execute("update group_mapping set version = 2 where tenant_id = $1", site.tenant.id)
    refused = await b.admin.post(mapping, **editor(b, "platform", version="1"))
    assert refused.status_code == 409
    assert "Load the mapping as it is now" in refused.text
    assert 'value="platform"' in refused.text


async def test_a_deletion_is_previewed_and_done(site: Site) -> None:
    b = await bench(site)
    mapping = await b.make_mapping()
    page = await preview_of(b, mapping, {"delete": "yes", "version": "1"})
    assert "If it were deleted" in page
    done = await b.admin.post(f"{mapping}/delete", version="1", delete="yes", digest=field(page, "digest"))
    assert "The mapping is deleted." in (await b.admin.follow(done)).text
    assert (await b.admin.get(mapping)).status_code == 404


async def test_a_preview_that_is_refused_says_why_beside_it_and_cannot_be_saved(site: Site) -> None:
    b = await bench(site)
    async with site.database.transaction() as connection:
        other = await make.make_permission(connection, site.tenant.id, "vault:open", delegable=False)
    page = await preview_of(b, NEW, {**editor(b), "permissions": global_id("Permission", other)})
    assert 'role="alert"' in page
    assert 'name="digest"' not in page
    assert 'value="engineering"' in page


async def test_an_old_proof_leads_back_to_the_editor_with_what_was_typed(site: Site) -> None:
    b = await bench(site)
    fields = editor(b, provider="")
    page = await preview_of(b, NEW, fields)
    await site.execute("update provider set reauthentication = true where tenant_id = $1", site.tenant.id)
    await site.execute(
        "update session set authenticated_at = now() - interval '1 hour' where tenant_id = $1", site.tenant.id
    )
    refused = await b.admin.post(NEW, **fields, digest=field(page, "digest"), reason="because")
    assert refused.status_code == 403
    leads = refused.text.split("return_to=")[1].split('"')[0]
    back = unquote(leads)
    assert back.startswith(f"{NEW}?pattern=engineering&match=EXACT")
    assert "digest" not in back
    again = await b.admin.get(back)
    assert "Bob Baker" in again.text


async def test_a_hostile_group_name_stays_text(site: Site) -> None:
    hostile = "<script>alert(1)</script>' onload=\"x"
    site.idp.add_person("mallory", (hostile,), name="Mallory")
    b = await bench(site)
    await site.signed_in("mallory")
    for page in ((await b.admin.get("/console/groups")).text, await preview_of(b, NEW, editor(b, hostile))):
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "' onload=" not in page


async def test_who_only_reads_mappings_has_no_editor(site: Site) -> None:
    b = await bench(site)
    mapping = await b.make_mapping()
    reader = await admin_at(site, "bob", ("identity:mappings:read",))
    page = await reader.get(mapping)
    assert "docs:read" in page.text
    assert '<form class="editor' not in page.text
    assert (await reader.post(mapping, **editor(b, version="1"))).status_code == 403
