"""A page of the audit reads what it shows, however many events the tenant and others have."""

from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID, uuid4

import asyncpg
import pytest

from identity_api.db import audit_reading
from identity_api.db.audit_reading import Column, Where
from identity_api.ids import first_uuid7
from tests.db.reading import Plan, read_of
from tests.db.skewed import Skewed

pytestmark = pytest.mark.asyncio
EVENTS = 20_000

_MANY = """
    insert into audit_event (id, tenant_id, at, actor, action, subject_kind, subject_id, user_id, payload, names,
        salt)
    select overlay(gen_random_uuid()::text placing lpad(to_hex(n), 8, '0') from 1 for 8)::uuid, $1, now(),
        'user:' || md5((n % 1000)::text)::uuid, case when $3 then 'everywhere' else 'user.tested_' || n % 50 end,
        'user', md5((n % 1000)::text)::uuid,
        md5((n % 1000)::text)::uuid, '{}', '{}', gen_random_uuid()
    from generate_series(1, $2::int) n
"""
SOMEBODY = UUID("c4ca4238-a0b9-2382-0dcc-509a6f75849b")
"""The md5 of 1."""


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (None, ()),
        ("subject_id", (SOMEBODY,)),
        ("user_id", (SOMEBODY,)),
        ("actor", (f"user:{SOMEBODY}",)),
        ("action", ("user.tested_7",)),
        ("action", ("never.done",)),
        ("action", ("never.done", "user.tested_7", "user.tested_8")),
        ("action", ("never.done", "never.done_either", "everywhere")),
        ("user_id", (uuid4(),)),
    ],
)
@pytest.mark.parametrize("plan", get_args(Plan))
async def test_a_page_of_events_reads_no_more_than_the_page(
    skewed: Skewed, plan: Plan, column: Column | None, values: tuple[Any, ...]
) -> None:
    def run(catching: Any) -> Any:
        return audit_reading.page(catching, skewed.tenants[0], Where(column, values), after=None, first=20)

    connection = await asyncpg.connect(skewed.url, server_settings={"jit": "off"})
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(_MANY, skewed.tenants[0], EVENTS, "everywhere" in values)
        await connection.execute("analyze audit_event")
        read = await read_of(connection, run, plan)
    finally:
        await transaction.rollback()
        await connection.close()
    looks = max(len(values), 1)
    assert read.rows.get("audit_event", 0) <= 21 * looks
    assert read.pages < 300 * looks


async def test_the_first_id_of_a_moment_is_before_every_id_made_then() -> None:
    at = datetime(2026, 11, 29, 12, 0, 0, 123_456, UTC)
    assert str(first_uuid7(at)) == "01a2272d-267b-0000-0000-000000000000"
