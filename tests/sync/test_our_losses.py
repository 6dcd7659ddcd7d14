"""What we lose ourselves costs nobody a permission before the lease is over, and is never called the provider's word.

Every way of a provider with refresh tokens, crossed with what may go wrong between it and us. Each row is a whole sync
over real HTTP; a worker that dies or stops is one whose steps are not gone on with.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from identity_api.diagnostics import explain
from identity_api.sync import landings, repeat
from tests.openid_provider import Fault, Rotation
from tests.sync.conftest import MakeWorld
from tests.sync.steps import SteppedSync
from tests.sync.world import AwayDatabase, CutTransactions, Person, World, until

pytestmark = pytest.mark.asyncio

MODES = {
    "no rotation": (Rotation.NONE, None),
    "strict": (Rotation.STRICT, Fault.REUSE_IS_ONLY_REFUSED),
    "grace": (Rotation.GRACE, None),
    "family revoked on reuse": (Rotation.STRICT, None),
}
Scenario = Callable[[World, Person], Awaitable[object]]


async def slow_answer(world: World, person: Person) -> None:
    """The provider takes longer than a call keeps its place, and answers."""
    with world.issuer.hold("/token", grant_type="refresh_token", when="after") as gate:
        syncing = asyncio.create_task(world.sync(person))
        await gate.arrival()
        await until(lambda: world.deps.calls._value == world.deps.limits.concurrency)
        gate.release()
        assert (await syncing).outcomes == {"ok": 1}


async def killed_before_sending(world: World, person: Person) -> None:
    await SteppedSync(world, person).run("claim")


async def killed_before_landing(world: World, person: Person) -> None:
    await SteppedSync(world, person).run("claim", "call")


async def killed_after_landing(world: World, person: Person) -> None:
    await SteppedSync(world, person).run("claim", "call", "land")


async def frozen_before_sending(world: World, person: Person) -> None:
    """Stopped past its lease while another worker took over, and then continued."""
    late = await SteppedSync(frozen(world), person).run("claim")
    await world.let_lease_run_out(person)
    await world.another_worker().sync(person)
    requests = world.token_requests(person)
    thaw(late)
    await late.run("call", "land", "validate", "apply")
    assert world.token_requests(person) == requests


async def frozen_before_landing(world: World, person: Person) -> None:
    """Stopped with the answer in hand while another worker took over, and then continued."""
    late = await SteppedSync(world, person).run("claim", "call")
    await world.let_lease_run_out(person)
    await world.another_worker().sync(person)
    await late.run("land", "validate", "apply")


async def sent_twice(world: World, person: Person) -> None:
    """A request that was under way for so long that another worker's came first: what the check cannot prevent."""
    late = await SteppedSync(world, person).run("claim")
    await world.let_lease_run_out(person)
    await world.another_worker().sync(person)
    await late.run("call", "land", "validate", "apply")


async def full_database(world: World, person: Person) -> None:
    """The answer came and cannot be stored before the worker ends."""
    sync = await SteppedSync(world, person).run("claim", "call")
    database = AwayDatabase(world.database)
    sync.world = sync.world.with_database(database)
    landing = asyncio.create_task(sync.run("land"))
    await asyncio.wait(
        [landing, asyncio.create_task(database.refuses(landings=3))], return_when=asyncio.FIRST_COMPLETED
    )
    landing.cancel()
    await asyncio.wait([landing])


async def lost_answer(world: World, person: Person) -> None:
    with world.issuer.fault(Fault.DROP_AFTER):
        await world.sync(person)


async def answer_too_late(world: World, person: Person) -> None:
    """Carried out, and not answered within all the time there is."""
    with world.issuer.hold("/token", grant_type="refresh_token", when="after"):
        await world.with_limits(answer_seconds=0.2).sync(person)


async def answered_by_a_proxy(world: World, person: Person) -> None:
    with world.issuer.fault(Fault.ERROR_AFTER):
        await world.sync(person)


async def unreadable_answer(world: World, person: Person) -> None:
    with world.issuer.hold("/token", grant_type="refresh_token", when="body"):
        await world.with_limits(answer_seconds=0.2).sync(person)


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__.replace("_", " "): scenario
    for scenario in (
        slow_answer,
        killed_before_sending,
        killed_before_landing,
        killed_after_landing,
        frozen_before_sending,
        frozen_before_landing,
        sent_twice,
        full_database,
        lost_answer,
        answer_too_late,
        answered_by_a_proxy,
        unreadable_answer,
    )
}
LOST_IF_STRICT = {
    *("killed before landing", "frozen before landing", "sent twice", "full database", "lost answer"),
    *("answer too late", "answered by a proxy", "unreadable answer"),
}
"""Where the provider may have rotated and nobody has the successor. Of `strict`, `sent twice` is harmless: the family
lives on with the other worker's token."""


