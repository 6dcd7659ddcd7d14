"""`syncHealth`: every field answers from rows of the product, for whoever may see providers, and of their tenant only."""

import pytest

from identity_api.db import sync_health
from tests.graphql.documents import everything
from tests.graphql.world import World

QUERY = f"{{ syncHealth {everything('ProviderSyncHealth')} }}"


@pytest.mark.asyncio
async def test_an_admin_sees_how_each_provider_of_the_tenant_stands(world: World) -> None:
    (seen,) = (await world.admin.data(QUERY))["syncHealth"]
    assert seen["provider"]["slug"] == world.provider.slug
    assert seen["standing"] == "OK"
    assert sum(one["identities"] for one in seen["states"]) >= 1
    assert seen["pausedAt"] is None


@pytest.mark.asyncio
async def test_a_pause_by_the_operator_shows(world: World) -> None:
    async with world.database.transaction() as connection:
        await sync_health.set_paused(connection, world.tenant, world.provider.id, paused=True)
    (seen,) = (await world.admin.data(QUERY))["syncHealth"]
    assert seen["standing"] == "PAUSED"
    assert seen["pausedAt"] is not None
