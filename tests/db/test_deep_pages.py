"""A page of users costs the same wherever it begins."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from identity_api.db import user_read_model
from identity_api.db.database import Database
from identity_api.db.user_filters import Filter
from identity_api.db.user_read_model import Order, Position
from tests import factories as make

PEOPLE = 20_000


class Explaining:
    """A connection that answers each statement, and notes how many blocks PostgreSQL read for it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.blocks = 0

    async def fetch(self, statement: str, *arguments: Any) -> Sequence[Any]:
        [row] = await self._connection.fetch(f"explain (analyze, buffers, format json) {statement}", *arguments)
        plan = msgspec.json.decode(row["QUERY PLAN"])[0]["Plan"]
        self.blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        return await self._connection.fetch(statement, *arguments)


async def blocks(connection: Any, tenant_id: UUID, order: Order, *, descending: bool, after: Position | None) -> int:
    explaining: Any = Explaining(connection)
    page = await user_read_model.list_users(
        explaining, tenant_id, where=Filter(), order=order, descending=descending, after=after, first=50
    )
    assert len(page.users) == 50
    return int(explaining.blocks)


@pytest_asyncio.fixture(scope="module")
async def large_tenant(database: Database) -> UUID:
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        await connection.execute(
            """
            insert into app_user (id, tenant_id, username, username_folded, display_label, display_label_folded,
                email, email_folded, epoch, created_at, active_at)
            select gen_random_uuid(), $1, n, n, n, n, n, n, 0, now(), now()
            from (select 'person' || lpad(i::text, 6, '0') as n from generate_series(1, $2::int) i) people
            """,
            tenant.id,
            PEOPLE,
            timeout=60,
        )
        await connection.execute(
            "insert into user_read (id, tenant_id, facts, brief)"
            " select id, tenant_id, '[[],[],[]]', '[[],[]]' from app_user where tenant_id = $1",
            tenant.id,
            timeout=60,
        )
        await connection.execute("analyze app_user")
        await connection.execute("analyze user_read")
    return tenant.id


@pytest.mark.asyncio
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", ["ID", "USERNAME", "DISPLAY_LABEL", "EMAIL"])
async def test_a_page_at_nine_tenths_reads_hardly_more_than_the_first(
    database: Database, large_tenant: UUID, order: Order, descending: bool
) -> None:
    column = "id" if order == "ID" else "username"
    async with database.reading() as connection:
        row = await connection.fetchrow(
            f"select id, username from app_user where tenant_id = $1 order by {column} {'desc' if descending else 'asc'}"
            " offset $2 limit 1",
            large_tenant,
            PEOPLE * 9 // 10,
        )
        first = await blocks(connection, large_tenant, order, descending=descending, after=None)
        deep = Position(row["username"], row["id"])
        assert await blocks(connection, large_tenant, order, descending=descending, after=deep) <= first * 1.2 + 20
