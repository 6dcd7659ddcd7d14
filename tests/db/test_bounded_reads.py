"""How much a statement reads, in pages: bounded by what it is asked for, whatever the sizes of tenants are.

Each is looked at as it is planned for its arguments, and as it is planned once for all (from the sixth time on).
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, get_args
from uuid import uuid4

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from identity_api.db import listings, sessions, sync, user_read_model
from identity_api.db.database import Connection
from identity_api.db.user_read_model import Filter, Order, Position
from identity_api.ids import token_key
from tests.db.conftest import OTHERS, PEOPLE
from tests.db.skewed import Skewed

pytestmark = pytest.mark.asyncio

Statement = Callable[[Any], Awaitable[object]]


class Caught(Exception):
    """Instead of running a statement."""


class Catching:
    """A connection that runs nothing and remembers what it was to run."""

    statement: str
    arguments: tuple[Any, ...]

    async def fetch(self, statement: str, *arguments: Any) -> None:
        self.statement, self.arguments = statement, arguments
        raise Caught

    fetchrow = fetchval = fetch


@pytest_asyncio.fixture
async def connection(skewed: Skewed) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(skewed.url, server_settings={"jit": "off"})
    yield opened
    await opened.close()


class Read(msgspec.Struct, frozen=True):
    """What one execution looked at."""

    pages: int
    rows: dict[str, int]
    """By table, those that a filter threw away included."""


async def read_by(connection: Connection, run: Statement, mode: str) -> Read:
    """What one execution of the statement looks at; what it writes is taken back."""
    catching = Catching()
    with pytest.raises(Caught):
        await run(catching)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"set local plan_cache_mode = {mode}")
        rows = await connection.fetch(
            f"explain (analyze, buffers, timing off, format json) {catching.statement}", *catching.arguments
        )
    finally:
        await transaction.rollback()
    plan = msgspec.json.decode(rows[0][0])[0]["Plan"]
    found: Counter[str] = Counter()
    for node in nodes(plan):
        if "Relation Name" in node:
            each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            found[node["Relation Name"]] += round(each * node["Actual Loops"])
    return Read(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], dict(found))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("tenant", [0, 7], ids=["large", "small"])
async def test_authenticating_a_session_reads_the_session_and_its_user(
    skewed: Skewed, connection: Connection, mode: str, tenant: int
) -> None:
    def run(catching: Connection) -> Awaitable[object]:
        return sessions.authenticate_session(catching, *token_key(skewed.tokens[tenant]), idle_seconds=3_600)

    assert (await read_by(connection, run, mode)).pages < 60


@pytest.mark.parametrize("order", ["ID", "USERNAME", "DISPLAY_LABEL", "EMAIL"])
async def test_a_late_page_of_users_reads_no_more_than_the_first(
    skewed: Skewed, connection: Connection, mode: str, order: Order
) -> None:
    """Each user of it costs some four to eight pages: their row, the read model's, their identities'."""
    column = "id::text" if order == "ID" else f"{order.lower()}_folded"
    ordering = "id" if order == "ID" else f"{column} using ~<~, id"
    row = await connection.fetchrow(
        f"select id, {column} as value from app_user where tenant_id = $1 order by {ordering} limit 1 offset $2",
        skewed.tenants[0],
        PEOPLE * 9 // 10,
    )

    async def read(after: Position | None) -> Read:
        def run(catching: Connection) -> Awaitable[object]:
            return user_read_model.list_users(
                catching, skewed.tenants[0], where=Filter(), order=order, descending=False, after=after, first=50
            )

        return await read_by(connection, run, mode)

    first, late = await read(None), await read(Position(row["value"], row["id"]))
    assert max(first.pages, late.pages) < 600
    assert first.rows["app_user"] == 51
    assert late.rows["app_user"] <= 52


@pytest.mark.parametrize("state", get_args(listings.IdentityState))
async def test_identities_by_state_read_those_of_that_state(
    skewed: Skewed, connection: Connection, mode: str, state: listings.IdentityState
) -> None:
    """Everybody is `FRESH`: a page of them costs no more than a page of everybody, and one of another state nothing."""

    def run(catching: Connection) -> Awaitable[object]:
        return listings.identities(catching, skewed.tenants[0], state=state, provider_id=None, after=None, first=50)

    read = await read_by(connection, run, mode)
    assert read.rows.get("identity", 0) <= (60 if state == "FRESH" else 1)
    assert read.pages < (600 if state == "FRESH" else 20)


async def test_disabled_users_are_listed_without_reading_the_others(
    skewed: Skewed, connection: Connection, mode: str
) -> None:
    def run(catching: Connection) -> Awaitable[object]:
        return user_read_model.list_users(
            catching, skewed.tenants[0], where=Filter(enabled=False), order="ID", descending=False, after=None, first=50
        )

    assert (await read_by(connection, run, mode)).pages < 20


@pytest.mark.parametrize("everywhere", [True, False], ids=["everywhere", "near"])
async def test_a_claim_reads_the_identities_and_users_that_it_claims(
    skewed: Skewed, connection: Connection, mode: str, everywhere: bool
) -> None:
    async def run(catching: Connection) -> object:
        return await catching.fetch(sync._CLAIM_DUE, 100, uuid4(), 15.0, 30, [], [], [], False, [], [], everywhere)

    read = await read_by(connection, run, mode)
    assert (read.rows["identity"], read.rows["app_user"], read.rows["refresh_token"]) == (100, 100, 100)
    # The most overdue of all, and one look at each queue; of the large tenant's no more than its share.
    queues = OTHERS if everywhere else sync.HEAD
    assert read.rows["identity_sync"] <= 5 * 100 + sync.HEAD + queues + 100
    if not everywhere:
        assert read.rows["provider"] <= sync.HEAD
        assert read.pages < 90 * 100
