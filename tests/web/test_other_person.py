"""A new proof by password is the signed-in person's own, however the session is handed over (S3-33)."""

from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio

from tests.web.local_site import signed_in, submit, with_passwords
from tests.web.site import Site, cookies_set
from tests.web.test_local_delivery import BY_CODE, BY_FRAGMENT

pytestmark = pytest.mark.asyncio

WAYS = {"code": BY_CODE, "cookie": {"frontend": "app", "delivery": "cookie"}, "fragment": BY_FRAGMENT}


@pytest_asyncio.fixture
async def adas(site: Site) -> httpx.AsyncClient:
    """Ada's browser, signed in; Ben has a password too."""
    world = await with_passwords(site)
    await world.make_user("ada")
    await world.make_user("ben")
    return await signed_in(site)


async def user_of(client: httpx.AsyncClient) -> str:
    return str((await client.get("/v1/me")).json()["user_id"])


@pytest.mark.parametrize("delivery", WAYS)
async def test_somebody_elses_password_is_no_new_proof(site: Site, adas: httpx.AsyncClient, delivery: str) -> None:
    ada = await user_of(adas)
    refused = await submit(site, adas, username="ben", reauth="1", **WAYS[delivery])
    assert (refused.status_code, "OTHER_PERSON" in refused.text) == (403, True), refused.text
    assert "__Host-session" not in cookies_set(refused)
    assert await user_of(adas) == ada, "her session goes on"
    waiting = "select count(*) from one_time_code where tenant_id = $1"
    assert await site.fetchval(waiting, site.tenant.id) == 0, "nothing waits for Ben"


@pytest.mark.parametrize("delivery", WAYS)
async def test_ones_own_password_is_a_new_proof(site: Site, adas: httpx.AsyncClient, delivery: str) -> None:
    ada = await user_of(adas)
    proven = await submit(site, adas, username="ada", reauth="1", **WAYS[delivery])
    assert proven.status_code == 303, proven.text
    assert await user_of(adas) == ada
    address = urlsplit(proven.headers["location"])
    given = dict(parse_qsl(address.fragment or address.query))
    assert [name for name in ("code", "access_token") if name in given] == {
        "code": ["code"],
        "cookie": [],
        "fragment": ["access_token"],
    }[delivery]
    assert ("__Host-session" in cookies_set(proven)) is (delivery == "cookie")


async def test_without_a_demand_for_a_proof_another_person_may_sign_in(site: Site, adas: httpx.AsyncClient) -> None:
    ada = await user_of(adas)
    assert (await submit(site, adas, username="ben")).status_code == 303
    assert await user_of(adas) != ada
