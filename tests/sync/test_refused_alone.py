"""A login that its provider refuses again and again, and no other's, is over, whatever words the provider has for it.

And what only looks like it is not: a provider in trouble with many, or with whom there is nobody to compare.
"""

import pytest

from tests.openid_provider import Fault
from tests.sync.conftest import MakeWorld
from tests.sync.steps import SteppedSync
from tests.sync.world import Person, World

pytestmark = pytest.mark.asyncio

WORDS = {
    Fault.INVALID_REQUEST: "provider_misconfigured",
    Fault.SERVER_ERROR_OF_OAUTH: "server_error",
    Fault.EMPTY_400: "unreadable_error",
}
OTHERS = ("bob", "carol", "dora")


async def refuse(world: World, person: Person, times: int, *, minutes: float = 3.0) -> list[str]:
    """Sync so many times, the first one so long ago; how each ended."""
    outcomes: list[str] = []
    for number in range(times):
        await world.end_pause()
        await world.make_due(person)
        outcomes += (await world.sync(person)).outcomes
        if number == 0:
            await world.write(
                "update identity set state_since = state_since - make_interval(mins => $2) where id = $1",
                person.identity_id,
                minutes,
            )
    return outcomes


async def confirm(world: World, *people: Person) -> None:
    for person in people:
        await world.end_pause()
        await world.make_due(person)
        assert (await world.sync(person)).outcomes == {"ok": 1}


@pytest.mark.parametrize("fault", WORDS)
async def test_a_login_that_alone_is_refused_is_over_after_three_times(world: World, fault: Fault) -> None:
    """Dex, Canaille and Glewlwyd, of dead tokens and of people who are locked or gone."""
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    with world.issuer.fault(fault, person="alice"):
        assert await refuse(world, alice, 2) == [WORDS[fault]] * 2
        await confirm(world, bob)
        assert await world.permissions(alice) == {"docs:write"}
        assert await refuse(world, alice, 1) == ["login_refused"]
    assert await world.state(alice) == ("REVOKED", "login_refused")
    assert await world.permissions(alice) == frozenset()
    assert await world.session_is_over(alice) == "login_refused"
    (recorded,) = await world.recorded(alice, "identity.revoked")
    assert (recorded["reason"], recorded["answer"]) == ("login_refused", WORDS[fault])
    assert await world.state(bob) == ("FRESH", None)
    again = await world.sign_in("alice", identity_of=alice)
    assert (await world.sync(again)).outcomes == {"ok": 1}


@pytest.mark.parametrize("fault", WORDS)
async def test_a_login_is_not_over_before_some_minutes_have_passed(world: World, fault: Fault) -> None:
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    with world.issuer.fault(fault, person="alice"):
        await refuse(world, alice, 1, minutes=1)
        await confirm(world, bob)
        await refuse(world, alice, 4, minutes=0)
    assert (await world.state(alice))[0] == "STALE"
    assert await world.permissions(alice) == {"docs:write"}


@pytest.mark.parametrize("fault", WORDS)
async def test_with_nobody_to_compare_the_lease_decides(world: World, fault: Fault) -> None:
    """A login of somebody else proves nothing of refreshes."""
    alice = await world.sign_in("alice")
    with world.issuer.fault(fault):
        await refuse(world, alice, 1)
        await world.sign_in("bob", is_due=False)
        await refuse(world, alice, 4)
    assert await world.state(alice) == ("STALE", WORDS[fault])
    assert await world.session_is_over(alice) is None


@pytest.mark.parametrize("fault", WORDS)
async def test_a_provider_that_refuses_many_ends_nobody(new_world: MakeWorld, fault: Fault) -> None:
    """Half of its people: something is wrong there, and not with one of them."""
    world = await new_world()
    alice, erin = await world.sign_in("alice"), await world.sign_in("erin")
    others = [await world.sign_in(name) for name in OTHERS]
    with world.issuer.fault(fault, person="alice"), world.issuer.fault(fault, person="bob"):
        with world.issuer.fault(fault, person="carol"):
            for person in (others[0], others[1], alice):
                await refuse(world, person, 2)
            await confirm(world, others[2], erin)
            assert await refuse(world, alice, 2) == [WORDS[fault]] * 2
        await confirm(world, others[1])
        assert await refuse(world, alice, 1) == ["login_refused"]


async def test_a_refusal_after_a_loss_of_ours_is_our_loss(world: World) -> None:
    """Dex says `invalid_request` of a token that was used up, too."""
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    with world.issuer.fault(Fault.DROP_AFTER, person="alice"):
        await world.sync(alice)
    with world.issuer.fault(Fault.INVALID_REQUEST, person="alice"):
        await refuse(world, alice, 2)
        await confirm(world, bob)
        assert await refuse(world, alice, 1) == ["rotation_lost"]
    assert await world.state(alice) == ("STALE", "rotation_lost")
    assert await world.permissions(alice) == {"docs:write"}


async def test_an_older_login_is_tried_before_anybody_is_signed_out(world: World) -> None:
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    await world.sign_in("alice", identity_of=alice)
    with world.issuer.fault(Fault.INVALID_REQUEST, person="alice", times=3):
        await refuse(world, alice, 2)
        await confirm(world, bob)
        assert await refuse(world, alice, 1) == ["older_token", "ok"]
    assert await world.state(alice) == ("FRESH", None)


