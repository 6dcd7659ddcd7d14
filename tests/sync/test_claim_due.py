"""Who is claimed, by whom, and how many at a time (promises 21, 22, 27, 32)."""

import asyncio

import pytest

from identity_api.db import identities
from identity_api.db.database import Database
from identity_api.db.sync import LEASE_SECONDS
from identity_api.sync import claim_due as claiming
from identity_api.sync.claim_due import Leases
from identity_api.sync.run import sweep
from tests.openid_provider import Fault
from tests.sync.conftest import MakeWorld
from tests.sync.world import Person, World


async def claim(world: World, person: Person, limit: int = 10) -> tuple[int, int]:
    """How many of the person's identities are claimed, and how many postponed."""
    batch = (await claiming.claim(world.deps, limit=limit, user=(world.tenant_id, person.user_id))).batch
    return len(batch.claims), batch.postponed


@pytest.mark.asyncio
async def test_a_due_identity_is_claimed_once(world: World) -> None:
    alice = await world.sign_in("alice")
    generation = (await world.sync_row(alice))["generation"]
    assert await claim(world, alice) == (1, 0)
    assert await claim(world, alice) == (0, 0)
    row = await world.sync_row(alice)
    assert row["generation"] == generation + 1
    assert row["lease_owner"] == world.deps.owner
    assert row["attempt_hash"] == (await world.token(alice))["hash"]
    assert row["attempt_at"] is not None
    assert not row["uncertain"]


