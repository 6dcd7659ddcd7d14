"""What happens between two steps of a sync: a login, an end of login, a killed worker, a second worker.

Faults F1 to F3, F7, F25, F36 and F37.
"""

import asyncio
import contextlib
import os
import random
from collections.abc import Awaitable, Callable

import pytest

from identity_api.db import locks
from identity_api.db.sync import make_due
from identity_api.lifecycle.end_login import end_logins
from identity_api.sync.run import sweep
from tests.openid_provider import Fault, Rotation
from tests.sync.conftest import MakeWorld
from tests.sync.steps import STEPS, SteppedSync
from tests.sync.world import FlakyDatabase, Person, World

ORDERS = 2_772
"""Of two syncs of five steps and one event: 11! / (5! 5! 1!)."""
IS_LONG = bool(os.environ.get("LONG_TESTS"))
"""Play all of them, which takes minutes, instead of a sample."""
PARTS = 10
"""Tests that share the work, so that processes can."""


async def end_login(world: World, person: Person) -> None:
    """A logout token, or an admin: the kill chain in a transaction of its own."""
    async with world.database.transaction() as connection:
        await locks.users(connection, world.tenant_id, [person.user_id])
        await end_logins(connection, world.tenant_id, [person.identity_id], reason="logout_token", actor="provider:x")


async def keeps_everything_and_signs_in_again(world: World, person: Person) -> None:
    """What `rotation_lost` means: our loss takes nothing, the provider is not asked any more, and a login ends it."""
    assert await world.state(person) == ("STALE", "rotation_lost")
    assert await world.session_is_over(person) is None
    assert await world.permissions(person) == await world.expected_permissions(person) != frozenset()
    assert (await world.sync_row(person))["due_at"] is None
    assert (await world.token(person))["dead_reason"] == "rotation_lost"
    await world.write("update identity_sync set groups_valid_until = now() where id = $1", person.identity_id)
    assert await world.permissions(person) == frozenset()
    again = await world.sign_in(person.username, identity_of=person)
    assert await world.state(again) == ("FRESH", None)
    assert await world.permissions(again) == await world.expected_permissions(person)
    assert (await world.sync(again)).outcomes == {"ok": 1}


@pytest.mark.asyncio
async def test_a_login_during_the_call_wins(world: World) -> None:
    """The provider's answer is on its way while the person signs in with other groups."""
    alice = await world.sign_in("alice")
    with world.issuer.hold("/token", grant_type="refresh_token", when="after") as gate:
        syncing = asyncio.create_task(world.sync(alice))
        await gate.arrival()
        world.issuer.set_groups("alice", ["support"])
        again = await world.sign_in("alice", identity_of=alice, is_due=False)
        gate.release()
        assert (await syncing).outcomes == {"superseded": 1}
    assert await world.permissions(again) == {"tickets:answer"}
    assert await world.session_is_over(again) is None
    live = "select count(*) from refresh_token where identity_id = $1 and dead_at is null"
    assert (await world.row(live, alice.identity_id))[0] == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("fault", [None, Fault.ERROR_503])
async def test_a_sync_that_is_asked_for_during_one_follows_it(world: World, fault: Fault | None) -> None:
    """By an admin, or by a logout at the provider: the answer that is on its way may be older than what is asked about."""
    alice = await world.sign_in("alice")
    sync = SteppedSync(world, alice)
    with world.issuer.fault(fault) if fault else contextlib.nullcontext():
        await sync.run("claim", "call", "land", "validate")
    world.issuer.set_groups("alice", ["support"])
    async with world.database.transaction() as connection:
        assert await make_due(connection, world.tenant_id, alice.user_id) == [alice.identity_id]
    await sync.run("apply")
    assert (await world.sync_row(alice))["due_in"] <= 0
    assert (await sweep(world.deps, user=(world.tenant_id, alice.user_id))).outcomes == {"ok": 1}
    assert await world.permissions(alice) == {"tickets:answer"}
    assert (await world.sync_row(alice))["due_in"] > 60


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "fault", [Fault.INTERACTION_REQUIRED, Fault.INVALID_GRANT, Fault.WRONG_ISSUER, Fault.ERROR_503]
)
async def test_no_bad_answer_to_an_older_login_touches_a_newer_one(world: World, fault: Fault) -> None:
    alice = await world.sign_in("alice")
    sync = SteppedSync(world, alice)
    with world.issuer.fault(fault):
        await sync.run("claim", "call", "land", "validate")
    again = await world.sign_in("alice", identity_of=alice, is_due=False)
    assert (await sync.run("apply")).result == "superseded"
    assert await world.state(alice) == ("FRESH", None)
    assert await world.session_is_over(again) is None
    assert not (await world.sync_row(alice))["uncertain"]


