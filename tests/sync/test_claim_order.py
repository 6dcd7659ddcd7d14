"""Who is claimed first."""

from uuid import uuid4

import pytest

from identity_api.db import sync_claims
from identity_api.db.database import Database
from identity_api.sync import claim_due as claiming
from identity_api.sync.claim_due import Look
from tests.sync.conftest import MakeWorld


@pytest.mark.asyncio
async def test_who_is_in_doubt_is_claimed_before_who_has_waited_longer(new_world: MakeWorld) -> None:
    """A provider takes a token that was presented before for some seconds, and a backlog may take minutes."""
    world = await new_world(max_concurrent=1)
    waiting, doubtful = await world.sign_in("alice"), await world.sign_in("bob")
    await world.write("update identity_sync set due_at = now() - interval '1 hour' where id = $1", waiting.identity_id)
    await world.write("update identity_sync set uncertain = true where id = $1", doubtful.identity_id)
    ours = {waiting.identity_id, doubtful.identity_id}
    claims = (await claiming.claim(world.deps, limit=1_000)).batch.claims
    assert [claimed.identity_id for claimed in claims if claimed.identity_id in ours] == [doubtful.identity_id]


@pytest.mark.asyncio
async def test_a_sweep_looks_everywhere_again_when_it_found_nothing(new_world: MakeWorld) -> None:
    world, look = await new_world(), Look()
    await world.sign_in("alice")
    assert look.goes_everywhere()
    look.found((await claiming.claim(world.deps, limit=1_000)).batch)
    assert (world.tenant_id, world.provider.id) in look.at
    assert not look.goes_everywhere()
    empty = (await claiming.claim(world.deps, limit=1, user=(world.tenant_id, world.tenant_id))).batch
    look.found(empty)
    assert look.goes_everywhere()


@pytest.mark.asyncio
@pytest.mark.parametrize("is_distributed", [False, True])
async def test_a_claim_locks_nobody_but_those_whom_it_takes(
    database: Database, new_world: MakeWorld, is_distributed: bool
) -> None:
    """A backlog of many tenants would else be locked as a whole, over and over."""
    worlds = [await new_world(), await new_world()]
    for world in worlds:
        for name in ("alice", "bob", "carol"):
            await world.sign_in(name)
    ours = [world.provider.id for world in worlds]
    # Whatever other tests left due is out of the way.
    await world.write("update identity_sync set due_at = null where provider_id <> all($1::uuid[])", ours)
    async with database.transaction() as claiming_connection:
        taken = await sync_claims.claim(
            claiming_connection,
            owner=uuid4(),
            limit=2,
            max_inactive_days=30,
            places={},
            is_distributed=is_distributed,
        )
        assert {claimed.provider_id for claimed in taken.claims} == set(ours)
        async with database.transaction() as other:
            free = await other.fetch(
                "select id from identity_sync where provider_id = any($1::uuid[]) for update skip locked", ours
            )
    assert len(free) == 4


@pytest.mark.asyncio
async def test_whose_row_is_being_written_to_is_left_for_another_time(database: Database, new_world: MakeWorld) -> None:
    """A login that is just being written wins, and holds up nobody else's sync."""
    world = await new_world()
    alice, bob = await world.sign_in("alice"), await world.sign_in("bob")
    async with database.transaction() as login:
        await login.execute("update identity_sync set due_at = due_at where id = $1", alice.identity_id)
        claims = (await claiming.claim(world.deps, limit=1_000)).batch.claims
    ours = [claimed.identity_id for claimed in claims if claimed.provider_id == world.provider.id]
    assert ours == [bob.identity_id]


@pytest.mark.asyncio
async def test_what_one_tenant_leaves_of_a_claim_the_others_have(database: Database, new_world: MakeWorld) -> None:
    """Where each is asked by itself."""
    small, large = await new_world(), await new_world()
    await small.sign_in("alice")
    for name in ("alice", "bob", "carol"):
        await large.sign_in(name)
    ours = [world.provider.id for world in (small, large)]
    await small.write("update identity_sync set due_at = null where provider_id <> all($1::uuid[])", ours)
    async with database.transaction() as connection:
        taken = await sync_claims.claim(
            connection, owner=uuid4(), limit=4, max_inactive_days=30, places={}, is_distributed=True
        )
    assert sorted([ours.index(claimed.provider_id) for claimed in taken.claims]) == [0, 1, 1, 1]
