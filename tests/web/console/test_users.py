"""The console's pages of users: found, explained, disabled and enabled, and never another tenant's."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from identity_api.db.database import Database
from identity_api.graphql.ids import global_id
from identity_api.vault import Vault
from identity_api.web.http.http_application import HTTPApplication
from tests import factories as make
from tests.openid_provider import RunningProvider
from tests.web.console.test_mappings import bench
from tests.web.console.visitor import Visitor, admin_at, user_at, words
from tests.web.site import Site, make_site

pytestmark = pytest.mark.asyncio


async def page_of(site: Site, username: str) -> str:
    """The address of somebody's page."""
    return f"/console/users/{global_id('User', await user_at(site, username))}"


async def with_bob(site: Site, *permissions: str) -> tuple[Visitor, str]:
    """An admin, and the page of Bob, who has signed in."""
    admin = await admin_at(site, permissions=permissions) if permissions else await admin_at(site)
    await site.signed_in("bob")
    return admin, await page_of(site, "bob")


async def test_a_search_finds_whom_it_names_and_nobody_else(site: Site) -> None:
    admin, address = await with_bob(site)
    found = await admin.get("/console/users?q=Bob&in=label&state=&linked=")
    assert f'href="{address}"' in found.text
    assert "Alice Archer" not in found.text
    assert "Nothing was found" in (await admin.get("/console/users?q=bob&state=no")).text
    assert f'href="{address}"' in (await admin.get("/console/users?q=bob@&in=email&linked=yes")).text


async def test_a_search_finds_any_part_of_name_username_or_e_mail(site: Site) -> None:
    admin = await admin_at(site)
    async with site.database.transaction() as connection:
        for username, label in (("nn-1", "Ute von Quastenberg"), ("quasten", "Nina Neu"), ("nn-2", "Nobody Else")):
            user_id = await make.make_user(connection, site.tenant.id, username=username)
            await connection.execute(
                "update app_user set display_label = $2, display_label_folded = lower($2), email = null,"
                " email_folded = null where id = $1",
                user_id,
                label,
            )
    found = (await admin.get("/console/users?q=quasten")).text
    assert "Ute von Quastenberg" in found
    assert "Nina Neu" in found
    assert "Nobody Else" not in found
    begins = (await admin.get("/console/users?q=quasten&in=label")).text
    assert "Nothing was found" in begins


@pytest.mark.parametrize("q", ["q", "qu"])
async def test_a_search_that_cannot_be_made_says_why_and_keeps_what_was_typed(site: Site, q: str) -> None:
    admin = await admin_at(site)
    page = await admin.get(f"/console/users?q={q}&state=yes")
    assert page.status_code == 200
    assert "characters" in page.text.split('role="alert"')[1]
    assert f'value="{q}"' in page.text
    assert '<option value="yes" selected>' in page.text
    assert 'role="alert"' not in (await admin.get(f"/console/users?q={q}&in=label&state=yes")).text


async def test_a_long_list_has_a_next_page_with_the_same_filter(site: Site) -> None:
    admin = await admin_at(site)
    async with site.database.transaction() as connection:
        for number in range(27):
            await make.make_user(connection, site.tenant.id, username=f"zed-{number:02}")
    first = await admin.get("/console/users?q=zed&in=username")
    assert "zed-24" in first.text
    assert "zed-25" not in first.text
    address = first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = await admin.get(address)
    assert "zed-25" in second.text
    assert "zed-24" not in second.text
    assert "First page" in second.text


async def test_a_user_is_shown_with_identity_groups_permissions_sessions_and_history(site: Site) -> None:
    admin, address = await with_bob(site)
    text = words(await admin.get(address))
    for told in ("bob@demo.example", "up to date", "engineering", "Browser", "session.begun"):
        assert told in text, told
    own = words(await admin.get(await page_of(site, "alice")))
    assert "identity:users:read given by hand by operator:root" in own
    assert "this one" in own


async def test_why_not_names_the_mapping_whose_group_the_user_lacks(site: Site) -> None:
    admin, address = await with_bob(site)
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, "docs:read")
        await make.make_mapping(connection, site.tenant.id, "writers", [permission])
    text = words(await admin.get(f"{address}?permission={global_id('Permission', permission)}"))
    assert "docs:read not in force" in text
    assert "Mapping writers every provider The user is in no group that this mapping matches" in text


async def test_disabling_ends_the_sessions_and_enabling_lets_them_in_again(site: Site) -> None:
    admin = await admin_at(site)
    bob = await site.signed_in("bob")
    address = await page_of(site, "bob")
    done = await admin.follow(await admin.post(f"{address}/disable"))
    assert "The user is disabled." in words(done)
    assert "Enable" in done.text
    assert (await bob.get("/account")).status_code == 303
    assert "The user is enabled." in words(await admin.follow(await admin.post(f"{address}/enable")))
    assert await site.events("user.disabled") == 1


async def test_one_session_is_ended_and_the_sync_is_asked_for(site: Site) -> None:
    admin = await admin_at(site)
    bob = await site.signed_in("bob")
    address = await page_of(site, "bob")
    session = (await admin.get(address)).text.split('name="session" value="')[1].split('"')[0]
    assert "The session has ended." in words(
        await admin.follow(await admin.post(f"{address}/sessions/end", session=session))
    )
    assert (await bob.get("/account")).status_code == 303
    assert "have been asked" in words(await admin.follow(await admin.post(f"{address}/sync")))