@pytest.mark.parametrize("fault", [Fault.BAD_REFRESH_TOKEN_200, Fault.INVALID_GRANT_200])
async def test_a_dead_token_is_dead_also_with_status_200(world: World, fault: Fault) -> None:
    """As GitHub says it, and as the exchange of a code has always read it."""
    alice = await world.sign_in("alice")
    with world.issuer.fault(fault):
        assert (await world.sync(alice)).outcomes == {"invalid_grant": 1}
    assert await world.state(alice) == ("REVOKED", "invalid_grant")


async def token_of_login(new_world: MakeWorld) -> tuple[World, Person]:
    """Somebody at a provider whose syncs ask UserInfo with the access token of the login."""
    world = await new_world(sync="ACCESS_TOKEN")
    alice = await world.sign_in("alice")
    await world.keep_instead(alice, await world.access_token("alice"))
    assert (await world.sync(alice)).outcomes == {"ok": 1}
    return world, alice


async def test_an_access_token_that_is_refused_again_and_again_is_the_logins_end(new_world: MakeWorld) -> None:
    world, alice = await token_of_login(new_world)
    with world.issuer.fault(Fault.UNAUTHORIZED, path="/userinfo"):
        assert await refuse(world, alice, 4, minutes=9) == ["access_token_refused"] * 4
        assert await world.state(alice) == ("STALE", "access_token_refused")
        assert await world.permissions(alice) == {"docs:write"}
        await world.write(
            "update identity set state_since = now() - interval '11 minutes' where id = $1", alice.identity_id
        )
        assert await refuse(world, alice, 1) == ["access_token_refused"]
    assert await world.state(alice) == ("REVOKED", "access_token_refused")
    assert await world.session_is_over(alice) == "access_token_refused"


async def test_an_access_token_is_used_up_by_no_attempt_whose_end_nobody_knows(new_world: MakeWorld) -> None:
    """A worker was killed, and a login came during a sync: neither is a reason why UserInfo refuses the token."""
    world, alice = await token_of_login(new_world)
    await world.make_due(alice)
    await SteppedSync(world, alice).run("claim")
    await world.write("update refresh_token set uncertain = true where identity_id = $1", alice.identity_id)
    await world.let_lease_run_out(alice)
    with world.issuer.fault(Fault.UNAUTHORIZED, path="/userinfo"):
        await refuse(world, alice, 3)
        await world.write(
            "update identity set state_since = now() - interval '11 minutes' where id = $1", alice.identity_id
        )
        assert await refuse(world, alice, 1) == ["access_token_refused"]
    assert await world.state(alice) == ("REVOKED", "access_token_refused")


async def test_an_access_token_that_is_refused_once_is_tried_again(new_world: MakeWorld) -> None:
    world, alice = await token_of_login(new_world)
    with world.issuer.fault(Fault.UNAUTHORIZED, path="/userinfo"):
        await refuse(world, alice, 2)
    await confirm(world, alice)
    assert await world.state(alice) == ("FRESH", None)


async def test_userinfo_that_is_refused_to_all_ends_nobody(new_world: MakeWorld) -> None:
    world, alice = await token_of_login(new_world)
    others = [await world.sign_in(name) for name in OTHERS]
    for name, person in zip(OTHERS, others, strict=True):
        await world.keep_instead(person, await world.access_token(name))
    with world.issuer.fault(Fault.UNAUTHORIZED, path="/userinfo"):
        for _ in range(4):
            for person in (*others, alice):
                await refuse(world, person, 1, minutes=15)
    assert [(await world.state(person))[0] for person in (alice, *others)] == ["STALE"] * 4


async def test_a_fresh_access_token_that_userinfo_refuses_says_nothing_of_the_login(world: World) -> None:
    """Where the token was just refreshed, the fault is the provider's."""
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    with (
        world.issuer.fault(Fault.NO_ID_TOKEN, person="alice"),
        world.issuer.fault(Fault.UNAUTHORIZED, path="/userinfo", person="alice"),
    ):
        await refuse(world, alice, 2)
        await confirm(world, bob)
        await refuse(world, alice, 2)
    assert await world.state(alice) == ("STALE", "access_token_refused")


# The breaker


async def test_one_person_never_opens_the_breaker(world: World) -> None:
    """However often the provider refuses their login in words that could be about us."""
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    with world.issuer.fault(Fault.INVALID_REQUEST, person="alice"):
        await refuse(world, alice, 6, minutes=0)
    assert await world.provider_actions() == []
    await confirm(world, bob)


async def test_three_people_open_the_breaker_whoever_comes_first_again(world: World) -> None:
    people = [await world.sign_in(name) for name in ("alice", "bob", "carol", "dora")]
    with world.issuer.fault(Fault.INVALID_REQUEST):
        for person in (people[0], people[0], people[1]):
            await refuse(world, person, 1, minutes=0)
        assert await world.provider_actions() == []
        await refuse(world, people[2], 1, minutes=0)
    assert await world.provider_actions() == ["provider.breaker_opened"]
    assert (await world.sync(people[3])).claimed == 0


async def test_a_refusal_of_our_client_counts_each_time(world: World) -> None:
    """RFC 6749 section 3.2.1: it is judged before the grant, so it is of nobody who signs in."""
    alice = await world.sign_in("alice")
    with world.issuer.fault(Fault.INVALID_CLIENT):
        await refuse(world, alice, 3, minutes=0)
    assert await world.provider_actions() == ["provider.breaker_opened"]
    assert await world.state(alice) == ("STALE", "provider_misconfigured")
