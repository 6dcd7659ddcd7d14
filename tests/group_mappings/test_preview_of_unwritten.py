"""A preview says what is in force, also before a worker has written the edit before it as grants."""

from collections.abc import Sequence
from random import Random
from uuid import UUID

import pytest

from identity_api.change_sets import changes, run
from identity_api.claims import MatchKind
from identity_api.db import mappings
from identity_api.errors import Conflict, LimitReached
from identity_api.group_mappings import edit
from identity_api.group_mappings.apply import apply_changes
from identity_api.group_mappings.edit import Deletion, MappingEdit, Update
from identity_api.group_mappings.impact import Effect, digest_of
from identity_api.group_mappings.rules import Rule
from tests import factories as make
from tests.group_mappings.conftest import World

pytestmark = pytest.mark.asyncio

PATTERNS = ("engineering", "platform", "admins", "e*", "*")


async def begun(world: World, change: MappingEdit) -> UUID:
    """In force, and not written."""
    return (await edit.make(world.database, world.operator, change)).mapping_id


async def previews(world: World, change: MappingEdit) -> Effect:
    """By each way to look at one edit, which agree."""
    effect = await edit.preview(world.database, world.operator, change)
    together = await edit.preview_together(world.database, world.operator, [change], managed_by="API")
    assert together == [effect]
    outcome = await run.preview(world.database, world.operator, [as_change(change)])
    names = {world.read: "docs:read", world.write: "docs:write"}
    assert outcome.effect.gained == {(user, names[permission]) for user, permission in effect.gained}
    assert outcome.effect.lost == {(user, names[permission]) for user, permission in effect.lost}
    assert outcome.effect.concerned == effect.concerned
    return effect


def as_change(change: MappingEdit) -> changes.Change:
    if isinstance(change, Deletion):
        return changes.DeleteMapping(mapping_id=change.mapping_id, version=change.expected_version)
    rule = change if isinstance(change, Rule) else change.rule
    if isinstance(change, Rule):
        return changes.CreateMapping(
            provider_id=rule.provider_id,
            pattern=rule.pattern,
            match=rule.match,
            permissions=rule.permission_ids,
            enabled=rule.enabled,
        )
    return changes.UpdateMapping(
        mapping_id=change.mapping_id,
        version=change.expected_version,
        provider_id=rule.provider_id,
        pattern=rule.pattern,
        match=rule.match,
        permissions=rule.permission_ids,
        enabled=rule.enabled,
    )


async def always(world: World, change: MappingEdit) -> Effect:
    """The effect, which is the same once the edit before it is written."""
    effect = await previews(world, change)
    await apply_changes(world.database)
    written = await previews(world, change)
    assert (written.gained, written.lost) == (effect.gained, effect.lost)
    return effect


async def test_who_holds_something_by_an_edit_alone_is_seen_to_lose_it(world: World) -> None:
    mapping = await begun(world, world.rule())
    effect = await always(world, Deletion(mapping, 1))
    assert (effect.concerned, effect.lost) == (1, {(world.engineer, world.read)})


async def test_what_an_edit_has_taken_already_is_not_lost_again(world: World) -> None:
    mapping = await begun(world, world.rule("engineering", world.read, world.write))
    await apply_changes(world.database)
    await begun(world, Update(mapping, world.rule("engineering", world.write), 1))
    effect = await always(world, Deletion(mapping, 2))
    assert effect.lost == {(world.engineer, world.write)}


async def test_what_an_edit_has_taken_is_gained_if_the_next_gives_it_again(world: World) -> None:
    mapping = await begun(world, world.rule("engineering", world.read, world.write))
    await apply_changes(world.database)
    await begun(world, Update(mapping, world.rule("engineering", world.write), 1))
    effect = await always(world, Update(mapping, world.rule("engineering", world.read, world.write), 2))
    assert (effect.gained, effect.lost) == ({(world.engineer, world.read)}, frozenset())


async def second_identity(world: World, *names: str) -> None:
    """The engineer has another identity, in other groups."""
    async with world.database.transaction() as connection:
        identity = await make.make_identity(connection, world.provider, world.engineer)
        await make.sign_in(connection, world.provider, identity, names)


