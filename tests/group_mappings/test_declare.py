"""A file's changes of mappings are looked at together, and give before they take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from identity_api.claims import MatchKind
from identity_api.db import change_sets, database, grants, mappings
from identity_api.db.database import Connection, Database
from identity_api.group_mappings import declare as module
from identity_api.group_mappings.apply import apply_changes
from identity_api.group_mappings.declare import DeclaredMapping, declare
from identity_api.ids import uuid7
from tests import factories as make
from tests.graphql.world import CountingDatabase
from tests.group_mappings.conftest import World

pytestmark = pytest.mark.asyncio


class Watching(CountingDatabase):
    """Looks after every commit at what somebody may do, as any request could in that moment."""

    def __init__(self, database: Database, tenant_id: UUID, user_id: UUID) -> None:
        super().__init__(database)
        self._watched = (tenant_id, user_id)
        self.seen: list[frozenset[str]] = []

    @asynccontextmanager
    async def transaction(self, *, is_trial: bool = False) -> AsyncIterator[Connection]:
        async with self._inner.transaction(is_trial=is_trial) as connection:
            yield connection
        async with self._inner.reading() as connection:
            self.seen.append(await grants.effective(connection, *self._watched))


def mapping(group: str, *permissions: str, enabled: bool = True) -> DeclaredMapping:
    return DeclaredMapping(None, group, MatchKind.EXACT, permissions, enabled)


async def in_two_groups(world: World) -> tuple[UUID, Watching]:
    async with world.database.transaction() as connection:
        user_id = await make.make_user(connection, world.tenant, username="both")
        identity_id = await make.make_identity(connection, world.provider, user_id)
        await make.sign_in(connection, world.provider, identity_id, ["staff", "team"])
    return user_id, Watching(world.database, world.tenant, user_id)


BEFORE = [mapping("staff", "docs:read", "docs:write"), mapping("team", "docs:write")]


@pytest.mark.parametrize(
    "after",
    [
        pytest.param([mapping("staff", "docs:write"), mapping("team", "docs:write", "docs:read")], id="moved"),
        pytest.param([mapping("team", "docs:write", "docs:read")], id="mapping removed"),
        pytest.param([mapping("staff", "docs:write"), mapping("team", "docs:read")], id="swapped"),
        pytest.param(
            [mapping("staff", "docs:read", "docs:write", enabled=False), mapping("team", "docs:read", "docs:write")],
            id="disabled",
        ),
    ],
)
async def test_what_moves_to_another_mapping_is_never_lost(world: World, after: list[DeclaredMapping]) -> None:
    user_id, watching = await in_two_groups(world)
    await declare(world.database, world.operator, BEFORE, prune=True)
    await apply_changes(world.database)
    shown = await declare(world.database, world.operator, after, prune=True, dry_run=True)
    assert [one for one in shown if "both" in str(one.details)] == []
    told = await declare(watching, world.operator, after, prune=True)
    assert [one.details for one in told] == [one.details for one in shown]
    assert watching.seen
    assert set(watching.seen) == {frozenset({"docs:read", "docs:write"})}
    await apply_changes(world.database)
    assert await world.effective(user_id) == {"docs:read", "docs:write"}
    assert await declare(world.database, world.operator, after, prune=True) == []


async def test_what_nothing_else_gives_is_lost_and_said(world: World) -> None:
    user_id, watching = await in_two_groups(world)
    await declare(world.database, world.operator, BEFORE, prune=True)
    await apply_changes(world.database)
    after = [mapping("staff", "docs:write"), mapping("team", "docs:write")]
    [shown] = await declare(world.database, world.operator, after, prune=True, dry_run=True)
    assert "loses: both" in shown.details
    await declare(watching, world.operator, after, prune=True)
    assert watching.seen[-1] == frozenset({"docs:write"})
    assert await world.effective(user_id) == {"docs:write"}


async def test_without_room_for_both_the_old_mapping_goes_first_and_nothing_is_refused(world: World) -> None:
    user_id, _ = await in_two_groups(world)
    limited = make.limited(world.database, max_mappings=1)
    await declare(limited, world.operator, [mapping("staff", "docs:read")], prune=True)
    await declare(limited, world.operator, [mapping("team", "docs:read")], prune=True)
    await apply_changes(world.database)
    assert await world.effective(user_id) == {"docs:read"}


async def test_the_bound_of_patterns_is_no_bound_of_groups(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """New mappings of whole names have room beside what goes, however few patterns a tenant may have: they come first."""
    monkeypatch.setattr(module, "TOGETHER", 1)
    _, watching = await in_two_groups(world)
    limited = make.limited(watching, max_glob_mappings=1)
    await declare(limited, world.operator, [mapping("staff", "docs:read")], prune=True)
    watching.seen.clear()
    await declare(limited, world.operator, [mapping(name, "docs:read") for name in ("team", "crew")], prune=True)
    assert set(watching.seen) == {frozenset({"docs:read"})}
    await apply_changes(world.database)


async def test_mappings_of_many_people_are_made_a_few_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logins of the tenant wait for each transaction, and the more people it concerns the longer it takes."""
    monkeypatch.setattr(module, "CONCERNED_TOGETHER", 2)
    _, watching = await in_two_groups(world)
    names = ("staff", "team", "engineering", "crew", "squad", "platform")
    commits = []
    for declared in ([mapping(name, "docs:read") for name in names], []):
        watching.seen.clear()
        await declare(watching, world.operator, declared, prune=True)
        await apply_changes(world.database)
        commits.append(len(watching.seen) - 1)  # without the look at all of them
    assert commits == [2, 2]


