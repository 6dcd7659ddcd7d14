"""A preview says whom a change touches, changes nothing, and binds the change that follows it."""

from uuid import UUID

import pytest

from identity_api.claims import MatchKind
from identity_api.db import grants
from identity_api.errors import Conflict, Refused
from identity_api.group_mappings import edit
from identity_api.group_mappings.apply import apply_changes
from identity_api.group_mappings.edit import MappingEdit
from identity_api.group_mappings.impact import Effect, Touched, digest_of, touched_by
from tests import factories as make
from tests.group_mappings.conftest import World


async def open_pairs(world: World) -> set[tuple[UUID, UUID]]:
    """Who holds an open grant of what, in the tenant."""
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select distinct user_id, permission_id from permission_grant where tenant_id = $1 and revoked_at is null",
            world.tenant,
        )
    return {(row["user_id"], row["permission_id"]) for row in rows}


async def preview(world: World, change: MappingEdit) -> Effect:
    return await edit.preview(world.database, world.operator, change)


async def made(world: World, change: MappingEdit, *, as_previewed: str | None = None) -> UUID:
    edited = await edit.make(world.database, world.operator, change, as_previewed=as_previewed)
    await apply_changes(world.database)
    return edited.mapping_id


async def holds_true(world: World, change: MappingEdit) -> Effect:
    """Preview, make, let grants follow, and compare."""
    before = await open_pairs(world)
    effect = await preview(world, change)
    assert await open_pairs(world) == before
    await made(world, change, as_previewed=await digest_of(effect))
    after = await open_pairs(world)
    assert (effect.gained, effect.lost) == (after - before, before - after)
    return effect


@pytest.mark.asyncio
async def test_a_new_mapping_shows_who_gains_what(world: World) -> None:
    effect = await holds_true(world, world.rule("engineering", world.read, world.write))
    assert effect.gained == {(world.engineer, world.read), (world.engineer, world.write)}
    assert effect.lost == frozenset()
    assert effect.concerned == 1


@pytest.mark.asyncio
async def test_a_mapping_for_a_group_nobody_is_in_touches_nobody(world: World) -> None:
    effect = await holds_true(world, world.rule("night-shift"))
    assert (effect.concerned, effect.gained, effect.lost) == (0, frozenset(), frozenset())


@pytest.mark.asyncio
async def test_another_reason_for_the_same_permission_is_no_gain_and_its_end_no_loss(world: World) -> None:
    await made(world, world.rule("engineering"))
    effect = await holds_true(world, world.rule("platform"))
    assert (effect.concerned, effect.gained) == (1, frozenset())
    mapping = (await mapping_ids(world))[-1]
    effect = await holds_true(world, edit.Deletion(mapping, 1))
    assert (effect.concerned, effect.lost) == (1, frozenset())


async def mapping_ids(world: World) -> list[UUID]:
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            "select id from group_mapping where tenant_id = $1 and deleted_at is null order by id", world.tenant
        )
    return [row["id"] for row in rows]


@pytest.mark.asyncio
async def test_a_deletion_shows_who_loses(world: World) -> None:
    mapping = await made(world, world.rule())
    effect = await holds_true(world, edit.Deletion(mapping, 1))
    assert effect.lost == {(world.engineer, world.read)}


@pytest.mark.asyncio
async def test_a_changed_rule_shows_gains_and_losses_at_once(world: World) -> None:
    mapping = await made(world, world.rule("engineering", world.read))
    swapped = edit.Update(mapping, world.rule("engineering", world.write), 1)
    effect = await holds_true(world, swapped)
    assert effect.gained == {(world.engineer, world.write)}
    assert effect.lost == {(world.engineer, world.read)}


@pytest.mark.asyncio
async def test_a_pattern_that_still_matches_by_another_group_loses_nothing(world: World) -> None:
    mapping = await made(world, world.rule("engineering"))
    wider = edit.Update(mapping, world.rule("plat*", match=MatchKind.GLOB), 1)
    effect = await holds_true(world, wider)
    assert (effect.gained, effect.lost) == (frozenset(), frozenset())


