"""Editing group mappings: what each edit does, whom it may not serve, and when it is in force."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from identity_api.db import grants, mappings, read_model
from identity_api.db.database import Database
from identity_api.db.providers import Provider
from identity_api.errors import BadInput, Conflict, NotFound, Refused
from identity_api.mapping import MatchKind, PatternInvalid
from identity_api.mappings import edit
from identity_api.mappings.apply import apply_changes
from identity_api.mappings.edit import Rule
from identity_api.permissions.delegation import Actor
from identity_api.permissions.force import standing
from identity_api.permissions.service import MAPPINGS_WRITE
from tests import factories as make


class World:
    """A tenant with a mapping admin, an engineer, and two permissions."""

    tenant: UUID
    provider: Provider
    engineer: UUID
    admin: UUID
    admin_identity: UUID
    read: UUID
    write: UUID
    locked: UUID
    service: UUID
    database: Database

    def actor(self, *permissions: str) -> Actor:
        return Actor(self.tenant, self.admin, f"user:{self.admin}", frozenset(permissions or {MAPPINGS_WRITE}))

    @property
    def operator(self) -> Actor:
        return Actor(self.tenant, None, "operator:root", frozenset())

    def rule(self, pattern: str = "engineering", *permissions: UUID, match: MatchKind = MatchKind.EXACT) -> Rule:
        return Rule(None, pattern, match, permissions or (self.read,))

    async def effective(self, user_id: UUID) -> set[str]:
        """By the definition and the read path, which must agree at every moment of an edit."""
        async with self.database.reading() as connection:
            defined = await grants.effective(connection, self.tenant, user_id)
            reading = await read_model.users_by_id(connection, self.tenant, [user_id])
        [user] = reading.users
        assert standing(user.facts, user.circumstances, reading.tenant, reading.at).names == defined
        return set(defined)

    async def version(self, mapping_id: UUID) -> int:
        async with self.database.reading() as connection:
            row = await mappings.get(connection, self.tenant, mapping_id)
        assert row is not None
        return row.version


@pytest_asyncio.fixture
async def world(database: Database) -> AsyncIterator[World]:
    world = World()
    world.database = database
    async with database.transaction() as connection:
        world.tenant = (await make.make_tenant(connection)).id
        world.provider = await make.make_provider(connection, world.tenant)
        world.engineer = await make.make_user(connection, world.tenant)
        world.admin = await make.make_user(connection, world.tenant)
        world.read = await make.make_permission(connection, world.tenant, "docs:read")
        world.write = await make.make_permission(connection, world.tenant, "docs:write")
        world.locked = await make.make_permission(connection, world.tenant, "vault:open", delegable=False)
        world.service = await make.make_permission(connection, world.tenant, MAPPINGS_WRITE)
        identity = await make.make_identity(connection, world.provider, world.engineer)
        await make.sign_in(connection, world.provider, identity, ["engineering", "platform"])
        world.admin_identity = await make.make_identity(connection, world.provider, world.admin)
        await make.sign_in(connection, world.provider, world.admin_identity, ["admins"])
    yield world


@pytest.mark.asyncio
async def test_a_new_mapping_reaches_those_in_its_groups(world: World) -> None:
    made = await edit.create(world.database, world.actor(), world.rule())
    assert made.concerned == 1
    assert await world.effective(world.engineer) == set()
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == {"docs:read"}
    assert await world.effective(world.admin) == set()


@pytest.mark.asyncio
async def test_a_deleted_mapping_is_out_of_force_before_any_grant_is_closed(world: World) -> None:
    made = await edit.create(world.database, world.actor(), world.rule())
    await apply_changes(world.database)
    await edit.delete(world.database, world.actor(), made.mapping_id, expected_version=1)
    assert await world.effective(world.engineer) == set()
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == set()


@pytest.mark.asyncio
async def test_a_narrowed_mapping_takes_away_at_once_and_gives_later(world: World) -> None:
    made = await edit.create(world.database, world.actor(), world.rule())
    await apply_changes(world.database)
    await edit.update(
        world.database, world.actor(), made.mapping_id, world.rule("engineering", world.write), expected_version=1
    )
    assert await world.effective(world.engineer) == set()
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == {"docs:write"}


@pytest.mark.asyncio
async def test_a_moved_pattern_takes_away_from_one_group_and_gives_to_another(world: World) -> None:
    made = await edit.create(world.database, world.actor(), world.rule("engineering"))
    await apply_changes(world.database)
    await edit.update(world.database, world.actor(), made.mapping_id, world.rule("sales"), expected_version=1)
    assert await world.effective(world.engineer) == set()
    await edit.update(
        world.database, world.actor(), made.mapping_id, world.rule("plat*", match=MatchKind.GLOB), expected_version=2
    )
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == {"docs:read"}


@pytest.mark.asyncio
async def test_disabling_takes_away_at_once_and_enabling_gives_back(world: World) -> None:
    made = await edit.create(world.database, world.actor(), world.rule())
    await apply_changes(world.database)
    off = Rule(None, "engineering", MatchKind.EXACT, (world.read,), enabled=False)
    await edit.update(world.database, world.actor(), made.mapping_id, off, expected_version=1)
    assert await world.effective(world.engineer) == set()
    await edit.update(world.database, world.actor(), made.mapping_id, world.rule(), expected_version=2)
    await apply_changes(world.database)
    assert await world.effective(world.engineer) == {"docs:read"}


@pytest.mark.asyncio
async def test_chunks_reach_everybody_and_survive_an_interruption(world: World) -> None:
    async with world.database.transaction() as connection:
        users = [await make.make_user(connection, world.tenant) for _ in range(5)]
        for user in users:
            identity = await make.make_identity(connection, world.provider, user)
            await make.sign_in(connection, world.provider, identity, ["engineering"])
    made = await edit.create(world.database, world.actor(), world.rule())
    assert made.concerned == 6
    assert await apply_changes(world.database, chunk=2) >= 6
    for user in users:
        assert await world.effective(user) == {"docs:read"}
    assert await apply_changes(world.database) == 0


@pytest.mark.asyncio
async def test_an_edit_based_on_an_old_version_is_refused(world: World) -> None:
    made = await edit.create(world.database, world.actor(), world.rule())
    await edit.update(world.database, world.actor(), made.mapping_id, world.rule("sales"), expected_version=1)
    with pytest.raises(Conflict, match="version 2"):
        await edit.update(world.database, world.actor(), made.mapping_id, world.rule("legal"), expected_version=1)
    with pytest.raises(Conflict):
        await edit.delete(world.database, world.actor(), made.mapping_id, expected_version=1)
    assert await world.version(made.mapping_id) == 2


@pytest.mark.asyncio
async def test_the_same_rule_twice_is_refused(world: World) -> None:
    await edit.create(world.database, world.actor(), world.rule("a"))
    other = await edit.create(world.database, world.actor(), world.rule("b"))
    with pytest.raises(Conflict) as caught:
        await edit.create(world.database, world.actor(), world.rule("a"))
    assert caught.value.code == "MAPPING_EXISTS"
    with pytest.raises(Conflict):
        await edit.update(world.database, world.actor(), other.mapping_id, world.rule("a"), expected_version=1)


@pytest.mark.asyncio
async def test_a_mapping_of_another_tenant_does_not_exist(world: World) -> None:
    """I2."""
    made = await edit.create(world.database, world.actor(), world.rule())
    async with world.database.transaction() as connection:
        stranger = Actor((await make.make_tenant(connection)).id, None, "operator:root", frozenset())
    with pytest.raises(NotFound):
        await edit.update(world.database, stranger, made.mapping_id, world.rule("x"), expected_version=1)
    with pytest.raises(NotFound):
        await edit.delete(world.database, stranger, made.mapping_id, expected_version=1)
    with pytest.raises(NotFound):
        await edit.create(world.database, stranger, world.rule())


@pytest.mark.asyncio
async def test_unusable_rules_are_refused(world: World) -> None:
    with pytest.raises(PatternInvalid):
        await edit.create(world.database, world.actor(), world.rule("*" * 6, match=MatchKind.GLOB))
    with pytest.raises(BadInput):
        await edit.create(world.database, world.actor(), Rule(None, "engineering", MatchKind.EXACT, ()))
    with pytest.raises(NotFound):
        await edit.create(world.database, world.actor(), Rule(None, "engineering", MatchKind.EXACT, (world.tenant,)))


@pytest.mark.asyncio
async def test_what_is_not_delegable_is_given_only_by_who_holds_it(world: World) -> None:
    """I8."""
    with pytest.raises(Refused):
        await edit.create(world.database, world.actor(), world.rule("engineering", world.locked))
    holder = world.actor(MAPPINGS_WRITE, "vault:open")
    made = await edit.create(world.database, holder, world.rule("engineering", world.locked))
    with pytest.raises(Refused):
        await edit.delete(world.database, world.actor(), made.mapping_id, expected_version=1)


@pytest.mark.asyncio
async def test_service_permissions_are_given_only_by_holders_and_never_by_pattern(world: World) -> None:
    """I8: `identity:*` only from who holds it."""
    with pytest.raises(Refused):
        await edit.create(world.database, world.actor("identity:other:thing"), world.rule("engineering", world.service))
    await edit.create(world.database, world.actor(), world.rule("engineering", world.service))
    with pytest.raises(Refused) as caught:
        await edit.create(world.database, world.operator, world.rule("eng*", world.service, match=MatchKind.GLOB))
    assert caught.value.code == "PATTERN_TOO_WIDE"


@pytest.mark.asyncio
async def test_nobody_maps_a_group_of_their_own_to_something_they_lack(world: World) -> None:
    """I8, `SELF_BENEFIT`; the same mapping by the operator is made."""
    with pytest.raises(Refused) as caught:
        await edit.create(world.database, world.actor(), world.rule("admins"))
    assert caught.value.code == "SELF_BENEFIT"
    await edit.create(world.database, world.operator, world.rule("admins"))
    await apply_changes(world.database)
    assert await world.effective(world.admin) == {"docs:read"}


@pytest.mark.asyncio
async def test_nobody_gains_by_enabling_widening_or_moving_a_mapping(world: World) -> None:
    """I8, by the other paths an edit has."""
    off = Rule(None, "admins", MatchKind.EXACT, (world.read,), enabled=False)
    disabled = await edit.create(world.database, world.actor(), off)
    elsewhere = await edit.create(world.database, world.actor(), world.rule("sales"))
    for mapping_id, rule in (
        (disabled.mapping_id, world.rule("admins")),
        (elsewhere.mapping_id, world.rule("adm*", match=MatchKind.GLOB)),
        (elsewhere.mapping_id, world.rule("a?mins", world.write, match=MatchKind.GLOB)),
    ):
        with pytest.raises(Refused) as caught:
            await edit.update(world.database, world.actor(), mapping_id, rule, expected_version=1)
        assert caught.value.code == "SELF_BENEFIT"
    assert await world.effective(world.admin) == set()


@pytest.mark.asyncio
async def test_rows_of_a_file_are_not_edited_by_others(world: World) -> None:
    made = await edit.create(world.database, world.operator, world.rule(), managed_by="FILE")
    with pytest.raises(Refused) as caught:
        await edit.delete(world.database, world.actor(), made.mapping_id, expected_version=1)
    assert caught.value.code == "MANAGED_BY_FILE"
    await edit.delete(world.database, world.operator, made.mapping_id, expected_version=1, managed_by="FILE")