def interleavings(sample: int) -> list[tuple[int, ...]]:
    """Orders of three actors' steps, each actor's own in order: two syncs of five steps and one event."""
    count = ORDERS if IS_LONG else sample
    rng = random.Random(8)
    actors = [0] * len(STEPS) + [1] * len(STEPS) + [2]
    found: set[tuple[int, ...]] = set()
    while len(found) < count:
        rng.shuffle(actors)
        found.add(tuple(actors))
    return sorted(found)


async def play(
    workers: tuple[World, World], person: Person, order: tuple[int, ...], event: Callable[[], Awaitable[object]]
) -> bool:
    """Run two syncs and an event in this order; True if both syncs were claimed after the event.

    The second claim finds the first one's lease over, as if that worker had been stopped for a while.
    """
    world = workers[0]
    syncs = [SteppedSync(worker, person) for worker in workers]
    done = [0, 0]
    has_happened = False
    late_claims = 0
    for actor in order:
        if actor == 2:
            await event()
            has_happened = True
            continue
        step = STEPS[done[actor]]
        done[actor] += 1
        if step == "claim":
            await world.let_lease_run_out(person)
            await world.make_due(person)
        await syncs[actor].run(step)
        late_claims += has_happened and step == "claim" and syncs[actor].claimed is not None
    return late_claims == 2


async def one_login(workers: tuple[World, World], number: int, order: tuple[int, ...]) -> None:
    world = workers[0]
    username = f"person-{number}"
    world.issuer.add_person(username, ["engineering"])
    person = await world.sign_in(username)
    signed_in: list[Person] = []

    async def login() -> None:
        signed_in.append(await world.sign_in(username, identity_of=person, is_due=False))

    both_after = await play(workers, person, order, login)
    if both_after:
        return  # two workers at one token, one of them stopped: on a strict provider that may cost the login
    assert (await world.state(person))[0] != "REVOKED", order
    assert await world.session_is_over(signed_in[0]) is None, order
    assert await world.permissions(person) == {"docs:write"}, order
    row = await world.sync_row(person)
    assert row["lease_until"] is None or row["attempt_hash"] is not None, order


@pytest.mark.asyncio
@pytest.mark.parametrize("part", range(PARTS))
async def test_a_login_survives_every_interleaving_with_two_syncs(world: World, part: int) -> None:
    """A login's state, session and token are its own, whatever two syncs do around it (strict rotation): 1,000 orders."""
    workers = (world, world.another_worker())
    for chunk in _batches(interleavings(1_000)[part::PARTS], 8):
        await asyncio.gather(*[one_login(workers, number, order) for number, order in chunk])


def _batches(orders: list[tuple[int, ...]], size: int) -> list[list[tuple[int, tuple[int, ...]]]]:
    numbered = list(enumerate(orders))
    return [numbered[start : start + size] for start in range(0, len(numbered), size)]


async def one_end(workers: tuple[World, World], number: int, order: tuple[int, ...]) -> None:
    world = workers[0]
    username = f"leaver-{number}"
    world.issuer.add_person(username, ["engineering"])
    person = await world.sign_in(username)
    await play(workers, person, order, lambda: end_login(world, person))
    assert await world.state(person) == ("REVOKED", "logout_token"), order
    assert await world.permissions(person) == frozenset(), order
    assert await world.session_is_over(person) is not None, order
    assert (await world.token(person))["sealed"] is None, order
    assert (await world.sync_row(person))["due_at"] is None, order


@pytest.mark.asyncio
async def test_nothing_brings_an_ended_login_back(world: World) -> None:
    """F36: two syncs and a logout token in any order, no resurrection."""
    workers = (world, world.another_worker())
    for chunk in _batches(interleavings(100), 8):
        await asyncio.gather(*[one_end(workers, number, order) for number, order in chunk])


