"""What a reading costs and says while an edit of a mapping with very many groups is not written to everybody yet."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, get_args
from uuid import UUID

import pytest

from identity_api.claims import MatchKind
from identity_api.db import grants, sessions, user_read_model
from identity_api.db.database import Connection, Database
from identity_api.db.user_columns import Part
from identity_api.db.user_filters import Filter
from identity_api.db.user_read_model import UserRecord
from identity_api.ids import token_hash, uuid7
from identity_api.permissions.effective import standing
from identity_api.permissions.grant_snapshot import TenantCircumstances
from tests import factories as make
from tests.db.reading import Plan, read_of
from tests.db.test_decide import undone

pytestmark = pytest.mark.asyncio

GROUPS = 10_000


class Pending:
    """A pattern that matches very many groups and is being edited; somebody who is in two of them, and their session."""

    tenant: UUID
    user: UUID
    mapping: UUID
    session: bytes

    async def build(self, connection: Connection) -> None:
        self.tenant = (await make.make_tenant(connection)).id
        provider = await make.make_provider(connection, self.tenant)
        self.user = await make.make_user(connection, self.tenant)
        kept, given = [await make.make_permission(connection, self.tenant, name) for name in ("a:kept", "b:withdrawn")]
        await make.make_mapping(connection, self.tenant, "team-1", [kept])
        self.mapping = await make.make_mapping(connection, self.tenant, "team-*", [given], match=MatchKind.GLOB)
        identity = await make.make_identity(connection, provider, self.user)
        await make.sign_in(connection, provider, identity, ["team-1", "team-2"])
        await connection.execute(
            """
            with made as (
                insert into provider_group (id, tenant_id, provider_id, name, first_seen_at)
                select gen_random_uuid(), $1, $2, 'team-' || n, now() from generate_series(3, $3::int) n returning id)
            insert into mapping_group (tenant_id, mapping_id, group_id) select $1, $4, id from made
            """,
            self.tenant,
            provider.id,
            GROUPS,
            self.mapping,
        )
        _, token = await make.make_session(connection, self.tenant, self.user, identity, kind="BEARER")
        self.session = token_hash(token)
        await connection.execute("analyze provider_group, mapping_group, permission_grant, group_mapping")

    async def begin_edit(self, connection: Connection) -> None:
        """Nothing is written to anybody's grants yet."""
        await connection.execute(
            "insert into mapping_change (id, tenant_id, mapping_id, actor, total, done, created_at)"
            " values ($1, $2, $3, 'system', 1, 0, now())",
            uuid7(),
            self.tenant,
            self.mapping,
        )

    async def stop_giving(self, connection: Connection) -> None:
        await connection.execute("delete from mapping_permission where mapping_id = $1", self.mapping)

    async def authenticate(self, connection: Connection) -> sessions.Token | None:
        return await sessions.authenticate_session(connection, self.tenant, self.session, idle_seconds=3_600)

    async def list_users(self, connection: Connection) -> user_read_model.Reading:
        return await user_read_model.list_users(
            connection, self.tenant, where=Filter(), order="ID", descending=False, after=None, first=50
        )


