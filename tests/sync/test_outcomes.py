"""What each answer of the token endpoint does to an identity, next to success (RFC 6749 section 5.2)."""

import pytest

from tests.sync.world import World


@pytest.mark.asyncio
async def test_success_renews_the_lease_and_rotates_the_token(world: World) -> None:
    alice = await world.sign_in("alice")
    before = await world.row("select id, hash from refresh_token where identity_id = $1", alice.identity_id)
    report = await world.sync(alice)
    assert report.outcomes == {"ok": 1}
    assert await world.state(alice) == ("FRESH", None)
    assert await world.permissions(alice) == {"docs:write"}
    row = await world.sync_row(alice)
    assert 235 <= row["due_in"] <= 361
    assert row["lease_until"] is None
    assert row["attempt_hash"] is None
    after = await world.row("select id, hash from refresh_token where identity_id = $1", alice.identity_id)
    assert after["id"] == before["id"]
    assert after["hash"] != before["hash"]


@pytest.mark.asyncio
async def test_a_second_sync_presents_the_rotated_token(world: World) -> None:
    alice = await world.sign_in("alice")
    await world.sync(alice)
    await world.make_due(alice)
    assert (await world.sync(alice)).outcomes == {"ok": 1}
    first, second = world.issuer.log.find("/token", grant_type="refresh_token")
    assert first.presented != second.presented
