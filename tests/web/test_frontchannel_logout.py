"""The provider's sign-out page has us in a frame: Front-Channel Logout 1.0 section 3; promise 17."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from identity_api.telemetry import METRICS
from identity_api.web.http import limits
from identity_api.web.http.limits import UNKNOWN_SESSIONS
from tests.openid_provider import Fault
from tests.web.logouts import is_signed_in, sid_of, until_refused, with_query
from tests.web.site import PUBLIC_URL, Site, come_back, cookies_set, make_site

pytestmark = pytest.mark.asyncio

COOKIE = "__Host-session"
FRAME = {"accept": "text/html", "sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site"}


def path_of(site: Site, sid: str, *, iss: str | None = None) -> str:
    path = f"/auth/providers/{site.provider.id}/frontchannel-logout"
    return with_query(path, iss=iss or site.idp.issuer, sid=sid)


async def in_a_frame(site: Site, sid: str, **changes: str) -> httpx.Response:
    """What a browser sends from another site's frame: no cookie of ours, since they are SameSite=Lax."""
    return await site.client().get(path_of(site, sid, **changes), headers=FRAME)


@pytest.mark.parametrize("module", ["rp-frontchannel-rpinitlogout", "rp-frontchannel-opinitlogout"])
async def test_rp_frontchannel_rpinitlogout_and_opinitlogout(site: Site, module: str) -> None:
    """Whoever began the logout, the provider's page then names the session; only that one ends."""
    client, elsewhere = await site.signed_in(), await site.signed_in()
    sid = await sid_of(site, client)
    if module == "rp-frontchannel-rpinitlogout":
        left = await client.post("/auth/logout", headers={"origin": site.origin})
        assert (await site.client().get(left.json()["logout_url"], follow_redirects=False)).status_code
    answer = await in_a_frame(site, sid)
    assert answer.status_code == 200
    assert not await is_signed_in(client)
    assert await is_signed_in(elsewhere)
    assert await site.events("session.ended") == 1


async def test_only_the_providers_pages_may_show_it_in_a_frame_and_nobody_keeps_it(site: Site) -> None:
    answer = await in_a_frame(site, await sid_of(site, await site.signed_in()))
    policy = answer.headers["content-security-policy"]
    assert f"frame-ancestors {site.idp.issuer};" in f"{policy};"
    assert "default-src 'none'" in policy
    assert "x-frame-options" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    login = await site.client().get("/login?choose=1", headers=FRAME)
    assert "frame-ancestors 'none'" in login.headers["content-security-policy"]
    assert login.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("changes", ["other issuer", "no issuer", "no session", "two sessions", "nothing"])
async def test_both_parameters_are_needed_and_the_issuer_is_this_providers(site: Site, changes: str) -> None:
    client = await site.signed_in()
    sid = await sid_of(site, client)
    good = path_of(site, sid)
    path = good.partition("?")[0]
    bad = {
        "other issuer": path_of(site, sid, iss="https://other.example"),
        "no issuer": with_query(path, sid=sid),
        "no session": with_query(path, iss=site.idp.issuer),
        "two sessions": f"{good}&sid={sid}",
        "nothing": path,
    }[changes]
    for get, status, is_in in ((bad, 400, True), (good, 200, False)):
        answer = await site.client().get(get)
        assert answer.status_code == status, answer.text
        assert await is_signed_in(client) is is_in


async def test_a_session_nobody_has_ends_nothing_and_is_counted(site: Site) -> None:
    client = await site.signed_in()
    labels = {"channel": "front", "outcome": "nothing"}
    before = METRICS.registry.get_sample_value("identity_provider_logouts_total", labels) or 0
    assert (await in_a_frame(site, "0123456789abcdef0123456789abcdef")).status_code == 200
    assert METRICS.registry.get_sample_value("identity_provider_logouts_total", labels) == before + 1
    assert await is_signed_in(client)


async def test_whoever_tries_sessions_is_stopped(site: Site) -> None:
    trying = site.client()
    path = path_of(site, "0123456789abcdef0123456789abcdef")
    statuses = [(await trying.get(path)).status_code for _ in range(UNKNOWN_SESSIONS)]
    assert statuses == [200] * UNKNOWN_SESSIONS
    assert await until_refused(lambda: trying.get(path)) is not None
    client = await site.signed_in()
    assert (await in_a_frame(site, await sid_of(site, client))).status_code == 200
    assert not await is_signed_in(client)


