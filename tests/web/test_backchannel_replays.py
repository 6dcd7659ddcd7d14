"""Promise 18: a logout token acts once, whatever is sent again and wherever."""

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from identity_api.app import build_api
from identity_api.config import Settings
from identity_api.db.database import Database
from identity_api.fairness import time_slices
from identity_api.fairness.served import serving, work_for
from identity_api.sessions.logout import backchannel
from identity_api.web.http.limits import BAD_LOGOUTS
from identity_api.web.http.ttl_cache import MAX_AGE_SECONDS
from tests.web.logouts import backchannel_path, is_signed_in, send, sid_of, token_for
from tests.web.site import Site, make_site, running

pytestmark = pytest.mark.asyncio

FORM = {"content-type": "application/x-www-form-urlencoded"}


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


async def reasons(site: Site) -> list[str]:
    """Why logout tokens were refused, in order."""
    query = """
        select array_agg(payload->>'reason' order by id) from audit_event
        where tenant_id = $1 and action = 'logout_token.refused'
    """
    return list(await site.fetchval(query, site.tenant.id))


async def test_bad_input_39_a_replay_on_another_process_is_refused(settings: Settings, site: Site) -> None:
    """What was used is in the database and not in a process."""
    token = token_for(site, sid=await sid_of(site, await site.signed_in()))
    other = build_api(settings)
    async with running(other):
        elsewhere = Site(other, site.database, site.vault, site.idp, site.tenant, site.host, site.provider)
        assert (await send(site, token)).status_code == 200
        assert (await send(elsewhere, token)).status_code == 400


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


async def test_a_flood_of_replays_waits_for_its_answers_while_another_tenant_needs_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_for(site, sid=await sid_of(site, await site.signed_in()))
    answers = [await send(site, token) for _ in range(BAD_LOGOUTS + 2)]
    assert answers[-1].status_code == 429
    monkeypatch.setattr(time_slices, "REFUSED_SECONDS", 3_600)
    with serving():
        work_for(uuid4())
        flood = asyncio.create_task(send(site, token))
        _, waiting = await asyncio.wait([flood], timeout=0.2)
        assert waiting
        flood.cancel()


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
