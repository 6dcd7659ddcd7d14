"""What a logout token of the provider ends."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from identity_api.app import build_api
from identity_api.config import Settings
from identity_api.db import logout_tokens, provider_changes
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from tests.web.logouts import is_signed_in, send, sid_of, token_for
from tests.web.site import FRONTEND, Site, come_back, running

pytestmark = pytest.mark.asyncio


async def test_a_token_about_a_session_ends_that_one_and_keeps_the_login(site: Site) -> None:
    """Back-Channel Logout 2.7: a refresh token with offline_access outlives the logout of one session."""
    client, elsewhere, bob = await site.signed_in(), await site.signed_in(), await site.signed_in("bob")
    assert (await send(site, token_for(site, sid=await sid_of(site, client)))).status_code == 200
    assert [await is_signed_in(one) for one in (client, elsewhere, bob)] == [False, True, True]
    live = "select count(*) from refresh_token where tenant_id = $1 and dead_at is null"
    assert await site.fetchval(live, site.tenant.id) == 3
    states = "select count(*) from identity where tenant_id = $1 and state = 'FRESH'"
    assert await site.fetchval(states, site.tenant.id) == 2


async def test_a_token_about_a_person_ends_all_they_have_here(site: Site) -> None:
    client, elsewhere, bob = await site.signed_in(), await site.signed_in(), await site.signed_in("bob")
    assert (await send(site, token_for(site, sid=None))).status_code == 200
    assert [await is_signed_in(one) for one in (client, elsewhere, bob)] == [False, False, True]
    dead = "select count(*) from refresh_token where tenant_id = $1 and dead_reason = 'logout_token' and sealed is null"
    assert await site.fetchval(dead, site.tenant.id) == 2
    revoked = (
        "select count(*) from identity where tenant_id = $1 and (state, state_reason) = ('REVOKED', 'logout_token')"
    )
    assert await site.fetchval(revoked, site.tenant.id) == 1
    again = await site.signed_in()
    assert await is_signed_in(again)


async def test_a_token_that_comes_while_its_provider_is_deleted_ends_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember = logout_tokens.remember

    async def remembered(*arguments: Any) -> bool:
        async with site.database.transaction() as connection:
            await provider_changes.remove(connection, site.tenant.id, site.provider.id)
        return await remember(*arguments)

    monkeypatch.setattr(logout_tokens, "remember", remembered)
    assert (await send(site, token_for(site))).status_code == 400


async def test_the_audit_says_who_ended_what(site: Site) -> None:
    client = await site.signed_in()
    await send(site, token_for(site, sid=await sid_of(site, client)))
    query = (
        "select actor || ' ' || (payload->>'reason') from audit_event where tenant_id = $1 and action = 'session.ended'"
    )
    assert await site.fetchval(query, site.tenant.id) == f"provider:{site.provider.id} logout_token"


async def test_a_session_and_a_person_that_do_not_belong_together_end_nothing(site: Site) -> None:
    client, bob = await site.signed_in(), await site.signed_in("bob")
    sid = await sid_of(site, client)
    assert (await send(site, token_for(site, "bob", sid=sid))).status_code == 200
    assert await is_signed_in(client)
    assert await is_signed_in(bob)
    assert (await send(site, token_for(site, sid=sid, sub=None))).status_code == 200
    assert not await is_signed_in(client)


async def test_a_session_of_the_person_whose_origin_was_not_told_may_be_the_one(site: Site) -> None:
    """The provider's ID Tokens have no `sid`, its logout tokens do."""
    client, bob = await site.signed_in(), await site.signed_in("bob")
    await site.execute("update session set provider_session = null where tenant_id = $1", site.tenant.id)
    assert (await send(site, token_for(site, sid=uuid4().hex))).status_code == 200
    assert not await is_signed_in(client)
    assert await is_signed_in(bob)


@pytest.mark.parametrize(("scopes", "is_due"), [(("openid", "profile"), True), (None, False)])
async def test_without_offline_access_the_refresh_token_is_looked_at_soon(
    site: Site, scopes: tuple[str, ...] | None, is_due: bool
) -> None:
    """It died at the provider with its session; the sync finds out, and tries other logins' tokens before it gives up."""
    client = await site.signed_in()
    if scopes is not None:
        await site.execute("update provider set scopes = $2 where id = $1", site.provider.id, list(scopes))
    await send(site, token_for(site, sid=await sid_of(site, client)))
    query = "select due_at <= now() from identity_sync where tenant_id = $1"
    assert await site.fetchval(query, site.tenant.id) is is_due


