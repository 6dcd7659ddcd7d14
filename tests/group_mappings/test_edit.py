"""Editing group mappings: what each edit does, whom it may not serve, and when it is in force (promise 43)."""

import pytest

from identity_api.claims import MatchKind, PatternInvalid
from identity_api.errors import BadInput, Conflict, NotFound, Refused
from identity_api.group_mappings import edit
from identity_api.group_mappings.apply import apply_changes
from identity_api.group_mappings.rules import Rule
from identity_api.permissions.delegation import Actor
from identity_api.permissions.service import MAPPINGS_WRITE
from tests import factories as make
from tests.group_mappings.conftest import World


@pytest.mark.asyncio
async def test_a_new_mapping_is_in_force_before_any_grant_is_written(world: World) -> None:
    made = await edit.make(world.database, world.actor(), world.rule())
    assert made.concerned == 1
    assert await world.effective(world.engineer) == {"docs:read"}
    assert await world.effective(world.admin) == set()
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == {"docs:read"}
    assert await world.effective(world.admin) == set()


@pytest.mark.asyncio
async def test_a_deleted_mapping_is_out_of_force_before_any_grant_is_closed(world: World) -> None:
    made = await edit.make(world.database, world.actor(), world.rule())
    await apply_changes(world.database)
    await edit.make(world.database, world.actor(), edit.Deletion(made.mapping_id, 1))
    assert await world.effective(world.engineer) == set()
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == set()


@pytest.mark.asyncio
async def test_a_changed_mapping_takes_and_gives_at_once(world: World) -> None:
    made = await edit.make(world.database, world.actor(), world.rule())
    await apply_changes(world.database)
    await edit.make(
        world.database,
        world.actor(),
        edit.Update(made.mapping_id, world.rule("engineering", world.write), 1),
    )
    assert await world.effective(world.engineer) == {"docs:write"}
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == {"docs:write"}


@pytest.mark.asyncio
async def test_a_moved_pattern_takes_away_from_one_group_and_gives_to_another(world: World) -> None:
    made = await edit.make(world.database, world.actor(), world.rule("engineering"))
    await apply_changes(world.database)
    await edit.make(world.database, world.actor(), edit.Update(made.mapping_id, world.rule("sales"), 1))
    assert await world.effective(world.engineer) == set()
    await edit.make(
        world.database,
        world.actor(),
        edit.Update(made.mapping_id, world.rule("plat*", match=MatchKind.GLOB), 2),
    )
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == {"docs:read"}


@pytest.mark.asyncio
async def test_disabling_takes_away_at_once_and_enabling_gives_back(world: World) -> None:
    made = await edit.make(world.database, world.actor(), world.rule())
    await apply_changes(world.database)
    off = Rule(None, "engineering", MatchKind.EXACT, (world.read,), enabled=False)
    await edit.make(world.database, world.actor(), edit.Update(made.mapping_id, off, 1))
    assert await world.effective(world.engineer) == set()
    await edit.make(world.database, world.actor(), edit.Update(made.mapping_id, world.rule(), 2))
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == {"docs:read"}


@pytest.mark.asyncio
async def test_chunks_reach_everybody_and_survive_an_interruption(world: World) -> None:
    async with world.database.transaction() as connection:
        users = [await make.make_user(connection, world.tenant) for _ in range(5)]
        for user in users:
            identity = await make.make_identity(connection, world.provider, user)
            await make.sign_in(connection, world.provider, identity, ["engineering"])
    made = await edit.make(world.database, world.actor(), world.rule())
    assert made.concerned == 6
    assert await apply_changes(world.database, chunk=2) >= 6
    for user in users:
        assert await world.effective(user) == {"docs:read"}
    assert await apply_changes(world.database) == 0


@pytest.mark.asyncio
async def test_an_edit_based_on_an_old_version_is_refused(world: World) -> None:
    made = await edit.make(world.database, world.actor(), world.rule())
    await edit.make(world.database, world.actor(), edit.Update(made.mapping_id, world.rule("sales"), 1))
    with pytest.raises(Conflict, match="version 2"):
        await edit.make(world.database, world.actor(), edit.Update(made.mapping_id, world.rule("legal"), 1))
    with pytest.raises(Conflict):
        await edit.make(world.database, world.actor(), edit.Deletion(made.mapping_id, 1))
    assert await world.version(made.mapping_id) == 2


@pytest.mark.asyncio
async def test_the_same_rule_twice_is_refused(world: World) -> None:
    await edit.make(world.database, world.actor(), world.rule("a"))
    other = await edit.make(world.database, world.actor(), world.rule("b"))
    with pytest.raises(Conflict) as caught:
        await edit.make(world.database, world.actor(), world.rule("a"))
    assert caught.value.code == "MAPPING_EXISTS"
    with pytest.raises(Conflict):
        await edit.make(world.database, world.actor(), edit.Update(other.mapping_id, world.rule("a"), 1))


@pytest.mark.asyncio
async def test_a_mapping_of_another_tenant_does_not_exist(world: World) -> None:
    """I2."""
    made = await edit.make(world.database, world.actor(), world.rule())
    async with world.database.transaction() as connection:
        stranger = Actor((await make.make_tenant(connection)).id, None, "operator:root", frozenset())
    with pytest.raises(NotFound):
        await edit.make(world.database, stranger, edit.Update(made.mapping_id, world.rule("x"), 1))
    with pytest.raises(NotFound):
        await edit.make(world.database, stranger, edit.Deletion(made.mapping_id, 1))
    with pytest.raises(NotFound):
        await edit.make(world.database, stranger, world.rule())


