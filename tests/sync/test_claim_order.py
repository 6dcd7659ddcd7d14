"""Who is claimed first."""

import pytest

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
