"""How a provider's sync stands, what a pause does, and everybody made due at once."""

import pytest

from identity_api.db import breakers
from identity_api.permissions.delegation import Actor
from identity_api.sync.health import SyncHealth, set_paused, sync_all_now, sync_health
from tests.sync.conftest import MakeWorld
from tests.sync.world import World


async def health(world: World) -> SyncHealth:
    (found,) = await sync_health(world.database, world.tenant_id)
    return found


def operator(world: World) -> Actor:
    return Actor(world.tenant_id, None, "operator:test", frozenset())


@pytest.mark.asyncio
async def test_a_provider_whose_syncs_are_in_time_is_in_order(world: World) -> None:
    await world.sign_in("alice", is_due=False)
    found = await health(world)
    assert (found.standing, found.figures.synced, found.figures.due) == ("OK", 1, 0)
    assert found.figures.states == {"FRESH": 1}
    assert found.needed_rate == pytest.approx(1 / 600)


@pytest.mark.asyncio
async def test_a_sync_that_will_miss_the_promise_is_late_and_the_reason_is_counted(world: World) -> None:
    alice = await world.sign_in("alice")
    world.issuer.stop()
    await world.sync(alice)
    await world.write(
        "update identity_sync set due_at = now() - interval '400 seconds' where id = $1", alice.identity_id
    )
    found = await health(world)
    assert found.standing == "LATE"
    assert found.figures.oldest_due_seconds >= 400
    assert found.figures.states == {"STALE": 1}
    assert found.lag.p50 == found.lag.p99 == pytest.approx(found.figures.oldest_due_seconds, abs=1)
    assert sum(found.reasons.values()) == 1


@pytest.mark.asyncio
async def test_the_lag_counts_those_that_are_not_due_as_not_late(world: World) -> None:
    late = await world.sign_in("alice")
    for name in ("bob", "carol"):
        await world.sign_in(name, is_due=False)
    await world.write("update identity_sync set due_at = now() - interval '90 seconds' where id = $1", late.identity_id)
    lag = (await health(world)).lag
    assert (lag.p50, lag.p99) == (0, pytest.approx(90, abs=5))


@pytest.mark.asyncio
async def test_a_paused_provider_is_not_asked_and_a_resumed_one_is(world: World) -> None:
    alice = await world.sign_in("alice")
    world.issuer.set_groups("alice", ["support"])
    assert await set_paused(world.database, operator(world), world.provider.id, paused=True)
    assert not await set_paused(world.database, operator(world), world.provider.id, paused=True)
    before = world.token_requests()
    assert (await world.sync(alice)).claimed == 0
    assert world.token_requests() == before
    assert (await health(world)).standing == "PAUSED"
    assert await set_paused(world.database, operator(world), world.provider.id, paused=False)
    await world.sync(alice)
    assert await world.permissions(alice) == {"tickets:answer"}
    assert (await health(world)).standing == "OK"
    assert [action for action in await world.provider_actions() if "sync" in action] == [
        "provider.sync_paused",
        "provider.sync_resumed",
    ]


@pytest.mark.asyncio
async def test_a_provider_that_was_never_paused_cannot_be_resumed(world: World) -> None:
    assert not await set_paused(world.database, operator(world), world.provider.id, paused=False)


@pytest.mark.asyncio
async def test_everybody_of_a_provider_is_made_due_at_once(world: World) -> None:
    people = [await world.sign_in(name, is_due=False) for name in ("alice", "bob")]
    assert (await health(world)).figures.due == 0
    assert await sync_all_now(world.database, operator(world), world.provider.id) == 2
    assert await sync_all_now(world.database, operator(world), world.provider.id) == 0
    assert (await health(world)).figures.due == len(people)


@pytest.mark.asyncio
async def test_a_rate_below_what_the_promise_needs_is_told_in_workers(new_world: MakeWorld) -> None:
    world = await new_world(max_rate=1)
    await world.sign_in("alice", is_due=False)
    found = await health(world)
    assert found.workers_needed == 1
    assert found.seconds_per_call == pytest.approx(world.provider.max_concurrent * 600)


@pytest.mark.asyncio
async def test_a_limit_of_the_provider_that_is_too_low_is_told_with_the_time_that_it_takes(world: World) -> None:
    """More workers would not help there."""
    for name in ("alice", "bob", "carol"):
        await world.sign_in(name, is_due=False)
    assert (await health(world)).seconds_for_everybody is None
    async with world.database.transaction() as connection:
        await breakers.pause(connection, world.tenant_id, world.provider.id, 1, "rate_limited", learned_rate=0.001)
    found = await health(world)
    assert found.allowed_rate == 0.001
    assert found.seconds_for_everybody == pytest.approx(3_000)
    assert found.workers_needed == 1


@pytest.mark.asyncio
async def test_a_limit_of_the_provider_that_suffices_is_shown_and_nothing_is_asked_for(new_world: MakeWorld) -> None:
    world = await new_world(max_rate=50)
    await world.sign_in("alice", is_due=False)
    async with world.database.transaction() as connection:
        await breakers.pause(connection, world.tenant_id, world.provider.id, 1, "rate_limited", learned_rate=36.0)
    found = await health(world)
    assert (found.allowed_rate, found.seconds_for_everybody) == (36.0, None)
