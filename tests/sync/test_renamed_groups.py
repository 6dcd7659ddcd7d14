"""A group that is renamed at the provider: everybody in it loses what it gave, and the admin is told by whom and what to do."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from identity_api.group_mappings.findings import Finding, FindingKind, find
from tests.openid_provider import Fault
from tests.sync.world import Person, World

pytestmark = pytest.mark.asyncio

PEOPLE = [f"engineer-{number}" for number in range(12)]


async def engineers(world: World, names: list[str] = PEOPLE) -> list[Person]:
    for name in names:
        world.issuer.add_person(name, ["engineering"])
    return [await world.sign_in(name) for name in names]


async def renamed(world: World, people: list[Person], new: str = "engineering-2") -> None:
    for person in people:
        world.issuer.set_groups(person.username, [new])
        await world.make_due(person)
        await world.sync(person)


async def found(world: World, kind: FindingKind) -> list[Finding]:
    return [one for one in (await find(world.database, world.tenant_id)).findings if one.kind is kind]


async def told(world: World) -> list[Any]:
    return await world.rows(
        "select actor, subject_id from audit_event where tenant_id = $1 and action = 'mapping.reaches_nobody'",
        world.tenant_id,
    )


async def mapping_of(world: World, pattern: str) -> Any:
    query = "select id from group_mapping where tenant_id = $1 and pattern = $2"
    return (await world.row(query, world.tenant_id, pattern))["id"]


async def test_a_rename_is_told_with_both_names_the_people_and_the_mapping(world: World) -> None:
    people = await engineers(world)
    assert await found(world, FindingKind.GROUP_LIKELY_RENAMED) == []
    await renamed(world, people)
    assert [await world.permissions(one) for one in people] == [frozenset()] * 12
    [finding] = await found(world, FindingKind.GROUP_LIKELY_RENAMED)
    assert (finding.group, finding.new_group, finding.people_in_common) == ("engineering", "engineering-2", 12)
    mapping = await mapping_of(world, "engineering")
    assert finding.mapping_ids == (mapping,)
    assert "12 of the 12 people" in finding.message
    assert "change the pattern of the mapping to engineering-2" in finding.remedy
    [nobody] = [one for one in await found(world, FindingKind.MAPPING_REACHES_NOBODY) if one.mapping_ids == (mapping,)]
    assert nobody.since == finding.since
    assert nobody.is_certain
    assert "docs:write" in nobody.message
    [unmapped] = await found(world, FindingKind.GROUP_WITHOUT_MAPPING)
    assert unmapped.group == "engineering-2"


async def test_the_last_one_to_leave_is_told_in_the_audit_and_in_the_log(world: World) -> None:
    people = await engineers(world, PEOPLE[:3])
    with capture_logs() as lines:
        await renamed(world, people[:2])
        assert [line for line in lines if line["event"] == "mapping.reaches_nobody"] == []
        assert await told(world) == []
        await renamed(world, people[2:])
    mapping = await mapping_of(world, "engineering")
    [line] = [line for line in lines if line["event"] == "mapping.reaches_nobody"]
    assert (line["tenant"], line["mapping"], line["pattern"]) == (str(world.tenant_id), str(mapping), "engineering")
    [event] = await told(world)
    assert (event["actor"], event["subject_id"]) == ("sync", mapping)


async def test_the_last_one_to_leave_by_a_login_is_told_too(world: World) -> None:
    [person] = await engineers(world, PEOPLE[:1])
    world.issuer.set_groups(person.username, ["engineering-2"])
    await world.sign_in(person.username, identity_of=person)
    [event] = await told(world)
    assert event["subject_id"] == await mapping_of(world, "engineering")


async def test_who_moves_to_a_group_of_others_is_no_rename(world: World) -> None:
    others = [f"analyst-{number}" for number in range(3)]
    for name in others:
        world.issuer.add_person(name, ["analysts"])
        await world.sign_in(name)
    people = await engineers(world, PEOPLE[:2])
    await renamed(world, people, new="analysts")
    assert await found(world, FindingKind.GROUP_LIKELY_RENAMED) == []
    assert len(await told(world)) == 1


async def test_a_group_that_people_left_for_nothing_is_no_rename(world: World) -> None:
    people = await engineers(world, PEOPLE[:2])
    for person in people:
        world.issuer.set_groups(person.username, [])
        await world.make_due(person)
        await world.sync(person)
    assert await found(world, FindingKind.GROUP_LIKELY_RENAMED) == []
    assert len(await found(world, FindingKind.MAPPING_REACHES_NOBODY)) == 1


async def test_who_came_back_before_they_were_removed_makes_no_rename_of_a_group_to_itself(world: World) -> None:
    [person] = await engineers(world, PEOPLE[:1])
    for groups in ([], ["engineering"]):
        world.issuer.set_groups(person.username, groups)
        await world.make_due(person)
        await world.sync(person)
    world.issuer.remove(person.username)
    await world.make_due(person)
    await world.sync(person)
    assert (await world.state(person))[0] == "REVOKED"
    assert await found(world, FindingKind.GROUP_LIKELY_RENAMED) == []
    [nobody] = await found(world, FindingKind.MAPPING_REACHES_NOBODY)
    ended = await world.row("select state_since from identity where id = $1", person.identity_id)
    assert nobody.since == ended["state_since"], "not when they left for a while"


async def test_who_could_not_be_read_stays_a_member_and_makes_a_rename_uncertain(world: World) -> None:
    """Unknown is never empty (I7)."""
    people = await engineers(world, PEOPLE[:3])
    await renamed(world, people[:2])
    world.issuer.set_groups(people[2].username, ["engineering-2"])
    with world.issuer.fault(Fault.ERROR_503):
        await world.make_due(people[2])
        await world.sync(people[2])
    mapping = await mapping_of(world, "engineering")
    reaching = [one for one in await found(world, FindingKind.MAPPING_REACHES_NOBODY) if mapping in one.mapping_ids]
    assert reaching == []
    assert await told(world) == []
    [finding] = await found(world, FindingKind.GROUP_LIKELY_RENAMED)
    assert (finding.is_certain, finding.people_in_common) == (False, 2)
    assert "1 more have not been read since" in finding.message


async def test_a_mapping_keeps_reaching_whoever_is_left(world: World) -> None:
    """A pattern that matches two groups, of which one was renamed: the mapping lives, and the rename is told."""
    people = await engineers(world, PEOPLE[:2])
    await world.write(
        "update group_mapping set pattern = 'eng*', match = 'GLOB' where tenant_id = $1 and pattern = 'engineering'",
        world.tenant_id,
    )
    world.issuer.add_person("lead", ["engleads"])
    await world.sign_in("lead")
    await renamed(world, people, new="builders")
    assert [one.new_group for one in await found(world, FindingKind.GROUP_LIKELY_RENAMED)] == ["builders"]
    assert await told(world) == []
