"""What an event of the record changed is put back by a change like any other."""

from uuid import UUID

import pytest

from identity_api.accounts import administration
from identity_api.change_sets import changes
from identity_api.permissions.service import AUDIT_READ, MAPPINGS_WRITE
from tests.change_sets.sets import Changes, events, held, holds_true, made, mapping, mapping_id, refused
from tests.group_mappings.conftest import World

pytestmark = pytest.mark.asyncio


async def undone(world: World, action: str) -> str:
    """Undo the newest event of this action; what it was undone by."""
    [event, *_] = await events(world, action)
    seen = await holds_true(world, [changes.Undo(event_id=event)])
    return seen.done[0].action


async def rule(world: World, row_id: UUID) -> tuple[object, ...]:
    async with world.database.reading() as connection:
        row = await connection.fetchrow(
            """
            select m.pattern, m.match, m.enabled, m.provider_id, array(select p.name from mapping_permission mp
                join permission p on p.tenant_id = $1 and p.id = mp.permission_id
                where mp.tenant_id = $1 and mp.mapping_id = m.id order by p.name) as permissions
            from group_mapping m where m.tenant_id = $1 and m.id = $2
            """,
            world.tenant,
            row_id,
        )
    return tuple(row)


async def test_a_new_mapping_is_deleted(world: World) -> None:
    await made(world, [mapping(world, "engineering")])
    assert await undone(world, "mapping.created") == "mapping.deleted"
    assert await held(world) == set()


async def test_a_changed_mapping_gets_its_former_rule(world: World) -> None:
    await made(world, [mapping(world, "engineering", world.read, world.write)])
    row_id = await mapping_id(world, "engineering")
    before, had = await rule(world, row_id), await held(world)
    narrowed = changes.UpdateMapping(
        mapping_id=row_id, version=1, pattern="platform", provider_id=world.provider.id, permissions=(world.locked,)
    )
    await made(world, [narrowed])
    assert await undone(world, "mapping.updated") == "mapping.updated"
    assert (await rule(world, row_id), await held(world)) == (before, had)


async def test_a_deleted_mapping_is_made_again(world: World) -> None:
    await made(world, [mapping(world, "plat*", world.read, world.write, glob=True)])
    row_id = await mapping_id(world, "plat*")
    before, had = await rule(world, row_id), await held(world)
    await made(world, [changes.DeleteMapping(mapping_id=row_id, version=1)])
    assert await undone(world, "mapping.deleted") == "mapping.created"
    assert (await rule(world, await mapping_id(world, "plat*")), await held(world)) == (before, had)


async def test_permissions_given_and_taken_by_hand_are_taken_and_given(world: World) -> None:
    await administration.grant_permission(world.database, world.operator, world.engineer, world.read)
    assert await undone(world, "grant.opened") == "grant.closed"
    assert await held(world) == set()
    assert await undone(world, "grant.closed") == "grant.opened"
    assert await held(world) == {(world.engineer, "docs:read")}


@pytest.mark.parametrize(
    ("change", "action", "by"),
    [
        (changes.CreatePermission(name="reports:read"), "permission.created", "permission.deleted"),
        (
            changes.UpdatePermission(permission="docs:read", description="New."),
            "permission.updated",
            "permission.updated",
        ),
        (changes.DeletePermission(permission="docs:read"), "permission.deleted", "permission.created"),
    ],
)
async def test_changes_of_permissions_are_put_back(world: World, change: changes.Change, action: str, by: str) -> None:
    catalogue = "select name, description, delegable from permission where tenant_id = $1 order by name"
    async with world.database.reading() as connection:
        before = [tuple(row) for row in await connection.fetch(catalogue, world.tenant)]
    await made(world, [change])
    assert await undone(world, action) == by
    async with world.database.reading() as connection:
        assert [tuple(row) for row in await connection.fetch(catalogue, world.tenant)] == before


async def test_what_was_changed_again_since_is_not_put_back(world: World) -> None:
    await made(
        world, [mapping(world, "engineering"), changes.UpdatePermission(permission="docs:read", description="1")]
    )
    row_id = await mapping_id(world, "engineering")
    again: Changes = [
        changes.UpdateMapping(mapping_id=row_id, version=1, pattern="platform"),
        changes.UpdatePermission(permission="docs:read", description="2"),
    ]
    first = [*await events(world, "mapping.created"), *await events(world, "permission.updated")]
    await made(world, again)
    undo = [changes.Undo(event_id=event) for event in first]
    assert await refused(world, undo) == [(0, "CONFLICT"), (1, "CONFLICT")]
    newest = [(await events(world, "mapping.updated"))[0], (await events(world, "permission.updated"))[0]]
    assert await made(world, [changes.Undo(event_id=event) for event in newest])


async def test_what_a_group_gave_is_not_undone_by_itself(world: World) -> None:
    await made(world, [mapping(world, "engineering")])
    asked = [
        changes.Undo(event_id=(await events(world, action))[0]) for action in ("grant.opened", "change_set.applied")
    ]
    assert await refused(world, asked) == [(0, "CANNOT_BE_UNDONE"), (1, "CANNOT_BE_UNDONE")]


async def test_who_undoes_may_read_the_record_and_make_the_change(world: World) -> None:
    await made(world, [mapping(world, "engineering")])
    asked = [changes.Undo(event_id=(await events(world, "mapping.created"))[0])]
    for rights in ((MAPPINGS_WRITE,), (AUDIT_READ,)):
        assert await refused(world, asked, world.actor(*rights)) == [(0, "FORBIDDEN")]
    assert await made(world, asked, world.actor(MAPPINGS_WRITE, AUDIT_READ))


async def test_an_event_of_another_tenant_is_no_event(world: World, neighbour: World) -> None:
    await made(world, [mapping(world, "engineering")])
    asked = [changes.Undo(event_id=(await events(world, "mapping.created"))[0])]
    assert await refused(neighbour, asked) == [(0, "NOT_FOUND")]
    assert await made(world, asked)
