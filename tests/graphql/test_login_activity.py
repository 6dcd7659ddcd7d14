"""`loginActivity`: 24 hours of logins and failures, each event in its hour, of this tenant only."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from identity_api.ids import first_uuid7
from tests.graphql.world import World

pytestmark = pytest.mark.asyncio
QUERY = "{ loginActivity { start succeeded failed } }"


async def happened(world: World, action: str, at: datetime, number: int = 0) -> None:
    """An event of that moment."""
    first = first_uuid7(at)
    await world.execute(
        """
        insert into audit_event (id, tenant_id, at, actor, action, subject_kind, payload, names, salt)
        values ($1, $2, $3, 'system', $4, 'tenant', '{}', '{}', gen_random_uuid())
        """,
        type(first)(int=first.int + number),
        world.tenant,
        at,
        action,
    )


async def activity(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await world.admin.data(QUERY))["loginActivity"]
    return found


async def test_each_login_counts_in_its_hour_and_older_ones_not_at_all(world: World, other: World) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    at = hour - timedelta(hours=3)
    for number in range(2):
        await happened(world, "login.succeeded", at, number)
    await happened(world, "login.failed", at + timedelta(minutes=59, seconds=59))
    await happened(world, "login.failed", at + timedelta(hours=1))
    await happened(world, "login.succeeded", hour - timedelta(hours=30))
    await happened(other, "login.succeeded", at)
    found = await activity(world)
    assert len(found) == 24
    by_hour = {datetime.fromisoformat(one["start"]): (one["succeeded"], one["failed"]) for one in found}
    assert by_hour[at] == (2, 1)
    assert by_hour[at + timedelta(hours=1)] == (0, 1)
    assert sum(one["succeeded"] for one in found) == 2
    assert [one["start"] for one in found] == sorted(one["start"] for one in found)