async def test_counting_whom_many_mappings_concern_has_the_time_of_as_many_statements(world: World) -> None:
    counted: list[asyncpg.connection.LoggedQuery] = []
    async with world.database.transaction() as connection:
        connection.add_query_logger(counted.append)
        many = [uuid7() for _ in range(30)]
        await mappings.begin_changes(connection, world.tenant, many, "system")
        for some in (many, []):
            await change_sets.concerned(connection, world.tenant, some, limit=None)
        await asyncio.sleep(0)
        connection.remove_query_logger(counted.append)
    seconds = [one.timeout for one in counted if "mapping_group" in one.query]
    assert seconds == [count * database.COMMAND_TIMEOUT_SECONDS for count in (30, 30, 1)]


async def test_a_change_for_more_people_than_are_looked_at_is_told_with_their_number(world: World) -> None:
    _, _ = await in_two_groups(world)
    limited = make.limited(world.database, max_preview_identities=0)
    [told] = await declare(limited, world.operator, [mapping("staff", "docs:read")], prune=True)
    assert told.details == ("concerns 1 identities, too many to say whom it touches",)
    await apply_changes(world.database)


async def test_many_new_mappings_are_looked_at_and_made_together(world: World) -> None:
    """What they ask of the database does not grow with their number times their people: a declaration may have thousands."""
    names = [f"unit-{number}" for number in range(250)]
    async with world.database.transaction() as connection:
        for username in ("first", "second"):
            user_id = await make.make_user(connection, world.tenant, username=username)
            identity_id = await make.make_identity(connection, world.provider, user_id)
            await make.sign_in(connection, world.provider, identity_id, names)
    counting = CountingDatabase(world.database)
    declared = [mapping(name, "docs:read") for name in names]
    found = await declare(counting, world.operator, declared, prune=False)
    assert [(one.action, one.group) for one in found] == [("create", name) for name in names]
    assert found[0].details == ("gain: first, second",)
    assert len(counting.statements) < len(names)
    await declare(counting, world.operator, declared, prune=False)
    async with world.database.reading() as connection:
        assert await grants.effective(connection, world.tenant, user_id) == {"docs:read"}


async def test_changed_and_removed_mappings_are_made_together_as_new_ones_are(world: World) -> None:
    """Twenty take the statements of two, whether they give, take, do both or go."""
    asked: list[list[int]] = []
    for count in (2, 20):
        names = [f"unit-{count}-{number}" for number in range(count)]
        counts = []
        for given in (["docs:read"], ["docs:read", "docs:write"], ["docs:read"], ["docs:write"], []):
            counting = CountingDatabase(world.database)
            declared = [mapping(name, *given) for name in names if given]
            found = await declare(counting, world.operator, declared, prune=True)
            assert len(found) == count
            counts.append(len(counting.statements))
        asked.append(counts)
    assert asked[1] == asked[0]


async def test_among_many_changes_one_that_names_what_is_not_there_yet_keeps_none_from_being_told(world: World) -> None:
    user_id, _ = await in_two_groups(world)
    before = [mapping("staff", "docs:read"), mapping("team", "docs:write")]
    await declare(world.database, world.operator, before, prune=True)
    await apply_changes(world.database)
    after = [mapping("staff", "docs:read", "docs:archive"), mapping("team", "docs:read")]
    told = {
        one.group: one.details for one in await declare(world.database, world.operator, after, prune=True, dry_run=True)
    }
    assert told == {
        "staff": ("permissions: docs:read -> docs:archive, docs:read",),
        "team": ("permissions: docs:write -> docs:read", "loses: both"),
    }
    assert await world.effective(user_id) == {"docs:read", "docs:write"}
