"""A sync on request: here, or by a worker."""

import asyncio

import pytest

from identity_api.queue import Queue
from identity_api.sync import on_demand
from tests.sync.conftest import MakeWorld
from tests.sync.world import World


@pytest.mark.asyncio
async def test_a_user_is_synced_at_once_though_not_due(world: World) -> None:
    alice = await world.sign_in("alice", is_due=False)
    world.issuer.set_groups("alice", ["support"])
    report = await on_demand.sync_user(world.deps, world.tenant_id, alice.user_id)
    assert report.outcomes == {"ok": 1}
    assert await world.permissions(alice) == {"tickets:answer"}


@pytest.mark.asyncio
async def test_a_user_of_another_tenant_is_not_found(world: World, new_world: MakeWorld) -> None:
    """I2."""
    other = await new_world()
    alice = await world.sign_in("alice", is_due=False)
    assert (await on_demand.sync_user(world.deps, other.tenant_id, alice.user_id)).claimed == 0
    assert (await on_demand.sync_user(world.deps, world.tenant_id, alice.user_id)).claimed == 1


@pytest.mark.asyncio
async def test_a_revoked_identity_is_not_made_due(world: World) -> None:
    alice = await world.sign_in("alice")
    assert await on_demand.request(world.database, None, world.tenant_id, alice.user_id)
    world.issuer.remove("alice")
    await world.sync(alice)
    assert not await on_demand.request(world.database, None, world.tenant_id, alice.user_id)


@pytest.mark.asyncio
async def test_a_request_during_a_sync_makes_one_after_it_and_none_beside_it(world: World) -> None:
    """The answer that is on its way may be older than what is asked about."""
    alice = await world.sign_in("alice")
    with world.issuer.hold("/token", person="alice", grant_type="refresh_token") as gate:
        syncing = asyncio.create_task(world.sync(alice))
        await gate.arrival()
        assert await on_demand.request(world.database, None, world.tenant_id, alice.user_id)
        assert (await world.another_worker().sync(alice)).claimed == 0
        gate.release()
        assert (await syncing).outcomes == {"ok": 2}
    assert (await world.sync(alice)).claimed == 0
    assert world.token_requests(alice) == 2


@pytest.mark.asyncio
async def test_a_request_without_redis_is_still_due(world: World) -> None:
    """I5: the wake-up is lost, the due time is not."""
    alice = await world.sign_in("alice", is_due=False)
    queue = Queue("redis://127.0.0.1:1/0")
    await on_demand.request(world.database, queue, world.tenant_id, alice.user_id)
    await queue.aclose()
    assert (await world.sync(alice)).outcomes == {"ok": 1}
