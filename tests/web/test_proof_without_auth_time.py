"""A login that asked its person nothing, as far as the provider says, proves nobody's presence (Core 2, `auth_time`)."""

import httpx
import pytest

from identity_api.ids import token_hash
from tests.openid_provider import Fault
from tests.web.site import Site
from tests.web.test_frontend_step_up import alice_may_write, allow, enable_somebody
from tests.web.test_machines import service_client

pytestmark = pytest.mark.asyncio

COOKIE = "__Host-session"
NOT_TOLD = [Fault.NO_AUTH_TIME, Fault.AUTH_TIME_ZERO]
AGAIN = "/auth/oidc/sso/login?reauth=1"


async def signed_in_silently(site: Site, fault: Fault) -> httpx.AsyncClient:
    """Alice, whom the provider says nothing of but who she is; she keeps users."""
    with site.idp.fault(fault):
        client = await site.signed_in("alice")
    await alice_may_write(site, client.cookies[COOKIE])
    return client


async def sensitive(site: Site, client: httpx.AsyncClient) -> str:
    """The outcome of a mutation that asks for a fresh proof."""
    answer = await enable_somebody(site, client.cookies[COOKIE])
    return answer.get("code", answer["__typename"])


async def auth_time(site: Site, client: httpx.AsyncClient) -> int:
    auth = await service_client(site, site.tenant.id)
    backend = site.client(auth=auth)
    return int((await backend.post("/v1/introspect", data={"token": client.cookies[COOKIE]})).json()["auth_time"])


@pytest.mark.parametrize("fault", NOT_TOLD)
async def test_a_silent_login_is_no_proof_where_one_can_be_asked_for(site: Site, fault: Fault) -> None:
    await allow(site)
    client = await signed_in_silently(site, fault)
    assert (await sensitive(site, client), await auth_time(site, client)) == ("STEP_UP_REQUIRED", 0)
    assert (await site.sign_in(client, path=AGAIN)).status_code == 303
    assert await sensitive(site, client) == "UserChanged"
    assert await auth_time(site, client) > 0


async def test_a_login_that_says_when_is_a_proof(site: Site) -> None:
    await allow(site)
    client = await site.signed_in("alice")
    await alice_may_write(site, client.cookies[COOKIE])
    assert await sensitive(site, client) == "UserChanged"


@pytest.mark.parametrize("fault", NOT_TOLD)
async def test_a_proof_that_was_demanded_must_say_when(site: Site, fault: Fault) -> None:
    await allow(site)
    client = await signed_in_silently(site, fault)
    before = client.cookies[COOKIE]
    with site.idp.fault(fault):
        assert (await site.sign_in(client, path=AGAIN)).status_code >= 400
    live = "select ended_at is null from session where token_hash = $1"
    assert await site.fetchval(live, token_hash(before)) is True
    assert await sensitive(site, client) == "STEP_UP_REQUIRED"


@pytest.mark.parametrize("fault", NOT_TOLD)
async def test_where_a_provider_cannot_be_asked_its_login_has_to_do(site: Site, fault: Fault) -> None:
    client = await signed_in_silently(site, fault)
    assert await sensitive(site, client) == "UserChanged"
    assert await auth_time(site, client) > 0
