"""How much a statement reads, in pages: bounded by what it is asked for, whatever the sizes of tenants are.

Each is looked at as it is planned for its arguments, and as it is planned for any.
"""

from collections.abc import AsyncIterator, Awaitable
from typing import get_args
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from identity_api.db import listings, sessions, sync_claims, user_read_model
from identity_api.db.database import Connection
from identity_api.db.user_columns import Part
from identity_api.db.user_filters import Filter
from identity_api.db.user_read_model import Order, Position, WantedUser
from identity_api.ids import token_key
from tests.db.conftest import OTHERS, PEOPLE
from tests.db.reading import Plan, Read, read_of
from tests.db.skewed import Skewed

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def connection(skewed: Skewed) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(skewed.url, server_settings={"jit": "off"})
    yield opened
    await opened.close()


@pytest.fixture(params=get_args(Plan))
def plan(request: pytest.FixtureRequest) -> Plan:
    found: Plan = request.param
    return found


@pytest.mark.parametrize("part", [None, *get_args(Part)])
@pytest.mark.parametrize("tenant", [0, 7], ids=["large", "small"])
async def test_authenticating_a_session_reads_the_session_and_its_user(
    skewed: Skewed, connection: Connection, plan: Plan, tenant: int, part: Part | None
) -> None:
    last = await connection.fetchval(
        "select id from app_user where tenant_id = $1 order by id desc limit 1", skewed.tenants[tenant]
    )
    wanted = None if part is None else WantedUser(last, part)

    def run(catching: Connection) -> Awaitable[object]:
        return sessions.authenticate_session(
            catching, *token_key(skewed.tokens[tenant]), idle_seconds=3_600, wanted=wanted
        )

    assert (await read_of(connection, run, plan)).pages < 60


@pytest.mark.parametrize("order", ["ID", "USERNAME", "DISPLAY_LABEL", "EMAIL"])
async def test_a_late_page_of_users_reads_no_more_than_the_first(
    skewed: Skewed, connection: Connection, plan: Plan, order: Order
) -> None:
    """Each user of it costs some four to eight pages: their row, the read model's, their identities'."""
    column = "id::text" if order == "ID" else f"{order.lower()}_folded"
    ordering = "id" if order == "ID" else f"{column}, id"
    row = await connection.fetchrow(
        f"select id, {column} as value from app_user where tenant_id = $1 order by {ordering} limit 1 offset $2",
        skewed.tenants[0],
        PEOPLE // 2,
    )

    async def read(after: Position | None) -> Read:
        def run(catching: Connection) -> Awaitable[object]:
            return user_read_model.list_users(
                catching, skewed.tenants[0], where=Filter(), order=order, descending=False, after=after, first=50
            )

        return await read_of(connection, run, plan)

    first, late = await read(None), await read(Position(row["value"], row["id"]))
    assert max(first.pages, late.pages) < 600
    assert late.pages < first.pages + 50
    assert first.rows["app_user"] == 51


@pytest.mark.parametrize("state", get_args(listings.IdentityState))
async def test_identities_by_state_read_those_of_that_state(
    skewed: Skewed, connection: Connection, plan: Plan, state: listings.IdentityState
) -> None:
    """Everybody is `FRESH`: a page of them costs no more than a page of everybody, and one of another state nothing."""

    def run(catching: Connection) -> Awaitable[object]:
        return listings.identities(catching, skewed.tenants[0], state=state, provider_id=None, after=None, first=50)

    read = await read_of(connection, run, plan)
    assert read.rows.get("identity", 0) <= (60 if state == "FRESH" else 1)
    assert read.pages < (600 if state == "FRESH" else 20)


async def test_disabled_users_are_listed_without_reading_the_others(
    skewed: Skewed, connection: Connection, plan: Plan
) -> None:
    def run(catching: Connection) -> Awaitable[object]:
        return user_read_model.list_users(
            catching, skewed.tenants[0], where=Filter(enabled=False), order="ID", descending=False, after=None, first=50
        )

    assert (await read_of(connection, run, plan)).pages < 20


@pytest.mark.parametrize("everywhere", [True, False], ids=["everywhere", "near"])
async def test_a_claim_reads_the_identities_and_users_that_it_claims(
    skewed: Skewed, connection: Connection, plan: Plan, everywhere: bool
) -> None:
    async def run(catching: Connection) -> object:
        return await catching.fetch(
            sync_claims._CLAIM_DUE, 100, uuid4(), 15.0, 30, [], [], [], False, [], [], everywhere
        )

    read = await read_of(connection, run, plan)
    assert (read.rows["identity"], read.rows["app_user"], read.rows["refresh_token"]) == (100, 100, 100)
    # The most overdue of all, and one look at each queue; of the large tenant's no more than its share.
    queues = OTHERS if everywhere else sync_claims.HEAD
    assert read.rows["identity_sync"] <= 5 * 100 + sync_claims.HEAD + queues + 100
    if not everywhere:
        assert read.rows["provider"] <= sync_claims.HEAD
        assert read.pages < 90 * 100
