"""What changes is noted in the transaction that changes it, for those concerned, once, and in an order that readers can keep."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from identity_api.accounts import administration
from identity_api.claims import MatchKind, Profile
from identity_api.db import clean_up, local_accounts, login_ends, outbox, tenants
from identity_api.db.database import Connection, Database
from identity_api.db.outbox import Change
from identity_api.db.providers import Provider
from identity_api.group_mappings import edit
from identity_api.group_mappings.apply import apply_changes
from identity_api.group_mappings.rules import Rule
from identity_api.ids import uuid7
from identity_api.lifecycle.apply_verified import Verified, apply_verified
from identity_api.lifecycle.end_login import end_everything_of_users
from identity_api.permissions.delegation import Actor
from tests import factories as make
from tests.lifecycle.logins import make_login

pytestmark = pytest.mark.asyncio


class World:
    """A tenant whose changes are read from where the last reading stopped."""

    def __init__(self, database: Database, tenant_id: UUID, provider: Provider) -> None:
        self.database, self.tenant_id, self.provider = database, tenant_id, provider
        self.position = 0

    @property
    def actor(self) -> Actor:
        return Actor(self.tenant_id, None, "operator:root", frozenset())

    async def changes(self) -> list[Change]:
        """New ones, as a reader meets them."""
        async with self.database.transaction() as connection:
            await outbox.number(connection, self.tenant_id)
            found = await outbox.after(connection, self.tenant_id, self.position, limit=1_000)
        self.position = found[-1].position if found else self.position
        return found

    async def told(self) -> set[tuple[str, UUID | None]]:
        """Who is concerned by what."""
        found: set[tuple[str, UUID | None]] = set()
        for change in await self.changes():
            found |= {(change.type, user_id) for user_id in change.user_ids or [None]}
        return found

    async def sync(self, identity_id: UUID, *groups: str, label: str = "Somebody") -> None:
        async with self.database.transaction() as connection:
            generation = await connection.fetchval(
                "select generation from identity_sync where tenant_id = $1 and id = $2", self.tenant_id, identity_id
            )
            profile = Profile(str(identity_id), None, label, f"{identity_id.hex}@example.com", True)
            answer = Verified(identity_id, profile, make.reading(groups), generation)
            await apply_verified(connection, self.tenant_id, self.provider, [answer], is_login=False, actor="sync")


@pytest_asyncio.fixture
async def world(database: Database) -> World:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        return World(database, tenant.id, await make.make_provider(connection, tenant.id))


@pytest_asyncio.fixture
async def beside(database_url: str) -> AsyncIterator[Connection]:
    """Another connection, whose transaction is open while others come and go."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


async def person(world: World, *groups: str) -> tuple[UUID, UUID]:
    async with world.database.transaction() as connection:
        made = await make.make_person(connection, world.provider, groups)
    await world.sync(made[1], *groups)
    await world.changes()
    return made


async def test_a_sync_where_nothing_changed_writes_nothing(world: World) -> None:
    """Beside one in which a group was left."""
    user_id, identity_id = await person(world, "sales")
    await world.sync(identity_id, "sales")
    assert await world.changes() == []
    await world.sync(identity_id)
    assert await world.told() == {("user.permissions_changed", user_id)}


async def test_a_login_by_itself_changes_no_permissions(world: World) -> None:
    user_id, identity_id = await person(world, "sales")
    async with world.database.transaction() as connection:
        await make.sign_in(connection, world.provider, identity_id, ["sales"])
    assert await world.told() == set()
    async with world.database.transaction() as connection:
        await make.sign_in(connection, world.provider, identity_id, ["sales", "staff"])
    assert await world.told() == {("user.permissions_changed", user_id)}


async def test_a_profile_that_the_provider_changes_is_a_change_of_the_user(world: World) -> None:
    user_id, identity_id = await person(world)
    await world.sync(identity_id, label="Another name")
    assert await world.told() == {("user.updated", user_id)}


@pytest.mark.parametrize("lease", ["signed_in_until", "groups_valid_until"])
async def test_a_lease_that_had_run_out_and_is_renewed_is_told(world: World, lease: str) -> None:
    """No fact has changed, and the person may do again what they could."""
    user_id, identity_id = await person(world, "sales")
    async with world.database.transaction() as connection:
        await connection.execute(
            f"update identity_sync set {lease} = now() - interval '1 second' where tenant_id = $1 and id = $2",
            world.tenant_id,
            identity_id,
        )
    await world.sync(identity_id, "sales")
    assert await world.told() == {("user.permissions_changed", user_id)}
    await world.sync(identity_id, "sales")
    assert await world.told() == set()


async def test_an_edit_of_a_mapping_is_told_at_once_for_everybody_and_then_for_those_whom_it_reached(
    world: World,
) -> None:
    user_id, _ = await person(world, "sales")
    await person(world, "others")
    async with world.database.transaction() as connection:
        permission = await make.make_permission(connection, world.tenant_id, "docs:read")
    rule = Rule(None, "sales", MatchKind.EXACT, (permission,))
    await edit.make(world.database, world.actor, rule)
    assert await world.told() == {("user.permissions_changed", None)}
    await apply_changes(world.database)
    assert await world.told() == {("user.permissions_changed", user_id)}