@pytest.mark.asyncio
async def test_unusable_rules_are_refused(world: World) -> None:
    with pytest.raises(PatternInvalid):
        await edit.make(world.database, world.actor(), world.rule("*" * 6, match=MatchKind.GLOB))
    with pytest.raises(BadInput):
        await edit.make(world.database, world.actor(), Rule(None, "engineering", MatchKind.EXACT, ()))
    with pytest.raises(NotFound):
        await edit.make(world.database, world.actor(), Rule(None, "engineering", MatchKind.EXACT, (world.tenant,)))


@pytest.mark.asyncio
async def test_what_is_not_delegable_is_given_only_by_who_holds_it(world: World) -> None:
    """I8."""
    with pytest.raises(Refused):
        await edit.make(world.database, world.actor(), world.rule("engineering", world.locked))
    holder = world.actor(MAPPINGS_WRITE, "vault:open")
    made = await edit.make(world.database, holder, world.rule("engineering", world.locked))
    with pytest.raises(Refused):
        await edit.make(world.database, world.actor(), edit.Deletion(made.mapping_id, 1))


@pytest.mark.asyncio
async def test_service_permissions_are_given_only_by_holders_and_never_by_pattern(world: World) -> None:
    """I8: `identity:*` only from who holds it."""
    with pytest.raises(Refused):
        await edit.make(world.database, world.actor("identity:other:thing"), world.rule("engineering", world.service))
    await edit.make(world.database, world.actor(), world.there("engineering", world.service))
    with pytest.raises(Refused) as caught:
        await edit.make(world.database, world.operator, world.there("eng*", world.service, match=MatchKind.GLOB))
    assert caught.value.code == "PATTERN_TOO_WIDE"


@pytest.mark.asyncio
async def test_a_mapping_that_gives_a_service_permission_names_its_provider(world: World) -> None:
    """Otherwise it would be for a provider that somebody else makes, before it or after it."""
    anywhere, there = world.rule("engineering", world.service), world.there("engineering", world.service)
    for actor in (world.actor(), world.operator):
        with pytest.raises(Refused) as caught:
            await edit.make(world.database, actor, anywhere)
        assert caught.value.code == "PROVIDER_NEEDED"
    made = await edit.make(world.database, world.actor(), there)
    with pytest.raises(Refused) as caught:
        await edit.make(world.database, world.actor(), edit.Update(made.mapping_id, anywhere, 1))
    assert caught.value.code == "PROVIDER_NEEDED"
    await edit.make(world.database, world.actor(), world.rule("engineering"))


@pytest.mark.asyncio
async def test_nobody_maps_a_group_of_their_own_to_something_they_lack(world: World) -> None:
    """I8, `SELF_BENEFIT`; the same mapping by the operator is made."""
    with pytest.raises(Refused) as caught:
        await edit.make(world.database, world.actor(), world.rule("admins"))
    assert caught.value.code == "SELF_BENEFIT"
    await edit.make(world.database, world.operator, world.rule("admins"))
    await apply_changes(world.database)
    assert await world.effective(world.admin) == {"docs:read"}


@pytest.mark.asyncio
async def test_nobody_gains_by_enabling_widening_or_moving_a_mapping(world: World) -> None:
    """I8, by the other paths an edit has."""
    off = Rule(None, "admins", MatchKind.EXACT, (world.read,), enabled=False)
    disabled = await edit.make(world.database, world.actor(), off)
    elsewhere = await edit.make(world.database, world.actor(), world.rule("sales"))
    for mapping_id, rule in (
        (disabled.mapping_id, world.rule("admins")),
        (elsewhere.mapping_id, world.rule("adm*", match=MatchKind.GLOB)),
        (elsewhere.mapping_id, world.rule("a?mins", world.write, match=MatchKind.GLOB)),
    ):
        with pytest.raises(Refused) as caught:
            await edit.make(world.database, world.actor(), edit.Update(mapping_id, rule, 1))
        assert caught.value.code == "SELF_BENEFIT"
    assert await world.effective(world.admin) == set()


@pytest.mark.asyncio
async def test_nobody_enables_again_what_a_group_that_they_left_gave_them(world: World) -> None:
    """I8: the grant is still open, though the mapping matches none of their groups."""
    made = await edit.make(world.database, world.operator, world.rule("admins"))
    await apply_changes(world.database)
    off = Rule(None, "admins", MatchKind.EXACT, (world.read,), enabled=False)
    await edit.make(world.database, world.operator, edit.Update(made.mapping_id, off, 1))
    async with world.database.transaction() as connection:
        await connection.execute("delete from identity_group where identity_id = $1", world.admin_identity)
    enabling = edit.Update(made.mapping_id, world.rule("admins"), 2)
    with pytest.raises(Refused) as caught:
        await edit.make(world.database, world.actor(), enabling)
    assert caught.value.code == "SELF_BENEFIT"
    await edit.make(world.database, world.operator, enabling)
    assert await world.effective(world.admin) == {"docs:read"}


@pytest.mark.asyncio
async def test_rows_of_a_file_are_not_edited_by_others(world: World) -> None:
    made = await edit.make(world.database, world.operator, world.rule(), managed_by="FILE")
    with pytest.raises(Refused) as caught:
        await edit.make(world.database, world.actor(), edit.Deletion(made.mapping_id, 1))
    assert caught.value.code == "MANAGED_BY_FILE"
    await edit.make(world.database, world.operator, edit.Deletion(made.mapping_id, 1), managed_by="FILE")