async def test_a_session_that_could_be_guessed_ends_only_with_its_own_cookie(site: Site) -> None:
    client, bob = await site.signed_in(), await site.signed_in("bob")
    await site.execute("update session set provider_session = '17' where tenant_id = $1", site.tenant.id)
    await site.execute(
        "update session set provider_session = '18' where tenant_id = $1 and token_hash = sha256($2)",
        site.tenant.id,
        bob.cookies[COOKIE].encode(),
    )
    assert (await in_a_frame(site, "17")).status_code == 200
    assert (await bob.get(path_of(site, "17"))).status_code == 200
    assert await is_signed_in(client)
    assert await is_signed_in(bob)
    answer = await client.get(path_of(site, "17"))
    assert "Max-Age=0" in cookies_set(answer)[COOKIE]
    assert not await is_signed_in(client)
    assert await is_signed_in(bob)


async def test_the_cookie_of_another_session_is_kept(site: Site) -> None:
    client, bob = await site.signed_in(), await site.signed_in("bob")
    sid = await sid_of(site, client)
    assert cookies_set(await bob.get(path_of(site, sid))) == {}
    assert await is_signed_in(bob)
    assert not await is_signed_in(client)


async def test_no_login_dies_and_no_permission_changes(site: Site) -> None:
    client = await site.signed_in()
    await in_a_frame(site, await sid_of(site, client))
    assert await site.fetchval("select state from identity where tenant_id = $1", site.tenant.id) == "FRESH"
    live = "select count(*) from refresh_token where tenant_id = $1 and dead_at is null"
    assert await site.fetchval(live, site.tenant.id) == 1


async def test_a_session_of_another_provider_or_tenant_is_unknown_here(site: Site) -> None:
    neighbour = await make_site(site.app, site.database, site.vault, site.idp)
    client = await site.signed_in()
    sid = await sid_of(site, client)
    other = await site.add_provider("other")
    path = path_of(site, sid).replace(str(site.provider.id), str(other.id))
    assert (await site.client().get(path)).status_code == 200
    assert (await in_a_frame(neighbour, sid)).status_code == 200
    for base_url in (neighbour.origin, PUBLIC_URL):
        assert (await site.client(base_url=base_url).get(path_of(site, sid))).status_code == 404
    assert await is_signed_in(client)


async def test_a_disabled_provider_has_no_such_address(site: Site) -> None:
    client = await site.signed_in()
    sid = await sid_of(site, client)
    await site.execute("update provider set enabled = false where id = $1", site.provider.id)
    assert (await in_a_frame(site, sid)).status_code == 404
    await site.execute("update provider set enabled = true where id = $1", site.provider.id)
    assert (await in_a_frame(site, sid)).status_code == 200


async def test_a_provider_that_cannot_be_asked_can_still_end_a_session(site: Site) -> None:
    """Who may frame the answer is then the issuer's origin alone."""
    client = await site.signed_in()
    sid = await sid_of(site, client)
    await site.execute("update provider set discovery_url = $2 where id = $1", site.provider.id, f"{site.idp.issuer}/x")
    with site.idp.fault(Fault.ERROR_503, path="/x"):
        answer = await in_a_frame(site, sid)
    assert f"frame-ancestors {site.idp.issuer};" in f"{answer.headers['content-security-policy']};"
    assert not await is_signed_in(client)


# A login that is under way


def sid_under_way(site: Site) -> str:
    """The provider's name for the session that the newest login here stands on."""
    families = site.idp._call(site.idp._provider.logins.families)
    return str([one.login.sid for one in families if one.login.client_id == site.provider.client_id][-1])


async def remembered(site: Site) -> int:
    return int(await site.fetchval("select count(*) from logout_token_seen where tenant_id = $1", site.tenant.id))


