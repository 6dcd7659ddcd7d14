"""Whose the UserInfo of a plain OAuth 2.0 provider is, which signs nobody's `sub`: as a login decides it.

The same subject under a new anchor is the same person; the same anchor under another subject is somebody else, to whom an
address was given. A provider that names no `sub` is known by its anchor.
"""

import pytest
import pytest_asyncio

from tests.openid_provider import Fault, RunningProvider
from tests.sync.conftest import MakeWorld
from tests.sync.world import Person, World

pytestmark = pytest.mark.asyncio
ADDRESS = "alice@demo.example"


@pytest_asyncio.fixture
async def plain(new_world: MakeWorld, issuer: RunningProvider) -> World:
    """People are found by their address; the access token of the login is re-read."""
    base = issuer.issuer
    return await new_world(
        protocol="oauth2",
        sync="ACCESS_TOKEN",
        endpoints={"authorization": f"{base}/authorize", "token": f"{base}/token", "userinfo": f"{base}/userinfo"},
        claims={"anchor": ["userinfo / email"], "groups": ["userinfo / groups"]},
    )


async def signed_in(world: World, subject: str) -> Person:
    """Alice, who signed in by her address when her subject was this one."""
    alice = await world.sign_in("alice")
    await world.write(
        "update identity set anchor = $2, subject = $3 where id = $1", alice.identity_id, ADDRESS, subject
    )
    await world.keep_instead(alice, await world.access_token("alice"))
    return alice


def known_as(world: World) -> str:
    return world.issuer.people["alice"].subject


def become(world: World, *, subject: str, email: str) -> None:
    world.issuer.add_person("alice", ["engineering"], subject=subject, email=email)


@pytest.mark.parametrize("email", [ADDRESS, "married@demo.example"])
async def test_the_same_subject_is_the_same_person_whatever_the_anchor_is_now(plain: World, email: str) -> None:
    alice = await signed_in(plain, known_as(plain))
    become(plain, subject=known_as(plain), email=email)
    assert (await plain.sync(alice)).outcomes == {"ok": 1}
    assert await plain.state(alice) == ("FRESH", None)


@pytest.mark.parametrize("begins_with", ["REFRESH_TOKEN", "ACCESS_TOKEN"])
async def test_a_token_is_used_as_what_it_is_whatever_the_provider_is_set_to_by_now(
    new_world: MakeWorld, begins_with: str
) -> None:
    """A refresh token is no business of UserInfo's, and an access token sent as one would be called dead."""
    world = await new_world(sync=begins_with)
    alice = await world.sign_in("alice")
    if begins_with == "ACCESS_TOKEN":
        await world.keep_instead(alice, await world.access_token("alice"))
    requests = world.token_requests(alice)
    other = {"REFRESH_TOKEN": "ACCESS_TOKEN", "ACCESS_TOKEN": "REFRESH_TOKEN"}[begins_with]
    await world.write("update provider set sync = $2, version = version + 1 where id = $1", world.provider.id, other)
    for _ in range(2):
        await world.make_due(alice)
        assert (await world.sync(alice)).outcomes == {"ok": 1}
    assert world.token_requests(alice) - requests == (2 if begins_with == "REFRESH_TOKEN" else 0)


@pytest.mark.parametrize(("email", "claim"), [(ADDRESS, "sub"), ("other@demo.example", "anchor")])
async def test_another_subject_is_another_person_also_under_the_same_anchor(
    plain: World, email: str, claim: str
) -> None:
    alice = await signed_in(plain, known_as(plain))
    become(plain, subject="somebody-else", email=email)
    assert (await plain.sync(alice)).outcomes == {"subject_changed": 1}
    assert await plain.state(alice) == ("QUARANTINED", "subject_changed")
    [event] = await plain.recorded(alice, "identity.quarantined")
    assert event["claim"] == claim


@pytest.mark.parametrize(("email", "state"), [(ADDRESS, "FRESH"), ("other@demo.example", "QUARANTINED")])
async def test_where_the_provider_names_no_subject_the_anchor_decides(plain: World, email: str, state: str) -> None:
    alice = await signed_in(plain, ADDRESS)
    become(plain, subject=known_as(plain), email=email)
    with plain.issuer.fault(Fault.USERINFO_NO_SUBJECT):
        await plain.sync(alice)
    assert (await plain.state(alice))[0] == state


async def test_an_anchor_that_is_read_elsewhere_by_now_makes_nobody_somebody_else(plain: World) -> None:
    """An admin enters another claim: its value is another, also of the same person."""
    alice = await signed_in(plain, ADDRESS)
    known = await plain.row("select claims::text from provider where id = $1", plain.provider.id)
    change = "update provider set claims = $2::jsonb, version = version + 1 where id = $1"
    other = known["claims"].replace("userinfo / email", "userinfo / name")
    assert other != known["claims"]
    with plain.issuer.fault(Fault.USERINFO_NO_SUBJECT):
        await plain.write(change, plain.provider.id, other)
        assert (await plain.sync(alice)).outcomes == {"anchor_changed": 1}
        assert await plain.permissions(alice) == {"docs:write"}
        assert await plain.session_is_over(alice) is None
        await plain.write(change, plain.provider.id, known["claims"])
        await plain.make_due(alice)
        assert (await plain.sync(alice)).outcomes == {"ok": 1}


async def test_a_subject_that_a_provider_begins_to_name_makes_nobody_somebody_else(plain: World) -> None:
    alice = await signed_in(plain, ADDRESS)
    assert (await plain.sync(alice)).outcomes == {"ok": 1}
