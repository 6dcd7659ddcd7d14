"""Logout tokens that end nothing: no form, nobody here, no such provider, a flood."""

from typing import Any
from uuid import uuid4

import pytest

from identity_api.oidc.signed_token import MAX_TOKEN_BYTES
from identity_api.web.http.limits import BAD_LOGOUTS
from tests.openid_provider import Fault
from tests.web.logouts import backchannel_path, counted, is_signed_in, send, sid_of, token_for, until_refused
from tests.web.site import PUBLIC_URL, Site, make_site

pytestmark = pytest.mark.asyncio

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("", FORM),
        ("token=a.b.c", FORM),
        ("logout_token=", FORM),
        ("logout_token=a.b.c&logout_token=a.b.c", FORM),
        ("logout_token=%ff", FORM),
        ("logout_token=" + "a" * (MAX_TOKEN_BYTES - 100), FORM),
        ("logout_token={token}&logout_token={token}", FORM),
        ('{{"logout_token": "{token}"}}', {"content-type": "application/json"}),
        ("logout_token={token}", {"content-type": "text/plain"}),
        ("logout_token={token}", {}),
    ],
)
async def test_bad_input_38_none_or_two_tokens_or_no_form(site: Site, body: str, headers: dict[str, str]) -> None:
    client = await site.signed_in()
    token = token_for(site, sid=await sid_of(site, client))
    path = backchannel_path(site.provider)
    answer = await site.client().post(path, content=body.format(token=token), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "LOGOUT_REFUSED")
    assert answer.headers["cache-control"] == "no-store"
    assert await is_signed_in(client)
    good = await site.client().post(path, content=f"logout_token={token}", headers=FORM)
    assert good.status_code == 200
    assert not await is_signed_in(client)


@pytest.mark.parametrize(
    "changes", [{"sid": "unknown"}, {"sid": None, "sub": "nobody"}, {"sid": "unknown", "sub": None}]
)
async def test_bad_input_40_a_valid_token_about_nobody_here_is_200_and_counted(
    site: Site, changes: dict[str, Any]
) -> None:
    client = await site.signed_in()
    before = counted("nothing")
    assert (await send(site, token_for(site, **changes))).status_code == 200
    assert counted("nothing") == before + 1
    assert await is_signed_in(client)
    assert await site.events("session.ended") == 0
    before = counted("ended")
    await send(site, token_for(site, sid=await sid_of(site, client)))
    assert counted("ended") == before + 1


@pytest.mark.parametrize("change", ["disabled", "oauth2", "unknown", "no id"])
async def test_bad_input_41_a_provider_that_has_no_logout_here_is_404(site: Site, change: str) -> None:
    client = await site.signed_in()
    token = token_for(site, sid=await sid_of(site, client))
    path = backchannel_path(site.provider)
    if change == "disabled":
        await site.execute("update provider set enabled = false where id = $1", site.provider.id)
    elif change == "oauth2":
        await site.execute("update provider set protocol = 'oauth2' where id = $1", site.provider.id)
    else:
        path = path.replace(str(site.provider.id), str(uuid4()) if change == "unknown" else "sso")
    answer = await site.client().post(path, data={"logout_token": token})
    assert (answer.status_code, answer.json()["code"]) == (404, "PROVIDER_NOT_FOUND")
    assert await site.events("session.ended") == 0
    await site.execute("update provider set enabled = true, protocol = 'oidc' where id = $1", site.provider.id)
    assert (await send(site, token)).status_code == 200


async def test_bad_input_41_another_tenants_door_leads_to_no_provider_of_this_one(site: Site) -> None:
    """Promise 17: what a provider may end is what its own row is for (I2)."""
    neighbour = await make_site(site.app, site.database, site.vault, site.idp)
    client = await site.signed_in()
    token = token_for(site, sid=await sid_of(site, client))
    for base_url in (neighbour.origin, PUBLIC_URL, f"{PUBLIC_URL}/t/{neighbour.tenant.slug}"):
        assert (await send(site, token, base_url=base_url)).status_code == 404
    assert await is_signed_in(client)
    assert (await send(site, token, base_url=f"{PUBLIC_URL}/t/{site.tenant.slug}")).status_code == 200
    assert not await is_signed_in(client)


async def test_bad_input_42_a_flood_is_429_and_a_valid_token_still_works(site: Site) -> None:
    """Promise 18: whatever comes from anywhere, the provider's own word counts, and neighbours notice nothing."""
    client = await site.signed_in()
    good = token_for(site, sid=await sid_of(site, client))
    path = backchannel_path(site.provider)
    flood = site.client()
    statuses = [(await flood.post(path, data={"logout_token": "a.b.c"})).status_code for _ in range(BAD_LOGOUTS)]
    assert statuses == [400] * BAD_LOGOUTS
    refusal = await until_refused(lambda: flood.post(path, data={"logout_token": "a.b.c"}))
    assert refusal is not None
    assert int(refusal.headers["retry-after"]) >= 1
    assert refusal.headers["cache-control"] == "no-store"
    assert await site.events("logout_token.refused") <= 20
    assert (await send(site, good)).status_code == 200
    assert not await is_signed_in(client)
    other = await site.add_provider("other")
    assert (await site.client().post(backchannel_path(other), data={"logout_token": "a.b.c"})).status_code == 400


async def test_a_provider_whose_keys_cannot_be_had_ends_nothing_yet(site: Site) -> None:
    """And the same token works once they can: it was not used up."""
    client = await site.signed_in()
    token = token_for(site, sid=await sid_of(site, client))
    other = await make_site(site.app, site.database, site.vault, site.idp)
    with site.idp.fault(Fault.ERROR_503, path="/jwks"):
        fresh = other.idp.logout_token("alice", sid="x", aud=other.provider.client_id)
        assert (await send(other, fresh)).status_code == 400
    assert (await send(site, token)).status_code == 200
    seen = "select count(*) from logout_token_seen where tenant_id = $1"
    assert await site.fetchval(seen, other.tenant.id) == 0


async def test_a_page_is_never_the_answer(site: Site) -> None:
    answer = await site.client().post(
        backchannel_path(site.provider), data={"logout_token": "a.b.c"}, headers={"accept": "text/html"}
    )
    assert answer.headers["content-type"] == "application/problem+json"
