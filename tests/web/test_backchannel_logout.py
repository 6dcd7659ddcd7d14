"""What a logout token ends and when, and what a bad or superfluous one costs. Promises 17 and 18, bad inputs 38 to 42."""

import asyncio
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
import pytest

from identity_api.app import build_api
from identity_api.config import Settings
from identity_api.db.database import Database
from identity_api.oidc.authorization import code_challenge, new_code_verifier
from identity_api.oidc.signed_token import MAX_TOKEN_BYTES
from identity_api.sessions.logout import backchannel
from identity_api.telemetry import METRICS
from identity_api.web.http.limits import BAD_LOGOUTS
from identity_api.web.http.ttl_cache import MAX_AGE_SECONDS
from tests.openid_provider import Fault
from tests.web.logouts import backchannel_path, is_signed_in, send, sid_of, token_for, until_refused
from tests.web.site import FRONTEND, PUBLIC_URL, Site, come_back, make_site, running

pytestmark = pytest.mark.asyncio

FORM = {"content-type": "application/x-www-form-urlencoded"}


def counted(outcome: str) -> float:
    labels = {"channel": "back", "outcome": outcome}
    return METRICS.registry.get_sample_value("identity_provider_logouts_total", labels) or 0.0


# What ends


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


# What does nothing


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


async def test_bad_input_39_a_replay_on_another_process_is_refused(settings: Settings, site: Site) -> None:
    """What was used is in the database and not in a process."""
    token = token_for(site, sid=await sid_of(site, await site.signed_in()))
    other = build_api(settings)
    async with running(other):
        elsewhere = Site(other, site.database, site.vault, site.idp, site.tenant, site.host, site.provider)
        assert (await send(site, token)).status_code == 200
        assert (await send(elsewhere, token)).status_code == 400


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


async def test_promise_18_a_hundred_replays_have_one_effect_also_at_once(site: Site) -> None:
    token = token_for(site, sid=await sid_of(site, await site.signed_in()))
    statuses: list[int] = []
    for _ in range(5):
        statuses += [answer.status_code for answer in await asyncio.gather(*[send(site, token) for _ in range(20)])]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 400, 429}
    assert await site.events("session.ended") == 1
    assert await site.fetchval("select count(*) from logout_token_seen where tenant_id = $1", site.tenant.id) == 1


async def test_promise_18_a_replay_costs_no_signature_check_and_no_statement(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is written down of it, which is ten events a minute, and a full judgement once a second."""
    deps, clock, calls = site.app._deps, Clock(), Counter[str]()
    monkeypatch.setattr(deps.replays, "_monotonic", clock)
    monkeypatch.setattr(deps.tenancy._by_host, "_monotonic", clock)
    count_calls(monkeypatch, calls, backchannel, "verify_signature")
    count_calls(monkeypatch, calls, Database, "_acquired")
    client = await site.signed_in()
    token = token_for(site, sid=await sid_of(site, client))
    assert (await send(site, token)).status_code == 200
    assert calls["verify_signature"] == 1
    calls.clear()
    answers = [await send(site, token) for _ in range(200)]
    assert {answer.status_code for answer in answers} == {400, 429}
    assert answers[0].json()["code"] == "LOGOUT_REFUSED"
    assert calls["verify_signature"] == 0
    written = await site.events("logout_token.refused")
    assert calls["_acquired"] == written + 1  # the last is the question how many
    assert await site.events("session.ended") == 1
    clock.now += MAX_AGE_SECONDS
    await send(site, token)
    assert calls["verify_signature"] == 1


async def test_a_replay_is_judged_by_what_is_true_a_second_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 45: what a process remembers of a token does not outlive its provider by more than that."""
    clock = Clock()
    monkeypatch.setattr(site.app._deps.replays, "_monotonic", clock)
    token = token_for(site, sid=await sid_of(site, await site.signed_in()))
    assert (await send(site, token)).status_code == 200
    await site.execute("update provider set enabled = false where id = $1", site.provider.id)
    assert (await send(site, token)).status_code == 400
    clock.now += MAX_AGE_SECONDS
    assert (await send(site, token)).status_code == 404


async def test_a_used_token_is_remembered_for_its_own_provider_and_tenant_only(site: Site) -> None:
    """Elsewhere it is judged from the beginning, and refused for what is wrong with it there."""
    client = await site.signed_in()
    token = token_for(site, sid=await sid_of(site, client))
    other = await site.add_provider("other")
    neighbour = await make_site(site.app, site.database, site.vault, site.idp)
    assert (await send(site, token)).status_code == 200
    for attempt in ((site, site.provider), (site, other), (neighbour, neighbour.provider)):
        assert (await send(attempt[0], token, attempt[1])).status_code == 400
    assert await reasons(site) == ["REPLAYED:jti", "CLAIM_MISMATCH:aud"]
    assert await reasons(neighbour) == ["CLAIM_MISMATCH:aud"]
    assert (await send(neighbour, token, site.provider)).status_code == 404


async def test_while_tokens_are_replayed_others_of_the_same_provider_are_judged_in_full(site: Site) -> None:
    client = await site.signed_in()
    used = token_for(site, sid=uuid4().hex)
    assert [(await send(site, used)).status_code for _ in range(3)] == [200, 400, 400]
    path = backchannel_path(site.provider)
    for body, status in (
        ("logout_token=a.b.c", 400),
        ("x" * 20_000, 413),
        (f"logout_token={used}&logout_token=x", 400),
    ):
        assert (await site.client().post(path, content=body, headers=FORM)).status_code == status
    assert (await site.client().post(path, json={"logout_token": used})).status_code == 400
    assert (await send(site, token_for(site, sid=await sid_of(site, client)))).status_code == 200
    assert not await is_signed_in(client)


async def reasons(site: Site) -> list[str]:
    """Why logout tokens were refused, in order."""
    query = """
        select array_agg(payload->>'reason' order by id) from audit_event
        where tenant_id = $1 and action = 'logout_token.refused'
    """
    return list(await site.fetchval(query, site.tenant.id))


class Clock:
    """Stands still until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def count_calls(monkeypatch: pytest.MonkeyPatch, calls: Counter[str], owner: Any, name: str) -> None:
    """Count the calls of a function that goes on working."""
    original = getattr(owner, name)

    def counting(*arguments: Any, **options: Any) -> Any:
        calls[name] += 1
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, counting)


async def test_what_is_remembered_of_a_token_are_hashes(site: Site) -> None:
    token_id = uuid4().hex
    sid = await sid_of(site, await site.signed_in())
    await send(site, token_for(site, sid=sid, jti=token_id))
    row = "select row_to_json(l)::text from logout_token_seen l where tenant_id = $1"
    kept = await site.fetchval(row, site.tenant.id)
    assert token_id not in kept
    assert sid not in kept
    until = "select expires_at between now() + interval '100 s' and now() + interval '400 s' from logout_token_seen"
    assert await site.fetchval(f"{until} where tenant_id = $1", site.tenant.id)


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
