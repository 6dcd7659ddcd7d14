"""People with passwords at a site, and what their browsers send."""

from datetime import UTC, datetime

import httpx

from tests.accounts.local_world import PASSWORD, LocalWorld
from tests.web.site import Site

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
LOGIN = "/auth/local/login"


async def with_passwords(site: Site) -> LocalWorld:
    """The site's tenant, where people may have passwords; its clock is the wall's, as the site's is."""
    world = LocalWorld(site.database, site.tenant, vault=site.vault, now=datetime.now(UTC))
    await world.set_policy()
    return world


def from_page(site: Site) -> dict[str, str]:
    """What a browser says that sends a form of our own page."""
    return {**PAGE, "origin": site.origin, "sec-fetch-site": "same-origin"}


async def submit(
    site: Site, client: httpx.AsyncClient, username: str = "ada", password: str = PASSWORD, **more: str
) -> httpx.Response:
    """The login page's form."""
    return await client.post(LOGIN, data={"username": username, "password": password, **more}, headers=from_page(site))


async def signed_in(site: Site, username: str = "ada", password: str = PASSWORD) -> httpx.AsyncClient:
    """A browser whose person has signed in with a password."""
    client = site.client()
    answer = await submit(site, client, username, password)
    assert answer.status_code == 303, answer.text
    return client