class Measuring:
    """A connection that counts the characters of the last answer: the one before may only say that edits are unfinished."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.characters = 0

    async def fetchrow(self, statement: str, *arguments: Any) -> Any:
        row = await self._connection.fetchrow(statement, *arguments)
        self.characters = len(str(row))
        return row

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        rows = await self._connection.fetch(statement, *arguments)
        self.characters = len(str(rows))
        return rows


async def answered(connection: Connection, run: Callable[[Connection], Awaitable[object]]) -> int:
    measuring = Measuring(connection)
    await run(measuring)
    return measuring.characters


async def test_what_comes_back_does_not_grow_with_the_groups_of_a_mapping_under_change(database: Database) -> None:
    async with undone(database) as connection:
        pending = Pending()
        await pending.build(connection)
        readings = (pending.authenticate, pending.list_users)
        before = [await answered(connection, run) for run in readings]
        await pending.begin_edit(connection)
        await pending.stop_giving(connection)
        during = [await answered(connection, run) for run in readings]
        # The ids of the two grants that are withdrawn.
        assert all(later - earlier < 200 for earlier, later in zip(before, during, strict=True))


@pytest.mark.parametrize("plan", get_args(Plan))
async def test_what_is_read_does_not_grow_either(database: Database, plan: Plan) -> None:
    async with undone(database) as connection:
        pending = Pending()
        await pending.build(connection)
        await pending.begin_edit(connection)
        for run in (pending.authenticate, pending.list_users):
            # Of thousands.
            assert (await read_of(connection, run, plan)).pages < 400


async def test_what_is_withdrawn_has_no_force_and_the_rest_has(database: Database) -> None:
    async with undone(database) as connection:
        pending = Pending()
        await pending.build(connection)
        await pending.begin_edit(connection)
        assert await in_force(connection, pending) == {"a:kept", "b:withdrawn"}
        await pending.stop_giving(connection)
        assert await in_force(connection, pending) == {"a:kept"}


@pytest.mark.parametrize("part", ["permissions", "permissions and dates", "everything"])
async def test_what_an_edit_gives_is_read_with_its_group(database: Database, part: Part) -> None:
    async with undone(database) as connection:
        pending = Pending()
        await pending.build(connection)
        more = await make.make_permission(connection, pending.tenant, "c:given")
        await connection.execute(
            "insert into mapping_permission (tenant_id, mapping_id, permission_id) values ($1, $2, $3)",
            pending.tenant,
            pending.mapping,
            more,
        )
        await pending.begin_edit(connection)
        reading = await user_read_model.users_by_id(connection, pending.tenant, [pending.user], part=part)
        [user] = reading.users
        held = standing(user.facts, user.circumstances, reading.tenant, reading.at).permissions
        [given] = [one for one in held if one.name == "c:given"]
        assert {reason.group_name for reason in given.reasons} == {"team-1", "team-2"}


async def in_force(connection: Connection, pending: Pending) -> frozenset[str]:
    """By the session, by a page and by the definition, which agree."""
    token, page = await pending.authenticate(connection), await pending.list_users(connection)
    assert token is not None

    def names(user: UserRecord, tenant: TenantCircumstances) -> frozenset[str]:
        return standing(user.facts, user.circumstances, tenant, page.at).names

    found = names(token.user, token.circumstances)
    assert (
        found == names(page.users[0], page.tenant) == await grants.effective(connection, pending.tenant, pending.user)
    )
    return found


@pytest.mark.parametrize("of", ["SESSION", "API_TOKEN"])
async def test_what_unfinished_edits_do_is_no_part_of_the_plan_of_every_request(database: Database, of: str) -> None:
    """PostgreSQL prepares every node of a plan before it runs any: for hardly any request these would be run."""
    text: str = getattr(sessions, of)
    arguments = "'00000000-0000-0000-0000-000000000000', ''" + (", 1" if of == "SESSION" else "")
    async with database.transaction() as connection:
        await connection.execute("set local plan_cache_mode = force_generic_plan")
        await connection.execute(f"prepare planned as {text}")
        plan = await connection.fetch(f"explain (costs off) execute planned({arguments})")
        await connection.execute("deallocate planned")
    shown = "\n".join([line[0] for line in plan])
    assert "on mapping_change" in shown
    assert not re.search("on (permission_grant|group_mapping|mapping_permission|mapping_group|identity_group)", shown)


async def test_nobody_is_read_ahead_during_an_edit(database: Database) -> None:
    async with undone(database) as connection:
        pending = Pending()
        await pending.build(connection)
        wanted = user_read_model.WantedUser(pending.user, "permissions")

        async def ahead() -> set[user_read_model.WantedUser]:
            found = await sessions.authenticate_session(
                connection, pending.tenant, pending.session, idle_seconds=3_600, wanted=wanted
            )
            assert found is not None
            return set(found.read_ahead)

        assert await ahead() == {wanted}
        await pending.begin_edit(connection)
        assert await ahead() == set()
