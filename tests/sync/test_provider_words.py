"""What a provider says of a refused refresh in its own words is in the audit, and decides nothing."""

from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from identity_api.db import told_ends
from identity_api.oidc.login_end_cause import login_end_cause
from tests.openid_provider import Fault
from tests.sync.world import World

pytestmark = pytest.mark.asyncio


async def said(world: World, action: str) -> Any:
    row = await world.row(
        "select payload from audit_event where tenant_id = $1 and action = $2 order by id desc limit 1",
        world.tenant_id,
        action,
    )
    return msgspec.json.decode(row["payload"]).get("said")


async def test_why_a_refresh_token_is_dead_is_told(world: World) -> None:
    """Found in use: removal and disuse are both `invalid_grant`, and only the description tells them apart."""
    alice = await world.sign_in("alice")
    world.issuer.remove("alice")
    assert (await world.sync(alice)).outcomes == {"invalid_grant": 1}
    told = await said(world, "identity.revoked")
    assert told.startswith("invalid_grant: ")
    assert len(told) > len("invalid_grant: ")


@pytest.mark.parametrize(("fault", "cause"), [(Fault.PERSON_DISABLED, "REMOVED"), (Fault.TOKEN_UNUSED, "INACTIVE")])
async def test_removal_and_disuse_are_kept_apart_with_the_time_and_the_log_names_the_person(
    world: World, fault: Fault, cause: str
) -> None:
    """S0-12. Both end the login, and are `invalid_grant`."""
    alice = await world.sign_in("alice")
    with world.issuer.fault(fault), capture_logs() as lines:
        assert (await world.sync(alice)).outcomes == {"invalid_grant": 1}
    async with world.database.reading() as connection:
        found = await told_ends.of_identities(connection, world.tenant_id, [alice.identity_id])
        now = await connection.fetchval("select now()")
    told = found[alice.identity_id]
    assert login_end_cause(told.said) == cause
    assert (now - told.at).total_seconds() < 60
    [line] = [line for line in lines if line["event"] == "sync.provider_said"]
    assert (line["tenant"], line["user"], line["identity"]) == (
        str(world.tenant_id), str(alice.user_id), str(alice.identity_id),
    )  # fmt: skip
    assert line["said"] == told.said


async def test_a_refusal_of_us_is_told_with_the_identity_and_with_the_pause_of_the_sync(world: World) -> None:
    people = [await world.sign_in(name) for name in ("alice", "bob", "carol")]
    with world.issuer.fault(Fault.INVALID_CLIENT):
        for person in people:
            await world.sync(person)
    assert await said(world, "identity.state_changed") == "invalid_client"
    assert await said(world, "provider.breaker_opened") == "invalid_client"
