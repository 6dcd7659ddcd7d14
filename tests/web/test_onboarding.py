"""The onboarding checklist as a page, followed through a real first login (S0-27, S0-56..S0-59)."""

import re
from uuid import UUID

import httpx
import pytest

from identity_api.db import grants, user_read_model
from identity_api.permissions.service import PROVIDERS_READ
from tests import factories as make
from tests.web.site import Site, come_back

PATH = "/account/onboarding"


async def signed_in_at(site: Site, provider: str, person: str) -> httpx.AsyncClient:
    """A browser that has signed in with this provider."""
    client = site.client()
    begun = await client.get(f"/auth/oidc/{provider}/login")
    arrival = await site.at_provider(begun.headers["location"], person)
    assert (await come_back(client, arrival)).status_code == 303
    return client


async def admin_of(site: Site) -> httpx.AsyncClient:
    """A browser of somebody who may read providers, and signs in with a provider of their own."""
    await site.add_provider("admins", label="Admins", sync_mode="NONE")
    client = await signed_in_at(site, "admins", "dora")
    user_id = UUID((await client.get("/v1/me")).json()["user_id"])
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, PROVIDERS_READ)
        await grants.open_manual_grant(connection, site.tenant.id, user_id, permission, "operator:root")
        await user_read_model.refresh(connection, site.tenant.id, [user_id])
    return client


def badge(page: str, title: str) -> str:
    """The status beside the first step of that title: of the provider `sso`, which comes last by its slug."""
    found = re.findall(rf">{title}</span> <span class=\"badge \w+\">([^<]+)<", page)
    assert found, page
    return str(found[-1])


@pytest.mark.asyncio
async def test_the_page_follows_a_first_login_from_the_address_to_the_account(site: Site) -> None:
    """S0-56..S0-59: sent to the provider, came back, profile; each is done as soon as it has happened."""
    client = await admin_of(site)
    page = await client.get(PATH)
    assert page.status_code == 200
    assert badge(page.text, "Visiting the sign-in address leads to the provider") == "to do"
    visitor = site.client()
    begun = await visitor.get("/auth/oidc/sso/login")
    page = await client.get(PATH)
    assert badge(page.text, "Visiting the sign-in address leads to the provider") == "done"
    assert badge(page.text, "Somebody has signed in") == "to do"
    arrival = await site.at_provider(begun.headers["location"], "alice")
    assert (await visitor.get(arrival.url)).status_code == 303
    page = await client.get(PATH)
    assert badge(page.text, "Somebody has signed in") == "done"
    assert badge(page.text, "The account page shows the synced profile") == "done"
    assert badge(page.text, "Background sync has what it needs") == "done"
    assert badge(page.text, "Groups arrive completely") == "done"
    assert badge(page.text, "A mapping matches a group that was seen") == "to do"


@pytest.mark.asyncio
async def test_a_first_login_that_fails_is_shown_with_what_to_do(site: Site) -> None:
    """S0-61: the provider refused, and the page says so with the remedy."""
    client = await admin_of(site)
    visitor = site.client()
    begun = await visitor.get("/auth/oidc/sso/login")
    state = httpx.URL(begun.headers["location"]).params["state"]
    answer = await visitor.get(
        "/auth/oidc/sso/callback", params={"state": state, "error": "access_denied", "iss": site.idp.issuer}
    )
    assert answer.status_code >= 400
    page = await client.get(PATH)
    assert badge(page.text, "Somebody has signed in") == "problem"
    assert "PROVIDER_REFUSED" in page.text


@pytest.mark.asyncio
async def test_the_values_to_paste_are_on_the_page(site: Site) -> None:
    page = (await (await admin_of(site)).get(PATH)).text
    for value in (
        site.provider.redirect_url,
        f"{site.origin}/auth/logout/return",
        f"{site.origin}/auth/providers/{site.provider.id}/backchannel-logout",
        f"{site.origin}/auth/providers/{site.provider.id}/frontchannel-logout",
        f"{site.origin}/auth/initiate",
        f"{site.origin}/login",
    ):
        assert f"<code>{value}</code>" in page


@pytest.mark.asyncio
async def test_it_is_for_who_may_read_providers(site: Site) -> None:
    admin = await admin_of(site)
    assert f'href="{PATH}"' in (await admin.get("/account")).text
    somebody = await signed_in_at(site, "sso", "alice")
    assert f'href="{PATH}"' not in (await somebody.get("/account")).text
    refused = await somebody.get(PATH)
    assert refused.status_code == 403
    assert site.provider.client_id not in refused.text


@pytest.mark.asyncio
async def test_whoever_is_not_signed_in_is_sent_to_sign_in(site: Site) -> None:
    answer = await site.client().get(PATH)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.asyncio
async def test_labels_are_escaped_and_nothing_runs(site: Site) -> None:
    client = await admin_of(site)
    await site.execute("update provider set label = '<script>1</script>' where id = $1", site.provider.id)
    page = await client.get(PATH)
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "script-src" not in page.headers["content-security-policy"]


def deps_of(page: str) -> list[tuple[str, str, bool]]:
    """Of each provider that can be folded: its name, how it stands, and whether it is open."""
    found = re.findall(
        r'<details class="card"( open)?>\s*<summary><h2>([^<]+)</h2> <span class="badge \w+">([^<]+)<', page
    )
    return [(name, status, bool(is_open)) for is_open, name, status in found]


@pytest.mark.asyncio
async def test_of_several_providers_the_one_to_go_on_with_is_open(site: Site) -> None:
    """The first that has a problem, else the first with something left to do; what concerns the tenant is not folded."""
    client = await admin_of(site)
    await site.add_provider("third", label="Third")
    await site.execute("update provider set label = 'Acme SSO' where id = $1", site.provider.id)
    done, first, second = deps_of((await client.get(PATH)).text)
    assert done == ("Admins", "done", False)
    assert (first[0], first[1].endswith(" to do"), first[2]) == ("Acme SSO", True, True)
    assert (second[0], second[1].endswith(" to do"), second[2]) == ("Third", True, False)
    visitor = site.client()
    begun = await visitor.get("/auth/oidc/third/login")
    state = httpx.URL(begun.headers["location"]).params["state"]
    answer = {"state": state, "error": "access_denied", "iss": site.idp.issuer}
    assert (await visitor.get("/auth/oidc/third/callback", params=answer)).status_code >= 400
    page = (await client.get(PATH)).text
    assert [(name, status, is_open) for name, status, is_open in deps_of(page) if name != "Acme SSO"] == [
        ("Admins", "done", False),
        ("Third", "1 problem", True),
    ]
    assert ("Acme SSO", first[1], False) in deps_of(page)
    assert re.search(r'<section class="card" aria-labelledby="[^"]+">\s*<h2 id="[^"]+">Your organisation</h2>', page)


@pytest.mark.asyncio
async def test_a_provider_alone_is_not_folded(site: Site) -> None:
    """There is nothing else to look for."""
    user_id = UUID((await (await signed_in_at(site, "sso", "alice")).get("/v1/me")).json()["user_id"])
    async with site.database.transaction() as connection:
        permission = await make.make_permission(connection, site.tenant.id, PROVIDERS_READ)
        await grants.open_manual_grant(connection, site.tenant.id, user_id, permission, "operator:root")
        await user_read_model.refresh(connection, site.tenant.id, [user_id])
    page = (await (await signed_in_at(site, "sso", "alice")).get(PATH)).text
    assert "Somebody has signed in" in page
    assert "<details" not in page