@pytest.mark.asyncio
async def test_a_manual_grant_keeps_what_a_mapping_takes_back(world: World) -> None:
    mapping = await made(world, world.rule())
    async with world.database.transaction() as connection:
        await grants.open_manual_grant(connection, world.tenant, world.engineer, world.read, "operator:root")
    effect = await holds_true(world, edit.Deletion(mapping, 1))
    assert effect.lost == frozenset()


@pytest.mark.asyncio
async def test_a_change_is_refused_when_somebody_joined_since_the_preview_and_made_when_nobody_did(
    world: World,
) -> None:
    change = world.rule()
    seen = await preview(world, change)
    async with world.database.transaction() as connection:
        newcomer = await make.make_user(connection, world.tenant)
        identity = await make.make_identity(connection, world.provider, newcomer)
        await make.sign_in(connection, world.provider, identity, ["engineering"])
    with pytest.raises(Conflict) as refused:
        await made(world, change, as_previewed=await digest_of(seen))
    assert refused.value.code == "PREVIEW_OUTDATED"
    assert await mapping_ids(world) == []
    again = await preview(world, change)
    assert again.gained == {(world.engineer, world.read), (newcomer, world.read)}
    await made(world, change, as_previewed=await digest_of(again))
    assert len(await mapping_ids(world)) == 1


@pytest.mark.asyncio
async def test_what_would_be_refused_is_refused_in_the_preview(world: World) -> None:
    change = world.rule("admins")
    with pytest.raises(Refused) as refused:
        await edit.preview(world.database, world.actor(), change)
    assert refused.value.code == "SELF_BENEFIT"
    assert (await edit.preview(world.database, world.operator, change)).concerned == 1


@pytest.mark.asyncio
async def test_a_preview_leaves_no_trace(world: World) -> None:
    counts = "select (select count(*) from group_mapping where tenant_id = $1)"
    for table in ("mapping_group", "mapping_change", "audit_event", "permission_grant"):
        counts += f", (select count(*) from {table} where tenant_id = $1)"
    async with world.database.reading() as connection:
        before = tuple(await connection.fetchrow(counts, world.tenant))
    assert (await preview(world, world.rule())).gained
    async with world.database.reading() as connection:
        assert tuple(await connection.fetchrow(counts, world.tenant)) == before


@pytest.mark.asyncio
async def test_people_in_several_chunks_are_counted_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("identity_api.group_mappings.impact.CHUNK", 1)
    async with world.database.transaction() as connection:
        other = await make.make_provider(connection, world.tenant)
        identity = await make.make_identity(connection, other, world.engineer)
        await make.sign_in(connection, other, identity, ["engineering"])
    effect = await holds_true(world, world.rule())
    assert effect.concerned == 2
    assert effect.gained == {(world.engineer, world.read)}


@pytest.mark.asyncio
async def test_a_digest_is_of_who_gains_and_who_loses_what(world: World) -> None:
    gained = {(world.engineer, world.read), (world.admin, world.read), (world.admin, world.write)}
    seen = [
        await digest_of(Effect(3, frozenset(one), frozenset(other)))
        for one, other in ((gained, set()), (set(), gained), ({*gained} - {(world.admin, world.write)}, set()))
    ]
    assert len(set(seen)) == 3
    again = frozenset(sorted(gained, reverse=True))
    assert await digest_of(Effect(7, again, frozenset())) == seen[0]


@pytest.mark.asyncio
async def test_whom_an_effect_touches(world: World) -> None:
    gained = frozenset({(world.engineer, world.read), (world.admin, world.read)})
    lost = frozenset({(world.admin, world.write)})
    assert await touched_by(Effect(3, gained, lost)) == Touched(
        frozenset({world.engineer, world.admin}), frozenset({world.admin}), frozenset({world.read, world.write})
    )