async def test_an_edit_that_is_only_previewed_is_told_to_nobody(world: World) -> None:
    await person(world, "sales")
    async with world.database.transaction() as connection:
        permission = await make.make_permission(connection, world.tenant_id, "docs:read")
    await edit.preview(world.database, world.actor, Rule(None, "sales", MatchKind.EXACT, (permission,)))
    assert await world.told() == set()


async def test_many_users_of_one_statement_are_few_rows(world: World) -> None:
    ids = [uuid7() for _ in range(2_500)]
    async with world.database.transaction() as connection:
        await outbox.record(connection, world.tenant_id, "user.permissions_changed", ids)
    found = await world.changes()
    assert [len(one.user_ids or []) for one in found] == [1_000, 1_000, 500]
    assert sorted([user_id for one in found for user_id in one.user_ids or []]) == sorted(ids)


async def test_sessions_that_end_are_told_with_their_users(world: World) -> None:
    async with world.database.transaction() as connection:
        login = await make_login(connection, world.provider)
        await world_is_read(world, connection)
        [session] = await login_ends.end_sessions(
            connection, world.tenant_id, user_ids=[login.user_id], reason="sign_out"
        )
    [change] = await world.changes()
    assert (change.type, change.user_ids, change.session_ids) == ("session.ended", [login.user_id], [session])


async def world_is_read(world: World, connection: Connection) -> None:
    await outbox.number(connection, world.tenant_id)
    world.position = await outbox.head(connection, world.tenant_id)


async def test_a_user_made_disabled_and_enabled_is_told_each_time(world: World) -> None:
    async with world.database.transaction() as connection:
        login = await make_login(connection, world.provider)
        await world_is_read(world, connection)
    await administration.disable_user(world.database, world.actor, login.user_id)
    both = {("user.updated", login.user_id), ("user.permissions_changed", login.user_id)}
    assert await world.told() == both | {("session.ended", login.user_id)}
    await administration.disable_user(world.database, world.actor, login.user_id)
    assert await world.told() == set()
    await administration.enable_user(world.database, world.actor, login.user_id)
    assert await world.told() == both


async def test_a_password_is_told_where_it_opens_or_closes_a_way_in(world: World) -> None:
    user_id, _ = await person(world)
    for password_hash, told in (("a", True), ("b", False), (None, True)):
        async with world.database.transaction() as connection:
            await local_accounts.set_password_hash(connection, world.tenant_id, user_id, password_hash)
        assert await world.told() == ({("user.permissions_changed", user_id)} if told else set())


async def test_all_sessions_of_a_tenant_ended_at_once_are_one_change_for_everybody(world: World) -> None:
    async with world.database.transaction() as connection:
        await tenants.raise_epoch(connection, world.tenant_id)
    assert await world.told() == {("session.ended", None)}


async def test_what_is_rolled_back_is_not_told(world: World) -> None:
    async with world.database.transaction() as connection:
        login = await make_login(connection, world.provider)
        await world_is_read(world, connection)
    async with world.database.transaction() as connection:
        undone = connection.transaction()
        await undone.start()
        await end_everything_of_users(
            connection, world.tenant_id, [login.user_id], reason="user_disabled", actor="system"
        )
        await undone.rollback()
    assert await world.changes() == []


async def test_a_change_that_is_committed_late_is_still_read(world: World, beside: Connection) -> None:
    """Positions are given after the commit: one that began earlier and ends later gets the later one."""
    early, late = uuid7(), uuid7()
    transaction = beside.transaction()
    await transaction.start()
    await outbox.record(beside, world.tenant_id, "user.updated", [early])
    async with world.database.transaction() as connection:
        await outbox.record(connection, world.tenant_id, "user.updated", [late])
    assert await world.told() == {("user.updated", late)}
    await transaction.commit()
    assert await world.told() == {("user.updated", early)}


async def test_while_one_gives_positions_another_gives_none(world: World, beside: Connection) -> None:
    await world.changes()
    async with world.database.transaction() as connection:
        await outbox.record(connection, world.tenant_id, "user.updated", [uuid7()])
        await outbox.record(connection, world.tenant_id, "user.updated", [uuid7()])
    transaction = beside.transaction()
    await transaction.start()
    assert await outbox.number(beside, world.tenant_id) == 2
    assert await world.changes() == []
    await transaction.commit()
    assert [one.position for one in await world.changes()] == [1, 2]


async def test_all_tenants_get_their_positions(world: World) -> None:
    async with world.database.transaction() as connection:
        await outbox.record(connection, world.tenant_id, "user.updated", [uuid7()])
    assert await outbox.number_all(world.database) >= 1
    async with world.database.reading() as connection:
        assert world.tenant_id not in await outbox.tenants_with_unnumbered(connection)
        assert await outbox.head(connection, world.tenant_id) == 1


async def test_changes_are_kept_for_a_week(world: World) -> None:
    async with world.database.transaction() as connection:
        for _ in range(2):
            await outbox.record(connection, world.tenant_id, "user.updated", [uuid7()])
        await outbox.number(connection, world.tenant_id)
        await connection.execute(
            "update outbox set at = now() - interval '8 days' where tenant_id = $1 and position = 1", world.tenant_id
        )
        await clean_up.forget_changes(connection)
        assert await outbox.oldest(connection, world.tenant_id) == 2
        assert await outbox.head(connection, world.tenant_id) == 2
