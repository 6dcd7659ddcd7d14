"""What a customer of Re:infer checks together with support after the set-up, by browser: here nobody has to help."""

import httpx
import pytest

from tests import factories as make
from tests.web.site import Site, come_back

pytestmark = pytest.mark.asyncio

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def map_groups(site: Site) -> None:
    async with site.database.transaction() as connection:
        read = await make.make_permission(connection, site.tenant.id, "docs:read")
        write = await make.make_permission(connection, site.tenant.id, "docs:write")
        await make.make_mapping(connection, site.tenant.id, "engineering", [read])
        await make.make_mapping(connection, site.tenant.id, "platform", [write])


async def walk(client: httpx.AsyncClient, path: str, *, until: str) -> list[str]:
    """Follow redirects from our own path until an address that begins with `until`; all of them."""
    seen = [path]
    while not seen[-1].startswith(until):
        answer = await client.get(seen[-1], headers=PAGE)
        assert answer.status_code == 303, (seen, answer.status_code, answer.text)
        seen.append(answer.headers["location"])
        assert len(seen) < 5
    return seen


async def test_the_joint_test_of_a_new_tenant_passes_without_support(site: Site) -> None:
    """S0-01, S0-07, S0-08, S0-56, S0-57, S0-58, S0-59: from the bare domain over the provider to profile and permissions.

    Nobody has made the user: everything on the page came from the provider.
    """
    await map_groups(site)
    people = "select count(*) from app_user where tenant_id = $1"
    assert await site.fetchval(people, site.tenant.id) == 0
    client = site.client()
    addresses = await walk(client, "/", until=site.idp.issuer)
    assert [one for one in addresses if one.startswith("/")] == ["/", "/login"], "no page to choose from in between"
    ended = await come_back(client, await site.at_provider(addresses[-1], "alice"))
    assert (ended.status_code, ended.headers["location"]) == (303, f"{site.origin}/account")
    page = (await client.get("/account", headers=PAGE)).text
    alice = site.idp.people["alice"]
    assert alice.email is not None
    for shown in (alice.name, alice.email, "docs:read", "docs:write"):
        assert shown in page
    assert await site.fetchval(people, site.tenant.id) == 1


async def test_signing_out_and_in_forces_the_sync(site: Site) -> None:
    """S0-18, S0-65, S2-30 (STRICT): groups, name and address of the new login are in force with it, the old ones are not."""
    site.idp.add_person("frank", ["engineering"], subject="f-1", name="Frank Fisher")
    await map_groups(site)
    client = await site.signed_in("frank")
    me = (await client.get("/v1/me")).json()
    assert (me["name"], me["email"], me["permissions"]) == ("Frank Fisher", "frank@demo.example", ["docs:read"])
    site.idp.add_person("frank", ["platform"], subject="f-1", name="Frank Foster", email="foster@demo.example")
    assert (await client.get("/v1/me")).json() == me
    assert (await client.post("/auth/logout", headers={"origin": site.origin})).status_code in (200, 303)
    await site.sign_in(client, "frank")
    after = (await client.get("/v1/me")).json()
    assert after == me | {
        "name": "Frank Foster",
        "email": "foster@demo.example",
        "groups": ["platform"],
        "permissions": ["docs:write"],
    }
