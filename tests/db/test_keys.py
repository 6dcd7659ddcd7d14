"""What a tenant owns is found, told apart and referred to by keys that begin with the tenant."""

from typing import Any

import pytest

from identity_api.db.database import Database
from tests.db.partitioned import OF_TENANTS

_UNIQUE = """
    select c.relname as table, k.relname as key, i.indisprimary as is_primary, a.attname as first
    from pg_index i
    join pg_class c on c.oid = i.indrelid
    join pg_class k on k.oid = i.indexrelid
    left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
    where i.indisunique and c.relnamespace = 'public'::regnamespace and c.relname <> 'migration'
"""


async def keys(database: Database) -> list[Any]:
    async with database.reading() as connection:
        return [row for row in await connection.fetch(_UNIQUE) if row["table"] in OF_TENANTS]


@pytest.mark.asyncio
async def test_every_table_that_a_tenant_owns_has_a_primary_key(database: Database) -> None:
    assert sorted([row["table"] for row in await keys(database) if row["is_primary"]]) == OF_TENANTS


@pytest.mark.asyncio
async def test_every_unique_key_of_a_tenants_rows_begins_with_the_tenant(database: Database) -> None:
    assert [row["key"] for row in await keys(database) if row["first"] != "tenant_id"] == []


@pytest.mark.asyncio
async def test_no_two_keys_of_a_table_have_the_same_columns(database: Database) -> None:
    async with database.reading() as connection:
        twice = await connection.fetch(
            """
            select indrelid::regclass::text as table from pg_index where indrelid::regclass::text = any($1::text[])
            group by indrelid, indkey, indpred, indexprs having count(*) > 1
            """,
            OF_TENANTS,
        )
    assert twice == []