async def test_who_only_reads_sees_no_buttons_and_is_refused_what_they_post(site: Site) -> None:
    admin, address = await with_bob(site, "identity:users:read")
    page = await admin.get(address)
    assert "/disable" not in page.text
    assert "History" not in page.text
    refused = await admin.post(f"{address}/disable")
    assert refused.status_code == 403
    assert "identity:users:write" in refused.text
    assert await site.events("user.disabled") == 0


async def test_an_old_proof_is_asked_for_anew_and_leads_back_to_the_page(site: Site) -> None:
    admin, address = await with_bob(site)
    await site.execute(
        "update session set authenticated_at = now() - interval '1 hour' where tenant_id = $1",
        site.tenant.id,
    )
    await site.execute("update provider set reauthentication = true where tenant_id = $1", site.tenant.id)
    refused = await admin.post(f"{address}/disable")
    assert refused.status_code == 403
    back = f"{site.origin}/auth/reauthenticate?return_to={quote(address, safe='')}"
    assert f'href="{back}"' in refused.text
    assert "Bob Baker" in refused.text, "the page is still there"
    assert await site.events("user.disabled") == 0


async def test_a_user_of_another_tenant_is_not_there(
    site: Site, app: HTTPApplication, database: Database, vault: Vault, idp: RunningProvider
) -> None:
    admin = await admin_at(site)
    other = await make_site(app, database, vault, idp)
    await other.signed_in("bob")
    address = await page_of(other, "bob")
    left = words(await admin.get(address))
    assert "Bob Baker" not in left
    assert "bob@demo.example" not in left
    refused = await admin.post(f"{address}/disable")
    assert "NOT_FOUND" in refused.text
    assert "Bob Baker" not in refused.text
    assert await other.events("user.disabled") == 0


async def test_the_history_of_a_lost_permission_says_why_and_where_it_came_from(site: Site) -> None:
    b = await bench(site)
    await b.make_mapping("engineering")
    await site.sign_in(site.client(), "bob")  # which records the grant
    address = await page_of(site, "bob")
    identity = (await b.admin.get(address)).text.split('name="identity" value="')[1].split('"')[0]
    page = await b.admin.follow(await b.admin.post(f"{address}/identities/unlink", identity=identity))
    history = words(page).split("Permission taken grant.closed")[1]
    assert "group: engineering, mapping: engineering, permission: docs:read" in history
    assert "reason: taken by an admin" in history


async def test_a_user_is_erased_after_a_recent_proof_and_the_page_says_before_what_goes(site: Site) -> None:
    admin, address = await with_bob(site)
    page = await admin.get(address)
    assert "and it cannot be undone: the profile: bob , bob@demo.example the identity and groups at Acme SSO" in words(
        page
    )
    await site.execute("update provider set reauthentication = true where id = $1", site.provider.id)
    sessions = "update session set authenticated_at = now() - $2::interval where tenant_id = $1"
    await site.execute(sessions, site.tenant.id, timedelta(hours=1))
    asked = await admin.post(f"{address}/erase")
    assert "STEP_UP_REQUIRED" in asked.text
    assert "Bob Baker" in words(await admin.get(address)), "nothing has gone"
    await site.execute(sessions, site.tenant.id, timedelta(0))
    done = await admin.follow(await admin.post(f"{address}/erase"))
    assert "The user is erased." in words(done)
    assert "Bob Baker" not in words(done)
    left = words(await admin.get(address))
    assert "Bob Baker" not in left
    assert "bob@demo.example" not in left


async def test_who_may_only_read_users_is_not_offered_to_erase_them(site: Site) -> None:
    reader = await admin_at(site, permissions=("identity:users:read",))
    await site.signed_in("bob")
    address = await page_of(site, "bob")
    assert "/erase" not in (await reader.get(address)).text
    assert (await reader.post(f"{address}/erase")).status_code == 403
    assert (await reader.get(address)).status_code == 200


async def test_a_hostile_name_stays_text(site: Site) -> None:
    site.idp.add_person("mallory", ("<img src=x onerror=alert(1)>",), name="<script>alert(1)</script>{{ 7 * 7 }}")
    admin = await admin_at(site)
    await site.signed_in("mallory")
    for page in (await admin.get("/console/users"), await admin.get(await page_of(site, "mallory"))):
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in page.text


async def test_a_user_is_made_given_a_password_link_linked_and_unlinked(site: Site) -> None:
    admin = await admin_at(site)
    made = await admin.follow(await admin.post("/console/users", username="nora", email="nora@demo.example"))
    assert "The user is made" in words(made)
    address = await page_of(site, "nora")
    provider = global_id("Provider", site.provider.id)
    linked = await admin.post(f"{address}/identities", provider=provider, anchor="s-nora")
    page = await admin.follow(linked)
    assert "The identity is linked" in words(page)
    identity = page.text.split('name="identity" value="')[1].split('"')[0]
    done = await admin.follow(await admin.post(f"{address}/identities/unlink", identity=identity))
    assert "The identity is unlinked." in words(done)
    taken = await admin.post("/console/users", username="nora", displayLabel="kept")
    assert taken.status_code in (400, 409)
    assert 'value="kept"' in taken.text
    link = await admin.post(f"{address}/password-link")
    assert "/auth/password/" in link.text or 'role="alert"' in link.text
