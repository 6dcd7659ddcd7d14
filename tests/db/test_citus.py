"""The schema and every statement on a Citus cluster, whose coordinator's database `TEST_CITUS_URL` names. It is emptied."""

import os
import re
from collections.abc import AsyncIterator
from typing import Final

import asyncpg
import pytest
import pytest_asyncio

from identity_api.db import sessions, tenants
from identity_api.db.database import Connection
from identity_api.db.migrate import migrate
from identity_api.db.tables import TABLES
from identity_api.db.user_columns import Part
from identity_api.ids import uuid7
from tests.db.partitioned import OF_TENANTS, some
from tests.db.test_partitions import OF_ALL_TENANTS, known_statements
from tests.docs.pages import ROOT

URL: Final = os.environ.get("TEST_CITUS_URL")
DISTRIBUTE: Final = ROOT / "deploy" / "citus" / "distribute.sql"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("citus"),
    pytest.mark.skipif(URL is None, reason="TEST_CITUS_URL names no Citus cluster"),
]

OF_ONE_NODE: Final = {
    "identity_api.db.outbox.after_each",
    "identity_api.db.refresh_tokens.rotate",
    "identity_api.db.sync_claims.claim",
    "identity_api.db.sync.renew_leases",
}
"""Each has a form for many tenants at once and one for a single tenant: `Database.is_distributed` says which is used."""

REFUSED: Final = (asyncpg.FeatureNotSupportedError, asyncpg.SyntaxOrAccessError)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connection() -> AsyncIterator[Connection]:
    """To the coordinator, after the schema was made and distributed as `docs/scaling.md` says."""
    assert URL is not None
    opened = await asyncpg.connect(URL)
    tables = ", ".join([table._meta.tablename for table in TABLES])
    await opened.execute(f"drop table if exists migration, {tables} cascade", timeout=300)
    await opened.execute("drop function if exists name_parts, audit_digest", timeout=300)
    await opened.close()
    await migrate(URL)
    for _ in range(2):  # a second time changes nothing
        opened = await asyncpg.connect(URL)
        await opened.execute(DISTRIBUTE.read_text("utf-8"), timeout=300)
        await opened.close()
    opened = await asyncpg.connect(URL)
    yield opened
    await opened.close()


async def refusal(connection: Connection, statement: str, arguments: list[object]) -> str | None:
    """Run it, and take back what it has done: what Citus says if it does not plan it."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.fetch(statement, *arguments)
    except REFUSED as error:
        return str(error)
    except asyncpg.PostgresError:  # no row of the arguments is there
        return None
    finally:
        await transaction.rollback()
    return None


async def shards(connection: Connection, statement: str, arguments: list[object]) -> list[int]:
    """How many each of its parts asks; empty where the plan does not say, as that of an `insert` from a query."""
    try:
        rows = await connection.fetch(f"explain {statement}", *arguments)
    except asyncpg.PostgresError:
        return []
    return [int(count) for row in rows for count in re.findall(r"Task Count: (\d+)", row[0])]


async def test_every_tenants_table_is_distributed_with_its_constraints(connection: Connection) -> None:
    rows = await connection.fetch(
        "select logicalrelid::text as name, partmethod from pg_dist_partition where partmethod = 'h' order by 1"
    )
    assert sorted(row["name"] for row in rows) == OF_TENANTS
    assert await connection.fetchval("select count(*) from pg_constraint where contype = 'f' and conparentid = 0") >= 60


async def test_every_statement_is_accepted_and_asks_one_shard_but_the_listed_ones(connection: Connection) -> None:
    refused, of_many = {}, set()
    for function, statement in known_statements():
        prepared = await connection.prepare(statement)
        arguments = [some(one.name, place) for place, one in enumerate(prepared.get_parameters())]
        answer = await refusal(connection, statement, arguments)
        if answer is not None:
            refused[function] = answer
        elif max(await shards(connection, statement, arguments), default=0) > 1:
            of_many.add(function)
    assert {function: answer for function, answer in refused.items() if function not in OF_ONE_NODE} == {}
    assert sorted(of_many - OF_ALL_TENANTS.keys()) == []


@pytest.mark.parametrize("part", sessions.SESSION_AND_USER)
@pytest.mark.parametrize("of", [sessions.SESSION_AND_USER, sessions.API_TOKEN_AND_USER], ids=["session", "API token"])
async def test_reading_a_user_ahead_asks_one_shard(connection: Connection, of: dict[Part, str], part: Part) -> None:
    kinds = [one.name for one in (await connection.prepare(of[part])).get_parameters()]
    arguments = [some(kind, place) for place, kind in enumerate(kinds)]
    assert await refusal(connection, of[part], arguments) is None
    assert set(await shards(connection, of[part], arguments)) == {1}


async def test_no_flag_that_is_false_leaves_a_statement_without_shards(connection: Connection) -> None:
    """A condition that is false for whatever row makes Citus drop the whole statement, all of its other parts included."""
    dropped = set()
    for function, statement in known_statements():
        kinds = [one.name for one in (await connection.prepare(statement)).get_parameters()]
        arguments = [some(kind, place) for place, kind in enumerate(kinds)]
        for place in [place for place, kind in enumerate(kinds) if kind == "bool"]:
            unset = [*arguments[:place], False, *arguments[place + 1 :]]
            if 0 in await shards(connection, statement, unset):
                dropped.add(function)
    assert dropped == set()


async def test_a_host_of_another_tenant_is_told_as_such(connection: Connection) -> None:
    """Citus names the constraint of a shard, or none."""
    one, other = (tenants.Tenant(uuid7(), slug, slug, None, 0) for slug in ("one", "other"))
    transaction = connection.transaction()
    await transaction.start()
    for tenant in (one, other):
        await tenants.write(connection, tenant)
    await tenants.replace_hosts(connection, one.id, ["one.example"])
    with pytest.raises(tenants.HostTaken):
        await tenants.replace_hosts(connection, other.id, ["one.example"])
    await transaction.rollback()
