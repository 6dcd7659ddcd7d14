"""No login leads out of the house: a corpus of hostile return addresses through the real routes (promise 20)."""

import asyncio
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

import httpx
import pytest

from tests.sessions.return_to_corpus import ORIGIN, OURS, REGISTERED, Judged, Kind, corpus, judged
from tests.web.site import FRONTEND, Site

KINDS = corpus()
JUDGED = judged()


def query(payload: str, site: Site) -> str:
    """The payload as any client may write it into a query, lone surrogates included, with the site's own host in it."""
    meant = payload.replace(OURS, site.host).replace(REGISTERED, f"{FRONTEND}/done")
    return quote(meant.encode("utf-8", "surrogatepass"), safe="")


async def begin(site: Site, payload: str, path: str = "/auth/oidc/sso/login") -> httpx.Response:
    return await site.client().get(f"{path}?return_to={query(payload, site)}")


async def all_answers(site: Site, entries: Sequence[Judged]) -> list[httpx.Response]:
    answers = []
    for start in range(0, len(entries), 20):
        some = [begin(site, one.payload) for one in entries[start : start + 20]]
        answers += await asyncio.gather(*some)
    return answers


def test_the_browsers_readings_are_those_of_this_corpus() -> None:
    """At least 600 payloads, none read by hand, and enough of them dangerous to prove something."""
    assert [(one.kind, one.payload) for one in JUDGED] == [(kind.name, one) for kind in KINDS for one in kind.payloads]
    assert len({one.payload for one in JUDGED}) >= 600
    assert sum(one.alone != ORIGIN for one in JUDGED) >= 400
    assert sum(one.joined != ORIGIN for one in JUDGED) >= 300


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_of_a_class_of_hostile_addresses_none_begins_a_login_and_its_neighbour_does(
    site: Site, kind: Kind
) -> None:
    """Promise 20, bad input 20: 400 and no redirect for the payloads; the honest address ends exactly where it says."""
    entries = [one for one in JUDGED if one.kind == kind.name]
    for one, answer in zip(entries, await all_answers(site, entries), strict=True):
        assert answer.status_code in (400, 414), (one, answer.status_code)
        assert "location" not in answer.headers, one
        assert "evil.example" not in answer.text, one
        assert answer.status_code == 414 or answer.json()["code"] in ("RETURN_TO_REFUSED", "PARAMETERS_INVALID"), one
    assert await site.fetchval("select count(*) from login_attempt where tenant_id = $1", site.tenant.id) == 0

    neighbour = kind.neighbour.replace(REGISTERED, f"{FRONTEND}/done").replace(OURS, site.host)
    client = site.client()
    ended = await site.sign_in(client, path=f"/auth/oidc/sso/login?return_to={query(kind.neighbour, site)}")
    assert ended.status_code == 303, ended.text
    assert ended.headers["location"] == (neighbour if neighbour.startswith("https:") else site.origin + neighbour)


@pytest.mark.asyncio
async def test_the_other_ways_to_begin_refuse_what_the_first_refuses(site: Site) -> None:
    """Promise 20: the login page, and a program that prepares a login for a browser. One payload of each class."""
    sample = [next(one for one in JUDGED if one.kind == kind.name) for kind in KINDS]
    for one in sample:
        answer = await begin(site, one.payload, "/login")
        assert answer.status_code in (400, 414), one
        assert "location" not in answer.headers
    assert (await begin(site, "/account", "/login")).status_code == 303


@pytest.mark.asyncio
async def test_an_address_stored_with_a_login_is_the_one_used_whatever_the_callback_brings(site: Site) -> None:
    """Promise 20: it never travels through the provider, so nothing beside the state can change it."""
    client = site.client()
    begun = await client.get("/login?return_to=/account?tab=sessions")
    assert "return_to" not in begun.headers["location"]
    assert quote("/account?tab=sessions", safe="") not in begun.headers["location"]
    arrival = await site.at_provider(begun.headers["location"])
    ended = await client.get(f"{arrival.url}&return_to=https://evil.example&redirect_uri=//evil.example")
    assert ended.status_code == 303
    assert ended.headers["location"] == f"{site.origin}/account?tab=sessions"
    assert urlsplit(ended.headers["location"]).netloc == site.host
