"""What all syncs of a provider share is read once for a moment, and never beyond a change of the provider."""

import pytest

from identity_api.sync import claim_due as claiming
from identity_api.sync.access import Access, Accesses
from tests.sync.conftest import MakeWorld
from tests.sync.world import Person, World


@pytest.mark.asyncio
async def test_the_syncs_of_a_provider_share_one_reading(world: World) -> None:
    accesses, found = Accesses(world.deps), []
    for name in ("alice", "bob"):
        person = await world.sign_in(name)
        took = await claiming.claim(world.deps, limit=1, user=(world.tenant_id, person.user_id))
        found.append(await accesses.of(took.batch.claims[0]))
    first, second = found
    assert isinstance(first, Access)
    assert second is first


@pytest.mark.asyncio
async def test_a_changed_provider_is_read_anew(world: World) -> None:
    alice, bob, accesses = await world.sign_in("alice"), await world.sign_in("bob"), Accesses(world.deps)

    async def access_of(person: Person) -> Access:
        took = await claiming.claim(world.deps, limit=1, user=(world.tenant_id, person.user_id))
        access = await accesses.of(took.batch.claims[0])
        assert isinstance(access, Access)
        return access

    assert (await access_of(alice)).provider.label == "A test provider"
    await world.write("update provider set label = 'Another', version = version + 1 where id = $1", world.provider.id)
    assert (await access_of(bob)).provider.label == "Another"


@pytest.mark.asyncio
async def test_a_provider_that_is_asked_too_often_is_asked_more_slowly(new_world: MakeWorld) -> None:
    world = await new_world()
    world.deps.pace.limited(world.provider.id, 0.1)
    assert world.deps.pace.rate(world.provider.id) is not None
    alice = await world.sign_in("alice")
    assert (await world.sync(alice)).outcomes == {"ok": 1}