async def test_a_finished_login_that_nobody_has_picked_up_ends_too(site: Site) -> None:
    verifier = new_code_verifier()

    async def finished(person: str) -> tuple[str, str]:
        """The one-time code for a frontend, and the provider's session behind it."""
        client = site.client()
        path = f"/login?frontend=app&delivery=code&code_challenge={code_challenge(verifier)}"
        ended = await site.sign_in(client, person, path)
        assert ended.headers["location"].startswith(f"{FRONTEND}/done?code=")
        code = httpx.URL(ended.headers["location"]).params["code"]
        query = "select provider_session from one_time_code where tenant_id = $1 order by id desc limit 1"
        return code, str(await site.fetchval(query, site.tenant.id))

    async def redeemed(code: str) -> int:
        body = {"code": code, "code_verifier": verifier, "frontend": "app"}
        return (await site.client().post("/v1/auth/token", json=body)).status_code

    (alices, sid), (bobs, _) = await finished("alice"), await finished("bob")
    assert (await send(site, token_for(site, sid=sid))).status_code == 200
    assert (await redeemed(alices), await redeemed(bobs)) == (400, 200)


@pytest.mark.parametrize("about", ["session", "person", "somebody else"])
async def test_a_login_under_way_does_not_outrun_the_logout(site: Site, about: str) -> None:
    """The token arrives between the exchange of the code and the end of the login."""
    client = site.client()
    begun = await client.get("/login")
    arrival = await site.at_provider(begun.headers["location"])
    with site.idp.hold("/token", when="after") as gate:
        ending = asyncio.create_task(come_back(client, arrival))
        await gate.arrival()
        families = site.idp._call(site.idp._provider.logins.families)
        sid = [one.login.sid for one in families if one.login.client_id == site.provider.client_id][-1]
        token = {
            "session": lambda: token_for(site, sid=sid, sub=None),
            "person": lambda: token_for(site, sid=None),
            "somebody else": lambda: token_for(site, "bob", sid=uuid4().hex),
        }[about]()
        assert (await send(site, token)).status_code == 200
        gate.release()
        ended = await ending
    assert ended.status_code == (303 if about == "somebody else" else 403), ended.text
    sessions = "select count(*) from session where tenant_id = $1 and ended_at is null"
    assert await site.fetchval(sessions, site.tenant.id) == (1 if about == "somebody else" else 0)
    assert await is_signed_in(await site.signed_in())


async def test_the_logout_is_in_force_on_another_process_at_once(settings: Settings, site: Site) -> None:
    """Promise 17: at most 2 s on two API processes, also for somebody who keeps asking."""
    other = build_api(settings)
    client = await site.signed_in()
    cookies = dict(client.cookies)
    token = token_for(site, sid=await sid_of(site, client))
    asked: list[tuple[float, int]] = []
    has_asked, stop = asyncio.Event(), asyncio.Event()

    async def keep_asking(door: httpx.AsyncClient) -> None:
        while not stop.is_set():
            begun = time.monotonic()
            asked.append((begun, (await door.get("/v1/me")).status_code))
            if len(asked) == 10:
                has_asked.set()

    async with running(other):
        elsewhere = Site(other, site.database, site.vault, site.idp, site.tenant, site.host, site.provider)
        doors = [one.client(cookies=cookies) for one in (site, elsewhere, elsewhere, elsewhere, site)]
        asking = [asyncio.create_task(keep_asking(door)) for door in doors]
        await has_asked.wait()
        assert {status for _, status in asked} == {200}
        assert (await send(elsewhere, token)).status_code == 200
        ended_at = time.monotonic()
        for door in doors:
            door.cookies.update(cookies)  # a cleared cookie would make the rest of them say nothing
        statuses = [(await door.get("/v1/me")).status_code for door in doors]
        assert statuses == [401] * 5
        stop.set()
        await asyncio.gather(*asking)
    assert [status for begun, status in asked if begun > ended_at and status != 401] == []