@pytest.mark.asyncio
async def test_a_user_disabled_during_a_sync_stays_disabled(world: World) -> None:
    """F37."""
    alice = await world.sign_in("alice")
    sync = await SteppedSync(world, alice).run("claim", "call", "land", "validate")
    await world.write("update app_user set disabled_at = now() where id = $1", alice.user_id)
    await sync.run("apply")
    assert await world.permissions(alice) == frozenset()


@pytest.mark.asyncio
async def test_a_worker_killed_before_it_sent_anything_costs_nothing(world: World) -> None:
    """F1."""
    alice = await world.sign_in("alice")
    await SteppedSync(world, alice).run("claim")
    await world.let_lease_run_out(alice)
    assert (await world.another_worker().sync(alice)).outcomes == {"ok": 1}
    assert not (await world.sync_row(alice))["uncertain"]


@pytest.mark.asyncio
async def test_a_worker_killed_between_rotation_and_landing_loses_the_login_on_a_strict_provider(world: World) -> None:
    """F2: and the reason says so, since the provider revoked nothing."""
    alice = await world.sign_in("alice")
    await SteppedSync(world, alice).run("claim", "call")
    await world.let_lease_run_out(alice)
    assert (await world.another_worker().sync(alice)).outcomes == {"rotation_lost": 1}
    await keeps_everything_and_signs_in_again(world, alice)


@pytest.mark.asyncio
async def test_a_worker_killed_between_rotation_and_landing_loses_nothing_on_a_graceful_provider(world: World) -> None:
    """F2, promise 31."""
    world.issuer.set_rotation(Rotation.GRACE)
    alice = await world.sign_in("alice")
    await SteppedSync(world, alice).run("claim", "call")
    await world.let_lease_run_out(alice)
    assert (await world.another_worker().sync(alice)).outcomes == {"ok": 1}
    assert await world.state(alice) == ("FRESH", None)
    assert not (await world.sync_row(alice))["uncertain"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("rotation", "state"), [(Rotation.STRICT, ("STALE", "rotation_lost")), (Rotation.GRACE, ("FRESH", None))]
)
async def test_an_answer_lost_on_the_way_is_asked_for_again(
    world: World, rotation: Rotation, state: tuple[str, str | None]
) -> None:
    """The provider rotated and the connection went: uncertain, and due again within 20 s."""
    world.issuer.set_rotation(rotation)
    alice = await world.sign_in("alice")
    with world.issuer.fault(Fault.DROP_AFTER):
        assert (await world.sync(alice)).outcomes == {"connection_lost": 1}
    row = await world.sync_row(alice)
    assert row["uncertain"]
    assert 0 < row["due_in"] <= 20
    assert await world.state(alice) == ("STALE", "connection_lost")
    assert await world.permissions(alice) == {"docs:write"}
    await world.make_due(alice)
    await world.sync(alice)
    assert await world.state(alice) == state


@pytest.mark.asyncio
async def test_uncertainty_outlives_a_failure_that_was_certain(world: World) -> None:
    """A 429 in between says nothing of the attempt that was lost."""
    alice = await world.sign_in("alice")
    with world.issuer.fault(Fault.DROP_AFTER):
        await world.sync(alice)
    with world.issuer.fault(Fault.TOO_MANY_REQUESTS):
        await world.make_due(alice)
        await world.sync(alice)
    await world.end_pause()
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"rotation_lost": 1}


@pytest.mark.asyncio
async def test_a_worker_killed_after_landing_loses_nothing(world: World) -> None:
    """F3: the next claim presents the landed token, and no attempt is unresolved."""
    alice = await world.sign_in("alice")
    await SteppedSync(world, alice).run("claim", "call", "land")
    assert (await world.sync_row(alice))["attempt_hash"] is None
    await world.let_lease_run_out(alice)
    assert (await world.another_worker().sync(alice)).outcomes == {"ok": 1}


@pytest.mark.asyncio
async def test_a_landing_may_be_repeated(world: World) -> None:
    """F14: whether a commit happened that was cut off is found out by doing it again."""
    alice = await world.sign_in("alice")
    sync = await SteppedSync(world, alice).run("claim", "call", "land", "land")
    assert sync.landed
    assert (await sync.run("validate", "apply")).result == "ok"


