"""The table of syncs stays small, though each of its rows is written at every sync."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

from identity_api.db import identities, refresh_tokens, sync_claims
from identity_api.db.identities import LeaseRenewal
from identity_api.db.migrate import migrate
from identity_api.db.refresh_tokens import Landing
from identity_api.db.sync import Claimed
from identity_api.embedded.services import Services
from identity_api.ids import uuid7
from tests.db.skewed import fill

PEOPLE = 400
AT_ONCE = 80
"""A fifth: what a minute brings where everybody is due each five."""
ROUNDS = 100


@pytest.fixture(scope="module")
def url(services: Services) -> Iterator[str]:
    """A database of its own with a tenant of some hundred people."""
    assert services.database_url is not None
    name = f"syncs_{uuid4().hex}"
    there = services.database_url.replace("/identity?", f"/{name}?")
    asyncio.run(_run(services.database_url, f"create database {name}"))
    asyncio.run(migrate(there))
    asyncio.run(fill(there, people=PEOPLE, others=1))
    asyncio.run(_run(there, "update provider set max_concurrent = 500"))
    asyncio.run(_run(there, "vacuum full identity_sync"))
    yield there
    asyncio.run(_run(services.database_url, f"drop database {name} with (force)"))


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def sync_some(connection: asyncpg.Connection) -> int:
    """Claim, land and apply for the most overdue, who are due again at once; how many that were."""
    async with connection.transaction():
        batch = await sync_claims.claim(connection, owner=uuid7(), limit=AT_ONCE, max_inactive_days=30, places={})
    await refresh_tokens.rotate(connection, [_landing(claimed) for claimed in batch.claims])
    for tenant_id in {claimed.tenant_id for claimed in batch.claims}:
        renewals = [_renewal(claimed) for claimed in batch.claims if claimed.tenant_id == tenant_id]
        await identities.renew(connection, tenant_id, [], renewals, lease_seconds=14_400, begins_login=False)
    return len(batch.claims)


def _landing(claimed: Claimed) -> Landing:
    assert claimed.token_id is not None
    assert claimed.token_hash is not None
    return Landing(
        tenant_id=claimed.tenant_id,
        token_id=claimed.token_id,
        presented_hash=claimed.token_hash,
        hash=uuid4().bytes,
        sealed=b"",
        generation=claimed.generation,
        uncertain=False,
    )


def _renewal(claimed: Claimed) -> LeaseRenewal:
    return LeaseRenewal(
        id=claimed.identity_id,
        groups_are_verified=True,
        forget_groups_lease=False,
        groups_completeness="COMPLETE",
        outcome="ok",
        seconds_until_due=0.0,
    )


@pytest.mark.asyncio
async def test_the_table_of_syncs_stays_within_twice_its_size(url: str) -> None:
    """A vacuum comes each minute, as the table's settings have it: before that much is dead."""
    connection = await asyncpg.connect(url)
    try:
        before = await connection.fetchval("select pg_total_relation_size('identity_sync')")
        synced = 0
        for _ in range(ROUNDS):
            synced += await sync_some(connection)
            await connection.execute("vacuum identity_sync")
        after = await connection.fetchval("select pg_total_relation_size('identity_sync')")
    finally:
        await connection.close()
    assert synced == ROUNDS * AT_ONCE
    assert after <= 2 * before