@pytest.mark.parametrize("named", ["its session", "another session", "another issuer", "another provider"])
async def test_a_login_under_way_does_not_outrun_the_logout(site: Site, named: str) -> None:
    """The frame is loaded between the exchange of the code and the end of the login; only its own session counts."""
    other = await site.add_provider("other")
    client = site.client()
    begun = await client.get("/auth/oidc/sso/login")
    arrival = await site.at_provider(begun.headers["location"])
    with site.idp.hold("/token", when="after") as gate:
        ending = asyncio.create_task(come_back(client, arrival))
        await gate.arrival()
        sid = sid_under_way(site)
        path = {
            "its session": path_of(site, sid),
            "another session": path_of(site, uuid4().hex),
            "another issuer": path_of(site, sid, iss="https://other.example"),
            "another provider": path_of(site, sid).replace(str(site.provider.id), str(other.id)),
        }[named]
        framed = await site.client().get(path, headers=FRAME)
        assert framed.status_code == (400 if named == "another issuer" else 200)
        gate.release()
        ended = await ending
    assert ended.status_code == (403 if named == "its session" else 303), ended.text
    sessions = "select count(*) from session where tenant_id = $1 and ended_at is null"
    assert await site.fetchval(sessions, site.tenant.id) == (0 if named == "its session" else 1)
    again = site.client()
    assert (await site.sign_in(again, path="/auth/oidc/sso/login")).status_code == 303
    assert await is_signed_in(again)


async def test_a_logout_before_the_login_began_does_not_touch_it(site: Site) -> None:
    """What ended earlier is another login's affair, even where the provider goes on with the same name."""
    client = site.client()
    arrival = await site.at_provider((await client.get("/login")).headers["location"])
    with site.idp.hold("/token", when="after") as gate:
        ending = asyncio.create_task(come_back(client, arrival))
        await gate.arrival()
        await in_a_frame(site, sid_under_way(site))
        await site.execute(
            "update logout_token_seen set seen_at = now() - interval '1 hour' where tenant_id = $1", site.tenant.id
        )
        gate.release()
        assert (await ending).status_code == 303


async def test_a_session_that_could_be_guessed_stops_no_login(site: Site) -> None:
    """Whoever counts up would otherwise keep everybody out: without the session's own cookie nothing is remembered."""
    client = await site.signed_in()
    await site.execute("update session set provider_session = '17' where tenant_id = $1", site.tenant.id)
    assert (await in_a_frame(site, "17")).status_code == 200
    assert await remembered(site) == 0
    assert (await client.get(path_of(site, "17"))).status_code == 200
    assert await remembered(site) == 1


async def test_what_is_remembered_of_a_session_is_one_row_of_hashes_however_often_it_is_named(site: Site) -> None:
    sid = await sid_of(site, await site.signed_in())
    for _ in range(3):
        await in_a_frame(site, sid)
    assert await remembered(site) == 1
    row = "select row_to_json(l)::text from logout_token_seen l where tenant_id = $1"
    assert sid not in await site.fetchval(row, site.tenant.id)
    until = "select expires_at between now() + interval '500 s' and now() + interval '900 s' from logout_token_seen"
    assert await site.fetchval(f"{until} where tenant_id = $1", site.tenant.id)


async def test_whoever_is_stopped_has_nothing_more_remembered(site: Site) -> None:
    trying = site.client()
    refusal = await until_refused(lambda: trying.get(path_of(site, uuid4().hex)))
    assert refusal is not None
    held = await remembered(site)
    assert (await trying.get(path_of(site, uuid4().hex))).status_code in (200, 429)
    assert await remembered(site) <= held + 1


async def test_strangers_from_everywhere_fill_a_bounded_place_and_known_sessions_need_none(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of sessions that nobody has here so many a minute are remembered for one provider; they are answered alike."""
    monkeypatch.setattr(limits, "UNKNOWN_REMEMBERED", 5)
    client, bob = await site.signed_in(), await site.signed_in("bob")
    asked = 30
    answers = [await in_a_frame(site, uuid4().hex) for _ in range(asked)]
    assert {answer.status_code for answer in answers} == {200}
    held = await remembered(site)
    assert 5 <= held < asked
    assert (await in_a_frame(site, await sid_of(site, client))).status_code == 200
    assert await remembered(site) == held + 1
    assert not await is_signed_in(client)
    assert await is_signed_in(bob)
