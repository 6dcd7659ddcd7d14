"""A provider's word that takes the last admin is carried out, and somebody is told."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from identity_api.group_mappings.findings import FindingKind, find
from identity_api.permissions.service import USERS_WRITE
from tests import factories as make
from tests.sync.world import Person, World
from tests.web.test_break_glass import alarms

pytestmark = pytest.mark.asyncio


async def admins(world: World, *names: str) -> list[Person]:
    """People whose group gives them the right to administer users."""
    async with world.database.transaction() as connection:
        permission = await make.make_permission(connection, world.tenant_id, USERS_WRITE)
        await make.make_mapping(connection, world.tenant_id, "admins", [permission])
    for name in names:
        world.issuer.add_person(name, ["admins"])
    return [await world.sign_in(name) for name in names]


async def leaves(world: World, person: Person) -> list[Any]:
    """The alarms of the log while a sync reads that the person is in no group any more."""
    world.issuer.set_groups(person.username, ["others"])
    await world.make_due(person)
    with capture_logs() as lines:
        await world.sync(person)
    return [line for line in lines if line["event"] == "tenant.nobody_administers"]


async def findings(world: World) -> list[str]:
    found = (await find(world.database, world.tenant_id)).findings
    return [one.message for one in found if one.kind is FindingKind.NOBODY_ADMINISTERS]


async def test_the_last_admin_who_leaves_their_group_is_told_in_log_audit_metric_and_findings(world: World) -> None:
    first, last = await admins(world, "first", "last")
    before = alarms("nobody_administers")
    assert await leaves(world, first) == []
    assert (await world.permissions(first), await findings(world)) == (frozenset(), [])
    [line] = await leaves(world, last)
    assert (line["log_level"], line["tenant"], line["permissions"]) == ("error", str(world.tenant_id), [USERS_WRITE])
    assert await world.permissions(last) == frozenset()
    assert alarms("nobody_administers") == before + 1
    rows = "select actor from audit_event where tenant_id = $1 and action = 'tenant.nobody_administers'"
    assert [row["actor"] for row in await world.rows(rows, world.tenant_id)] == ["sync"]
    [message] = await findings(world)
    assert USERS_WRITE in message


async def test_whoever_held_no_right_to_administer_leaves_without_a_word(world: World) -> None:
    world.issuer.add_person("engineer-7", ["engineering"])
    person = await world.sign_in("engineer-7")
    assert await leaves(world, person) == []
    assert await findings(world) == []