@pytest.mark.asyncio
async def test_an_identity_that_is_not_due_is_left_alone(world: World) -> None:
    alice = await world.sign_in("alice", is_due=False)
    assert await claim(world, alice) == (0, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("sync", ["REFRESH_TOKEN", "ACCESS_TOKEN", "OFF"])
async def test_a_provider_whose_sync_is_off_is_never_claimed(new_world: MakeWorld, sync: str) -> None:
    world = await new_world(sync=sync)
    alice = await world.sign_in("alice")
    assert await claim(world, alice) == (0 if sync == "OFF" else 1, 0)


@pytest.mark.asyncio
async def test_a_disabled_provider_is_not_claimed(world: World) -> None:
    alice = await world.sign_in("alice")
    await world.write("update provider set enabled = false where id = $1", world.provider.id)
    assert await claim(world, alice) == (0, 0)
    await world.write("update provider set enabled = true where id = $1", world.provider.id)
    assert await claim(world, alice) == (1, 0)


@pytest.mark.asyncio
async def test_a_disabled_user_is_looked_at_again_after_an_interval(world: World) -> None:
    alice = await world.sign_in("alice")
    await world.write("update app_user set disabled_at = now() where id = $1", alice.user_id)
    assert await claim(world, alice) == (0, 1)
    assert 295 < (await world.sync_row(alice))["due_in"] <= 300
    assert await claim(world, alice) == (0, 0)


@pytest.mark.asyncio
async def test_somebody_long_inactive_is_not_synced(world: World) -> None:
    """Without it, polling would keep a forgotten login alive for ever; the lease runs out instead."""
    alice = await world.sign_in("alice")
    await world.write("update app_user set active_at = now() - interval '31 days' where id = $1", alice.user_id)
    assert await claim(world, alice) == (0, 1)
    await world.write("update app_user set active_at = now() - interval '29 days' where id = $1", alice.user_id)
    await world.make_due(alice)
    assert await claim(world, alice) == (1, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("state", ["REVOKED", "QUARANTINED"])
async def test_a_dead_identity_is_not_synced(world: World, state: str) -> None:
    alice = await world.sign_in("alice")
    await world.write("update identity set state = $2, state_reason = 'x' where id = $1", alice.identity_id, state)
    assert await claim(world, alice) == (0, 1)
    assert (await world.sync_row(alice))["due_at"] is None


@pytest.mark.asyncio
async def test_a_lease_that_ran_out_is_taken_over_and_the_attempt_is_uncertain(world: World) -> None:
    """F1 and F2: nobody knows whether the dead worker's request was sent."""
    alice = await world.sign_in("alice")
    await claim(world, alice)
    await world.let_lease_run_out(alice)
    assert await claim(world.another_worker(), alice) == (1, 0)
    row = await world.sync_row(alice)
    assert row["uncertain"]
    assert row["lease_owner"] != world.deps.owner


@pytest.mark.asyncio
@pytest.mark.parametrize("is_distributed", [False, True])
async def test_heartbeats_keep_a_lease_and_nobody_elses(
    world: World, monkeypatch: pytest.MonkeyPatch, is_distributed: bool
) -> None:
    """Promise 22: however slow the provider is."""
    monkeypatch.setattr(world.database, "is_distributed", is_distributed)
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    took = await claiming.claim(world.deps, limit=1, user=(world.tenant_id, alice.user_id))
    batch = took.batch
    other = world.another_worker()
    await claim(other, bob)
    leases = Leases(world.deps)
    leases.hold(batch.claims[0], took.held_until)
    shorter = "update identity_sync set lease_until = now() + interval '1 second' where id = any($1::uuid[])"
    await world.write(shorter, [alice.identity_id, bob.identity_id])
    await leases.renew()
    left = "select extract(epoch from lease_until - now())::float8 from identity_sync where id = $1"
    assert (await world.row(left, alice.identity_id))[0] > LEASE_SECONDS - 5
    assert (await world.row(left, bob.identity_id))[0] <= 1
    leases.let_go(batch.claims[0])
    await world.write(shorter, [alice.identity_id])
    await leases.renew()
    assert (await world.row(left, alice.identity_id))[0] <= 1


@pytest.mark.asyncio
async def test_a_slow_provider_outlasts_no_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 22: while the call is under way, a lease that is about to end is renewed, and nobody else calls."""
    monkeypatch.setattr(claiming, "HEARTBEAT_SECONDS", 0.02)
    alice = await world.sign_in("alice")
    with world.issuer.hold("/token", grant_type="refresh_token") as gate:
        syncing = asyncio.create_task(world.sync(alice))
        await gate.arrival()
        # Not over yet: this worker, too, may claim what has no lease.
        soon = "update identity_sync set lease_until = now() + interval '5 seconds' where id = $1"
        await world.write(soon, alice.identity_id)
        async with asyncio.timeout(30):
            while (await world.sync_row(alice))["lease_in"] < LEASE_SECONDS - 5:  # noqa: ASYNC110  # a row tells nobody
                await asyncio.sleep(0.01)
        assert (await world.another_worker().sync(alice)).claimed == 0
        gate.release()
        assert (await syncing).outcomes == {"ok": 1}
    assert world.token_requests(alice) == 1


@pytest.mark.asyncio
async def test_nobody_claims_what_is_being_written(world: World) -> None:
    """Between reading an identity's generation and writing under it, no claim may raise it."""
    alice = await world.sign_in("alice")
    async with world.database.transaction() as connection:
        await identities.standings(connection, world.tenant_id, [alice.identity_id])
        assert await claim(world, alice) == (0, 0)
    assert await claim(world, alice) == (1, 0)


@pytest.mark.asyncio
async def test_a_provider_never_has_more_in_flight_than_it_allows(new_world: MakeWorld) -> None:
    """Over all workers, since leases are counted in the database."""
    world = await new_world(max_concurrent=2)
    people = [await world.sign_in(name) for name in ("alice", "bob", "carol", "dora", "erin")]
    workers = [world, world.another_worker(), world.another_worker()]
    batches = await asyncio.gather(*[claiming.claim(worker.deps, limit=100) for worker in workers])
    ours = {person.identity_id for person in people}
    assert sum(claimed.identity_id in ours for took in batches for claimed in took.batch.claims) == 2


@pytest.mark.asyncio
async def test_a_sweep_keeps_to_what_the_provider_allows(new_world: MakeWorld) -> None:
    world = await new_world(max_concurrent=2)
    people = [await world.sign_in(name) for name in ("alice", "bob", "carol", "dora", "erin")]
    await world.sweep()
    assert [await world.state(person) for person in people] == [("FRESH", None)] * 5
    assert world.token_requests() == 5
    assert world.issuer.log.peak_in_flight("/token") <= 2


@pytest.mark.asyncio
async def test_one_providers_backlog_delays_no_other(database: Database, new_world: MakeWorld) -> None:
    """The claim takes every provider's most overdue first, then every provider's next."""
    crowded, quiet = await new_world(max_concurrent=10), await new_world(max_concurrent=10)
    for name in ("alice", "bob", "carol", "dora"):
        person = await crowded.sign_in(name)
        await crowded.write(
            "update identity_sync set due_at = now() - interval '1 hour' where id = $1", person.identity_id
        )
    erin = await quiet.sign_in("erin")
    # Whatever other tests left due is out of the way.
    await quiet.write(
        "update identity_sync set due_at = null where provider_id <> all($1::uuid[])",
        [crowded.provider.id, quiet.provider.id],
    )
    batch = (await claiming.claim(crowded.deps, limit=2)).batch
    assert {claimed.provider_id for claimed in batch.claims} == {crowded.provider.id, quiet.provider.id}
    assert erin.identity_id in {claimed.identity_id for claimed in batch.claims}


@pytest.mark.asyncio
async def test_two_hundred_sweeps_at_once_make_one_token_request(world: World) -> None:
    """Promise 21."""
    alice = await world.sign_in("alice")
    workers = [world.deps] + [world.another_worker().deps for _ in range(3)]
    sweeps = [sweep(workers[number % 4], user=(world.tenant_id, alice.user_id)) for number in range(200)]
    reports = await asyncio.gather(*sweeps)
    assert sum(report.claimed for report in reports) == 1
    assert world.token_requests(alice) == 1
    assert await world.state(alice) == ("FRESH", None)


@pytest.mark.asyncio
async def test_a_provider_that_refuses_us_is_probed_once_and_nobody_is_revoked(new_world: MakeWorld) -> None:
    """Promise 27: a wrong client secret opens the breaker after three refusals."""
    world = await new_world(max_concurrent=1)
    people = [await world.sign_in(name) for name in ("alice", "bob", "carol", "dora", "erin")]
    with world.issuer.fault(Fault.INVALID_CLIENT):
        for person in people:
            await world.sync(person)
        assert world.token_requests() == 3
        for _ in range(3):
            for person in people:
                await world.make_due(person)
                await world.sync(person)
        assert world.token_requests() == 3
        await world.end_pause()
        for person in people:
            await world.sync(person)
        assert world.token_requests() == 4
    for person in people:
        assert await world.permissions(person) == await world.expected_permissions(person)
        assert await world.session_is_over(person) is None
    assert await world.state(people[0]) == ("STALE", "provider_misconfigured")
    actions = await world.provider_actions()
    assert actions == ["provider.breaker_opened"]
    await world.end_pause()
    await world.make_due(people[0])
    assert (await world.sync(people[0])).outcomes == {"ok": 1}
    assert await world.provider_actions() == ["provider.breaker_opened", "provider.breaker_closed"]
    assert (await world.sync(people[4])).outcomes == {"ok": 1}


@pytest.mark.asyncio
async def test_an_open_breaker_lets_one_probe_through_at_a_time(new_world: MakeWorld) -> None:
    world = await new_world(max_concurrent=10)
    people = [await world.sign_in(name) for name in ("alice", "bob", "carol", "dora")]
    with world.issuer.fault(Fault.INVALID_CLIENT):
        for person in people[:3]:
            await world.sync(person)
    await world.end_pause()
    for person in people:
        await world.make_due(person)
    batches = [await claiming.claim(world.deps, limit=100) for _ in range(2)]
    ours = {person.identity_id for person in people}
    assert sum(claimed.identity_id in ours for took in batches for claimed in took.batch.claims) == 1