def frozen(world: World) -> World:
    """The world of a worker whose clock the test moves."""
    return world.with_elapsed([0.0])


def thaw(sync: SteppedSync) -> None:
    """Continue a stopped worker an hour later."""
    moment = sync.world.moment
    assert moment is not None
    moment[0] += 3_600.0


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A landing is tried again at once."""
    monkeypatch.setattr(landings, "MAX_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(repeat, "MAX_PAUSE_SECONDS", 0.001)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("mode", MODES)
async def test_whatever_goes_wrong_on_our_way_takes_nothing(new_world: MakeWorld, mode: str, scenario: str) -> None:
    """Session and permissions stay, the reason is true, and the person gets going again: by the next sync or a login."""
    world = await new_world(deadline_seconds=0.3)
    rotation, fault = MODES[mode]
    world.issuer.set_rotation(rotation)
    if fault is not None:
        world.issuer.faults.on(fault)
    alice = await world.sign_in("alice")
    await SCENARIOS[scenario](world, alice)
    for _ in range(3):
        await keeps_everything(world, alice)
        await world.let_lease_run_out(alice)
        await world.write(
            "update identity_sync set due_at = now() where id = $1 and due_at is not null", alice.identity_id
        )
        await world.another_worker().sync(alice)
    await keeps_everything(world, alice)
    is_lost = await world.state(alice) == ("STALE", "rotation_lost")
    if is_lost:
        assert mode in ("strict", "family revoked on reuse")
        assert scenario in LOST_IF_STRICT
        assert (await world.sync_row(alice))["due_at"] is None
        alice = await world.sign_in("alice", identity_of=alice)
        await world.sync(alice)
    elif mode == "family revoked on reuse":
        assert scenario not in LOST_IF_STRICT
    assert await world.state(alice) == ("FRESH", None)
    await keeps_everything(world, alice)


async def keeps_everything(world: World, person: Person) -> None:
    assert (await world.state(person))[0] in ("FRESH", "STALE")
    assert await world.session_is_over(person) is None
    assert await world.permissions(person) == {"docs:write"}
    assert "identity.revoked" not in await world.actions(person)


async def test_a_provider_that_does_end_a_login_is_believed_in_every_mode(new_world: MakeWorld) -> None:
    """The acceptance beside it: with no doubt about the token, `invalid_grant` is the provider's word."""
    for rotation in Rotation:
        world = await new_world()
        world.issuer.set_rotation(rotation)
        alice = await world.sign_in("alice")
        await world.sync(alice)
        world.issuer.revoke_tokens("alice")
        await world.make_due(alice)
        assert (await world.sync(alice)).outcomes == {"invalid_grant": 1}
        assert await world.state(alice) == ("REVOKED", "invalid_grant")


@pytest.mark.parametrize("is_carried_out", [False, True])
async def test_a_providers_word_that_cannot_be_written_at_once_is_written_later(
    world: World, is_carried_out: bool
) -> None:
    """The database goes away at the end of a login, before or after the commit: not our loss, and told as what it is."""
    alice = await world.sign_in("alice")
    world.issuer.revoke_tokens("alice")
    cut = CutTransactions(world.database, after=2, times=5, is_carried_out=is_carried_out)
    report = await world.with_database(cut).sync(alice)
    assert cut.times == 0
    assert report.outcomes == {"superseded" if is_carried_out else "invalid_grant": 1}
    assert await world.state(alice) == ("REVOKED", "invalid_grant")
    assert (await world.token(alice))["dead_reason"] == "invalid_grant"


async def test_a_loss_whose_record_is_written_twice_is_the_same_loss(world: World) -> None:
    alice = await world.sign_in("alice")
    await lost_answer(world, alice)
    await world.make_due(alice)
    cut = CutTransactions(world.database, after=2, times=5, is_carried_out=True)
    assert (await world.with_database(cut).sync(alice)).outcomes == {"rotation_lost": 1}
    assert await world.state(alice) == ("STALE", "rotation_lost")
    assert (await world.sync_row(alice))["due_at"] is None


async def test_a_doubt_is_over_after_a_refresh_that_nobody_disturbed(world: World) -> None:
    world.issuer.set_rotation(Rotation.GRACE)
    alice = await world.sign_in("alice")
    await killed_before_landing(world, alice)
    await world.let_lease_run_out(alice)
    for doubtful in (True, False):
        await world.make_due(alice)
        assert (await world.sync(alice)).outcomes == {"ok": 1}
        assert (await world.token(alice))["uncertain"] is doubtful
    world.issuer.revoke_tokens("alice")
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"invalid_grant": 1}


