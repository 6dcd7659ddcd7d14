"""Every way in notes what the browser calls itself, and the account page and the console show a short name of it."""

from urllib.parse import parse_qs, urlsplit

import pytest

from identity_api.accounts import break_glass
from identity_api.accounts.break_glass import DEFAULT_PERMISSIONS
from tests import factories as make
from tests.web.console.test_users import with_bob
from tests.web.local_site import from_page, submit, with_passwords
from tests.web.site import FRONTEND, PUBLIC_URL, Site, come_back
from tests.web.test_local_delivery import BY_FRAGMENT
from tests.web.test_oauth import VERIFIER, query_of, signed_in_at_frontend

pytestmark = pytest.mark.asyncio
FIREFOX = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
SAFARI = {
    "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.5 Mobile/15E148 Safari/604.1"
}


async def devices(site: Site) -> list[str | None]:
    """Of every session of the site's tenant."""
    async with site.database.reading() as connection:
        rows = await connection.fetch(
            "select device from session where tenant_id = $1 order by created_at, id", site.tenant.id
        )
    return [row["device"] for row in rows]


async def test_a_login_at_a_provider(site: Site) -> None:
    await site.signed_in(headers=FIREFOX)
    await site.signed_in(headers={"user-agent": "curl/8.8.0"})
    assert await devices(site) == ["Firefox (Linux)", None]


async def test_a_login_whose_callback_is_on_another_host(site: Site) -> None:
    await site.add_provider("shared", redirect_url=f"{PUBLIC_URL}/auth/oidc/shared/callback")
    client = site.client(headers=FIREFOX)
    hop = await client.get("/auth/oidc/shared/login")
    begun = await client.get(hop.headers["location"])
    ended = await come_back(client, await site.at_provider(begun.headers["location"]))
    assert (await client.get(ended.headers["location"])).status_code == 303
    assert await devices(site) == ["Firefox (Linux)"]


async def test_a_password_also_for_a_frontend(site: Site) -> None:
    await (await with_passwords(site)).make_user("ada")
    assert (await submit(site, site.client(headers=FIREFOX))).status_code == 303
    ended = await submit(site, site.client(headers=SAFARI), **BY_FRAGMENT)
    assert "access_token" in parse_qs(urlsplit(ended.headers["location"]).fragment)
    assert await devices(site) == ["Firefox (Linux)", "Safari (iPhone)"]


async def test_a_frontends_code_counts_by_who_exchanges_it(site: Site) -> None:
    given = query_of(await signed_in_at_frontend(site, headers=FIREFOX))
    form = {"grant_type": "authorization_code", "client_id": "app", "code": given["code"], "code_verifier": VERIFIER}
    answer = await site.client(headers=SAFARI).post("/v1/auth/token", data=form, headers={"origin": FRONTEND})
    assert answer.status_code == 200, answer.text
    assert await devices(site) == ["Safari (iPhone)"]


async def test_a_break_glass_code(site: Site) -> None:
    world = await with_passwords(site)
    async with site.database.transaction() as connection:
        for name in DEFAULT_PERMISSIONS:
            await make.make_permission(connection, site.tenant.id, name)
    made = await break_glass.create(world.database, world.operator, DEFAULT_PERMISSIONS, days=90, minutes=30)
    client = site.client(headers=FIREFOX)
    used = await client.post("/auth/break-glass", data={"code": made.code}, headers=from_page(site))
    assert used.status_code == 303, used.text
    assert await devices(site) == ["Firefox (Linux)"]


async def test_a_hostile_name_is_neither_stored_nor_shown(site: Site) -> None:
    text = "Mozilla/5.0 (Linux; <script>alert(1)</script>) Firefox/1<img src=x>"
    client = await site.signed_in(headers={"user-agent": text})
    assert await devices(site) == ["Firefox (Linux)"]
    page = (await client.get("/account")).text
    assert "Firefox (Linux)" in page
    assert "alert(1)" not in page
    assert "src=x" not in page


async def test_the_account_page_tells_ones_browsers_apart(site: Site) -> None:
    client = await site.signed_in(headers=FIREFOX)
    assert "Safari" not in (await client.get("/account")).text
    await site.signed_in(headers=SAFARI)
    page = (await client.get("/account")).text
    assert page.index("Safari (iPhone)") < page.index("Firefox (Linux)") < page.index("this one")


async def test_a_session_says_where_it_was_begun(site: Site) -> None:
    """As the audit keeps addresses: of IPv6, the network alone."""
    for sent, shown in (("203.0.113.7", "203.0.113.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")):
        client = await site.signed_in(address=sent)
        assert shown in (await client.get("/account")).text
        async with site.database.reading() as connection:
            kept = "select address from session where tenant_id = $1 order by id desc limit 1"
            assert await connection.fetchval(kept, site.tenant.id) == shown


async def test_the_console_shows_an_admin_what_somebody_signs_in_with(site: Site) -> None:
    admin, address = await with_bob(site)
    assert "Safari (iPhone)" not in (await admin.get(address)).text
    await site.signed_in("bob", headers=SAFARI)
    assert "Safari (iPhone)" in (await admin.get(address)).text
