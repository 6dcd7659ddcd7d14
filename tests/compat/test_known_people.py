"""A directory whose people were entered beforehand: only they come in, by their username (Federated Directory)."""

import httpx
import pytest

from tests import factories as make
from tests.web.site import Site, come_back

pytestmark = pytest.mark.asyncio

PAGE = {"accept": "text/html"}


async def enter(site: Site, *usernames: str) -> None:
    async with site.database.transaction() as connection:
        for username in usernames:
            await make.make_user(connection, site.tenant.id, username=username)


async def arrive(site: Site, client: httpx.AsyncClient, person: str, slug: str = "directory") -> httpx.Response:
    begun = await client.get(f"/auth/oidc/{slug}/login")
    arrival = await site.at_provider(begun.headers["location"], person)
    if arrival.method == "POST":
        return await come_back(client, arrival)
    return await client.get(arrival.url, headers=PAGE)


async def test_only_people_who_are_known_already_are_let_in(site: Site) -> None:
    """S1-01, S1-10, S1-11, S1-26: `preferred_username` is compared with the username; a stranger is told so."""
    await site.add_provider("directory", provisioning="KNOWN_USERS")
    await enter(site, "alice")
    client, stranger = site.client(), site.client()
    assert (await arrive(site, client, "alice")).status_code == 303
    assert (await client.get("/v1/me")).json()["subject"] == site.idp.people["alice"].subject
    refused = await arrive(site, stranger, "bob")
    assert refused.status_code == 403
    assert "ACCOUNT_NOT_FOUND" in refused.text
    assert (await stranger.get("/v1/me")).status_code == 401
    people = "select array_agg(username) from app_user where tenant_id = $1"
    assert await site.fetchval(people, site.tenant.id) == ["alice"]


async def test_a_second_person_of_the_same_name_is_refused(site: Site) -> None:
    """S1-14: a username stands for one person; the second to claim it gets nobody's account."""
    await site.add_provider("directory", provisioning="KNOWN_USERS")
    await enter(site, "grace")
    site.idp.add_person("grace", subject="g-1")
    assert (await arrive(site, site.client(), "grace")).status_code == 303
    site.idp.add_person("grace", subject="g-2")
    second = site.client()
    refused = await arrive(site, second, "grace")
    assert refused.status_code == 403
    assert (await second.get("/v1/me")).status_code == 401


@pytest.mark.parametrize(
    ("source", "asks"), [("id_token / preferred_username", 0), ("userinfo / preferred_username", 1)]
)
async def test_the_name_is_found_in_the_id_token_or_in_userinfo(site: Site, source: str, asks: int) -> None:
    """S1-12, S1-13: UserInfo is asked where the ID Token has no name, and not otherwise."""
    missing = "id_token / not_in_there"
    await site.add_provider("directory", provisioning="KNOWN_USERS", claims={"username": [missing, source]})
    await enter(site, "alice")
    site.idp.log.clear()
    assert (await arrive(site, site.client(), "alice")).status_code == 303
    assert site.idp.log.count("/userinfo") == asks