async def test_a_token_is_sent_for_the_client_that_it_was_issued_to_alone(world: World) -> None:
    """Another client's is dead to the provider, which an admin who enters a new client has not decided."""
    alice = await world.sign_in("alice")
    known = world.provider.client_id
    change = "update provider set client_id = $2, version = version + 1 where id = $1"
    await world.write(change, world.provider.id, "another client")
    assert (await world.sync(alice)).outcomes == {"client_changed": 1}
    assert world.token_requests(alice) == 0
    await keeps_everything(world, alice)
    assert not (await world.sync_row(alice))["uncertain"]
    await world.write(change, world.provider.id, known)
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"ok": 1}


async def test_a_token_that_is_taken_and_kept_is_in_doubt_no_more(world: World) -> None:
    """A provider that rotates nothing: a login came during a sync, and later the older login's token is taken again."""
    world.issuer.set_rotation(Rotation.NONE)
    alice = await world.sign_in("alice")
    await SteppedSync(world, alice).run("claim", "call")
    older = await world.token(alice)
    await world.sign_in("alice", identity_of=alice)
    await world.write(
        "update refresh_token set dead_at = now(), sealed = null where identity_id = $1 and id <> $2",
        alice.identity_id,
        older["id"],
    )
    doubts = []
    for _ in range(2):
        doubts.append((await world.row("select uncertain from refresh_token where id = $1", older["id"]))["uncertain"])
        assert (await world.sync(alice)).outcomes == {"ok": 1}
        await world.make_due(alice)
    assert doubts == [True, False]
    world.issuer.revoke_tokens("alice")
    assert (await world.sync(alice)).outcomes == {"invalid_grant": 1}


async def test_a_lost_login_stays_lost_by_us_after_a_newer_login_has_ended(world: World) -> None:
    """A doubt belongs to the token: the newer login dies by the provider's word, the older one by our loss."""
    alice = await world.sign_in("alice")
    await killed_before_landing(world, alice)
    newer = await world.sign_in("alice", identity_of=alice)
    world.issuer.revoke_tokens("alice")
    assert (await world.sync(newer)).outcomes == {"older_token": 1, "rotation_lost": 1}
    assert await world.session_is_over(alice) is None
    reasons = await world.rows(
        "select dead_reason from refresh_token where identity_id = $1 order by id", alice.identity_id
    )
    assert sorted(row["dead_reason"] for row in reasons) == ["invalid_grant", "rotation_lost"]


async def test_what_was_lost_is_told_apart_from_what_was_taken(world: World) -> None:
    alice = await world.sign_in("alice")
    await lost_answer(world, alice)
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"rotation_lost": 1}
    told = [event["reason"] for event in await world.recorded(alice, "identity.state_changed")]
    assert told == [None, "connection_lost", "rotation_lost"]
    assert "the provider took nothing" in explain("rotation_lost").meaning


async def test_a_worker_that_wakes_up_late_and_alone_makes_the_sync_due_again(world: World) -> None:
    alice = await world.sign_in("alice")
    sync = await SteppedSync(frozen(world), alice).run("claim")
    thaw(sync)
    assert (await sync.run("call")).result == "lease_over"
    assert world.token_requests(alice) == 0
    assert not (await world.sync_row(alice))["uncertain"]
    assert (await world.sync(alice)).outcomes == {"ok": 1}


async def test_a_whole_sweep_that_wakes_up_late_claims_anew_before_it_sends(world: World) -> None:
    """The same through `sweep`: stopped between claim and call, by a hand on the clock."""
    alice = await world.sign_in("alice")
    reads = iter([0.0])  # of the first claim; every later look at the clock is an hour after it
    late = world.with_elapsed_of(lambda: next(reads, 3_600.0))
    assert (await late.sync(alice)).outcomes == {"lease_over": 1, "ok": 1}
    assert world.token_requests(alice) == 1
    assert (await world.sync_row(alice))["failures"] == 0


async def test_as_many_calls_are_under_way_as_the_settings_allow(new_world: MakeWorld) -> None:
    """None of them waits for a connection, where its time for an answer would go by."""
    world = await new_world(concurrency=30, max_concurrent=30)
    names = [f"person-{number}" for number in range(30)]
    for name in names:
        world.issuer.add_person(name, ["engineering"])
        await world.sign_in(name)
    with world.issuer.hold("/token", grant_type="refresh_token") as gate:
        sweeping = asyncio.create_task(world.sweep())
        await gate.arrival(30)
        gate.release()
        assert (await sweeping).outcomes["ok"] >= 30


async def test_a_slow_provider_keeps_nobody_elses_place(new_world: MakeWorld) -> None:
    """Whoever waits for an answer for long gives its place to others, and lands all the same."""
    world = await new_world(place_seconds=0.2, concurrency=1)
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    with world.issuer.hold("/token", person="alice", when="after") as gate:
        waiting = asyncio.create_task(world.sync(alice))
        await gate.arrival()
        assert (await world.sync(bob)).outcomes == {"ok": 1}
        gate.release()
        assert (await waiting).outcomes == {"ok": 1}
    assert await world.state(alice) == ("FRESH", None)