@pytest.mark.parametrize("group", ["platform", "of-the-second-identity"])
async def test_a_grant_that_another_edit_has_taken_keeps_nothing(world: World, group: str) -> None:
    await second_identity(world, "of-the-second-identity")
    mapping, other = await begun(world, world.rule()), await begun(world, world.rule(group))
    await apply_changes(world.database)
    assert (await previews(world, Deletion(mapping, 1))).lost == frozenset(), "the other one keeps it"
    await begun(world, Deletion(other, 1))
    effect = await always(world, Deletion(mapping, 1))
    assert effect.lost == {(world.engineer, world.read)}


@pytest.mark.parametrize("group", ["platform", "of-the-second-identity"])
async def test_what_another_edit_gives_is_kept(world: World, group: str) -> None:
    await second_identity(world, "of-the-second-identity")
    mapping = await begun(world, world.rule())
    await apply_changes(world.database)
    await begun(world, world.rule(group))
    effect = await always(world, Deletion(mapping, 1))
    assert effect.lost == frozenset()


async def test_a_permission_that_two_identities_give_is_lost_with_the_mapping(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a statement looks at one of the two."""
    await second_identity(world, "engineering")
    mapping = await begun(world, world.rule())
    await apply_changes(world.database)
    monkeypatch.setattr("identity_api.group_mappings.impact.CHUNK", 1)
    effect = await edit.preview(world.database, world.operator, Deletion(mapping, 1))
    assert (effect.concerned, effect.lost) == (2, {(world.engineer, world.read)})


async def test_an_edit_is_made_as_previewed_whether_a_worker_has_written_the_one_before_meanwhile(world: World) -> None:
    mapping = await begun(world, world.rule())
    change = Update(mapping, world.rule("admins"), 1)
    seen = await edit.preview(world.database, world.operator, change)
    await apply_changes(world.database)
    await edit.make(world.database, world.operator, change, as_previewed=await digest_of(seen))
    following = Deletion(mapping, 2)
    with pytest.raises(Conflict):
        await edit.make(world.database, world.operator, following, as_previewed=await digest_of(seen))
    seen = await edit.preview(world.database, world.operator, following)
    assert seen.lost == {(world.admin, world.read)}
    await edit.make(world.database, world.operator, following, as_previewed=await digest_of(seen))


async def test_an_edit_of_too_many_by_an_edit_alone_has_no_preview(world: World) -> None:
    mapping = await begun(world, world.rule("*", match=MatchKind.GLOB))
    database = world.database
    limits = database.limits
    for most in (1, 2):
        database.limits = limits.__class__(max_preview_identities=most)
        try:
            if most == 1:
                with pytest.raises(LimitReached):
                    await edit.preview(database, world.operator, Deletion(mapping, 1))
            else:
                assert (await edit.preview(database, world.operator, Deletion(mapping, 1))).concerned == 2
        finally:
            database.limits = limits


def drawn(world: World, random: Random, there: Sequence[mappings.MappingRecord]) -> MappingEdit:
    pattern = random.choice(PATTERNS)
    match = MatchKind.GLOB if "*" in pattern else MatchKind.EXACT
    given = tuple(random.sample([world.read, world.write], random.randint(1, 2)))
    rule = Rule(random.choice([None, world.provider.id]), pattern, match, given, random.random() < 0.8)
    if not there or random.random() < 0.3:
        return rule
    one = random.choice(there)
    if random.random() < 0.4:
        return Deletion(one.id, one.version)
    if random.random() < 0.5:
        rule = Rule(one.provider_id, one.pattern, MatchKind(one.match), given, rule.enabled)
    return Update(one.id, rule, one.version)


async def test_previews_of_random_edits_do_not_depend_on_the_worker(world: World) -> None:
    random = Random("previews of unwritten edits")
    await second_identity(world, "platform", "admins")
    told = 0
    for _ in range(10):
        for _ in range(3):
            async with world.database.reading() as connection:
                there = await mappings.page(connection, world.tenant, after=None, first=100)
            change = drawn(world, random, there)
            try:
                await begun(world, change)
            except Conflict:
                continue
        async with world.database.reading() as connection:
            there = await mappings.page(connection, world.tenant, after=None, first=100)
        try:
            effect = await always(world, drawn(world, random, there))
        except Conflict:
            continue
        told += bool(effect.gained or effect.lost)
    assert told > 2
