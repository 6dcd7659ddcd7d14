"""What an event of the record changed is put back by a change like any other."""

from uuid import UUID

import pytest

from identity_api.accounts import administration
from identity_api.change_sets import changes
from identity_api.claims import MatchKind
from identity_api.permissions.service import AUDIT_READ, MAPPINGS_WRITE
from tests.change_sets.sets import Changes, events, held, holds_true, look, made, mapping, mapping_id, refused
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


async def test_a_grant_that_somebody_else_has_made_since_is_not_taken(world: World) -> None:
    await administration.grant_permission(world.database, world.operator, world.engineer, world.read)
    [given] = await events(world, "grant.opened")
    await administration.revoke_permission(world.database, world.operator, world.engineer, world.read)
    await administration.grant_permission(world.database, world.operator, world.engineer, world.read)
    assert await refused(world, [changes.Undo(event_id=given)]) == [(0, "CONFLICT")]


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
    asked = [changes.Undo(event_id=(await events(world, "grant.opened"))[0])]
    assert await refused(world, asked) == [(0, "CANNOT_BE_UNDONE")]


async def catalogue(world: World) -> list[tuple[object, ...]]:
    """Every mapping that is there, with what it gives, and every permission."""
    async with world.database.reading() as connection:
        rows = await connection.fetch(
            """
            select m.pattern, m.match, m.enabled, m.provider_id, array(select p.name from mapping_permission mp
                join permission p on p.tenant_id = $1 and p.id = mp.permission_id
                where mp.tenant_id = $1 and mp.mapping_id = m.id order by p.name) as permissions
            from group_mapping m where m.tenant_id = $1 and m.deleted_at is null
            union all select name, description, delegable, null, null from permission where tenant_id = $1
            order by 1, 2
            """,
            world.tenant,
        )
    return [tuple(row) for row in rows]


async def test_a_whole_set_is_put_back_as_one_and_that_again(world: World) -> None:
    await made(world, [mapping(world, "platform"), mapping(world, "old-team", world.write)])
    changed, removed = [await mapping_id(world, name) for name in ("platform", "old-team")]
    before = await catalogue(world), await held(world)
    first = await made(
        world,
        [
            changes.CreatePermission(name="reports:read"),
            mapping(world, "nobody-yet", "reports:read", world.write),
            changes.UpdateMapping(mapping_id=changed, version=1, pattern="plat*", match=MatchKind.GLOB),
            changes.UpdateMapping(mapping_id=changed, version=2, permissions=(world.write,)),
            changes.UpdateMapping(mapping_id=removed, version=1, enabled=False),
            changes.DeleteMapping(mapping_id=removed, version=2),
            changes.GrantPermission(user_id=world.engineer, permission=world.locked),
            changes.CreatePermission(name="unwanted:read"),
            changes.DeletePermission(permission="unwanted:read"),
            changes.UpdatePermission(permission="docs:read", description="New."),
        ],
    )
    after = await catalogue(world)
    back = await made(world, [changes.Undo(event_id=first.event_id)])
    assert (await catalogue(world), await held(world)) == before
    assert len(back.done) == 6
    assert await made(world, [changes.Undo(event_id=back.event_id)])
    assert await catalogue(world) == after


async def test_a_set_of_which_something_was_changed_since_is_not_put_back_in_part(world: World) -> None:
    first = await made(world, [mapping(world, name) for name in ("engineering", "platform", "sales")])
    row_id = await mapping_id(world, "platform")
    await made(world, [changes.UpdateMapping(mapping_id=row_id, version=1, enabled=False)])
    assert await refused(world, [changes.Undo(event_id=first.event_id)]) == [(0, "CONFLICT")]


async def test_a_set_that_an_archive_has_in_part_is_not_put_back(world: World) -> None:
    first = await made(world, [mapping(world, "engineering"), mapping(world, "platform")])
    [one, _] = await events(world, "mapping.created")
    async with world.database.transaction() as connection:
        await connection.execute("delete from audit_event where tenant_id = $1 and id = $2", world.tenant, one)
    assert await refused(world, [changes.Undo(event_id=first.event_id)]) == [(0, "CANNOT_BE_UNDONE")]


async def test_what_another_set_changed_meanwhile_is_no_part_of_it(world: World) -> None:
    """Within one millisecond, as the ids of events cannot tell."""
    first = await made(world, [mapping(world, "engineering")])
    await made(world, [mapping(world, "platform")])
    async with world.database.transaction() as connection:
        await connection.execute(
            "update audit_event set id = (substr($2::text, 1, 14) || substr(id::text, 15))::uuid"
            " where tenant_id = $1 and id <> $2",
            world.tenant,
            first.event_id,
        )
    back = await look(world, [changes.Undo(event_id=first.event_id)])
    assert [one.name for one in back.done] == ["engineering"]


async def test_a_set_that_changed_nothing_is_told(world: World) -> None:
    given: Changes = [changes.GrantPermission(user_id=world.engineer, permission=world.read)]
    await made(world, given)
    again = await made(world, given)
    assert await refused(world, [changes.Undo(event_id=again.event_id)]) == [(0, "CANNOT_BE_UNDONE")]


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
