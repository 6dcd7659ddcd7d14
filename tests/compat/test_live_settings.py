"""Where the Inference API holds its providers in memory until it is restarted: here a change counts from the next login on."""

from urllib.parse import parse_qs, urlsplit

import pytest

from identity_api.db import providers
from identity_api.db.providers import Provider
from tests.web.site import Site, come_back

pytestmark = pytest.mark.asyncio


async def write(site: Site, **settings: object) -> None:
    values = {name: getattr(site.provider, name) for name in Provider.__struct_fields__}
    async with site.database.transaction() as connection:
        await providers.write(connection, Provider(**{**values, **settings}))


async def client_id_of_a_login(site: Site) -> str:
    begun = await site.client().get("/auth/oidc/sso/login")
    return parse_qs(urlsplit(begun.headers["location"]).query)["client_id"][0]


async def test_a_changed_provider_is_used_by_the_next_login_of_a_running_server(site: Site) -> None:
    """S4-48."""
    assert await client_id_of_a_login(site) == site.provider.client_id
    await write(site, client_id="another", scopes=("openid", "email"))
    assert await client_id_of_a_login(site) == "another"
    await write(site, enabled=False)
    assert (await site.client().get("/auth/oidc/sso/login")).status_code == 404
    await write(site)
    assert (await site.sign_in(site.client())).status_code == 303


async def test_a_rotated_key_of_the_provider_needs_no_restart_either(site: Site) -> None:
    """S4-49: a key that is not in the cache is fetched, once, when a token arrives that was signed with it."""
    assert (await site.sign_in(site.client())).status_code == 303
    site.idp.rotate_key(keep_old=False)
    client = site.client()
    begun = await client.get("/login")
    ended = await come_back(client, await site.at_provider(begun.headers["location"]))
    assert ended.status_code == 303, ended.text
