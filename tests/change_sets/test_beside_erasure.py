"""A proposal that is decided about while somebody concerned is erased: neither waits for the other in a circle."""

import asyncio

import pytest

from identity_api.accounts.erasure import erase_locked
from identity_api.change_sets import changes, proposals
from identity_api.db import locks
from tests.blocking import blocked_or_done
from tests.change_sets.sets import held
from tests.change_sets.test_proposals import clerk, digest
from tests.group_mappings.conftest import World

pytestmark = pytest.mark.asyncio


async def test_a_proposal_is_approved_while_its_proposer_is_erased(world: World) -> None:
    first, second = await clerk(world), await clerk(world)
    assert first.user_id is not None
    asked = [changes.GrantPermission(user_id=world.engineer, permission="docs:read")]
    proposal = await proposals.propose(world.database, first, asked, "somebody's words")
    seen = await digest(world, second, proposal)
    async with world.database.transaction() as connection:
        await locks.share_mappings(connection, world.tenant)
        await locks.users(connection, world.tenant, [first.user_id])
        approving = asyncio.create_task(proposals.approve(world.database, second, proposal.id, as_previewed=seen))
        await blocked_or_done(world.database, approving, connection)
        await erase_locked(connection, world.operator, first.user_id)
    approved, _ = await approving
    assert (approved.state, approved.reason) == ("APPROVED", "")
    assert (world.engineer, "docs:read") in await held(world)