@pytest.mark.asyncio
async def test_the_loser_of_two_landings_drops_its_result(world: World) -> None:
    """F7, on a provider whose grace lets both refresh."""
    world.issuer.set_rotation(Rotation.GRACE)
    alice = await world.sign_in("alice")
    slow = await SteppedSync(world, alice).run("claim", "call")
    await world.let_lease_run_out(alice)
    quick = await SteppedSync(world.another_worker(), alice).run()
    assert quick.result == "ok"
    landed = (await world.token(alice))["hash"]
    await slow.run("land", "validate", "apply")
    assert slow.landed is False
    assert slow.result == "nothing"
    assert (await world.token(alice))["hash"] == landed
    assert await world.state(alice) == ("FRESH", None)


@pytest.mark.asyncio
async def test_invalid_grant_for_a_token_that_was_replaced_meanwhile_revokes_nobody(world: World) -> None:
    """F25: the provider's word is about a token that is not the stored one any more."""
    world.issuer.set_rotation(Rotation.GRACE)
    alice = await world.sign_in("alice")
    slow = await SteppedSync(world, alice).run("claim", "call")
    await world.let_lease_run_out(alice)
    other = SteppedSync(world.another_worker(), alice)
    with world.issuer.fault(Fault.INVALID_GRANT):
        await other.run("claim", "call")
    await slow.run("land")
    await other.run("land", "validate", "apply")
    assert other.result == "raced"
    assert await world.state(alice) == ("FRESH", None)
    assert (await world.another_worker().sync(alice)).outcomes == {"ok": 1}
    assert await world.session_is_over(alice) is None


@pytest.mark.asyncio
async def test_older_logins_tokens_are_tried_before_anybody_is_revoked(world: World) -> None:
    """A token may die with one browser's session at the provider; the person is still signed in elsewhere."""
    alice = await world.sign_in("alice")
    await world.sign_in("alice", identity_of=alice)
    with world.issuer.fault(Fault.INVALID_GRANT, times=1):
        assert (await world.sync(alice)).outcomes == {"older_token": 1, "ok": 1}
    assert await world.state(alice) == ("FRESH", None)
    assert await world.session_is_over(alice) is None
    world.issuer.revoke_tokens("alice")
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"invalid_grant": 1}


@pytest.mark.asyncio
async def test_when_all_logins_are_dead_the_identity_is(world: World) -> None:
    alice = await world.sign_in("alice")
    for _ in range(2):
        await world.sign_in("alice", identity_of=alice)
    world.issuer.revoke_tokens("alice")
    assert (await world.sync(alice)).outcomes == {"older_token": 2, "invalid_grant": 1}
    assert await world.state(alice) == ("REVOKED", "invalid_grant")


@pytest.mark.asyncio
async def test_the_sixth_login_ends_the_oldest_ones_token(world: World) -> None:
    alice = await world.sign_in("alice")
    first = (await world.token(alice))["id"]
    for _ in range(5):
        await world.sign_in("alice", identity_of=alice)
    row = await world.row("select dead_reason, sealed from refresh_token where id = $1", first)
    assert tuple(row) == ("too_many", None)
    live = "select count(*) from refresh_token where identity_id = $1 and dead_at is null"
    assert (await world.row(live, alice.identity_id))[0] == 5


@pytest.mark.asyncio
async def test_a_landing_waits_for_a_database_that_comes_back(new_world: MakeWorld) -> None:
    """F12: the only copy of the token is in memory, so it is tried again."""
    world = await new_world()
    alice = await world.sign_in("alice")
    sync = await SteppedSync(world, alice).run("claim", "call")
    flaky = FlakyDatabase(world.database, failures=3)
    sync.world = world.with_database(flaky)
    await sync.run("land")
    assert sync.landed
    assert flaky.failures == 0
    sync.world = world
    assert (await sync.run("validate", "apply")).result == "ok"


@pytest.mark.asyncio
async def test_a_stopped_sweep_finishes_what_is_under_way_and_claims_nothing_more(new_world: MakeWorld) -> None:
    """F5: no attempt is left uncertain by a rolling restart."""
    world = await new_world(max_concurrent=1)
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    stop = asyncio.Event()
    with world.issuer.hold("/token", grant_type="refresh_token", when="after") as gate:
        sweeping = asyncio.create_task(sweep(world.deps, stop=stop))
        await gate.arrival()
        stop.set()
        gate.release()
        await sweeping
    states = sorted([(await world.sync_row(person))["attempt_at"] is None for person in (alice, bob)])
    assert states == [True, True]
    assert world.token_requests() == 1
    assert not (await world.sync_row(alice))["uncertain"]
    assert not (await world.sync_row(bob))["uncertain"]
