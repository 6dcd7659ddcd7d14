"""Tokens that are looked up together: each has its own answer, and a failure is everybody's of that moment alone."""

import asyncio
from typing import Any

import asyncpg
import pytest

from identity_api.db import sessions
from identity_api.db.database import Database
from identity_api.sessions.authenticate import Authenticated
from identity_api.sessions.authenticate_together import AT_ONCE, Together
from tests import factories as make

pytestmark = pytest.mark.asyncio


async def tokens(database: Database, names: list[str]) -> list[str]:
    """An API token for each of these users of one tenant."""
    async with database.transaction() as connection:
        tenant = await make.make_tenant(connection)
        for name in names:
            await make.make_user(connection, tenant.id, username=name)
    return [await make.create_api_token(database, tenant.id, name, "laptop", days=1) for name in names]


def name_of(found: Authenticated | None) -> str | None:
    return None if found is None else found.user.username


async def test_each_token_has_its_own_answer_however_many_ask(database: Database) -> None:
    names = [f"user{number}" for number in range(AT_ONCE + 6)]
    asked = await tokens(database, names)
    together = Together(database, idle_seconds=60)
    unknown = asked[0][:-4] + "AAAA"
    found = await asyncio.gather(*[together.authenticate(one) for one in [*asked, unknown, asked[0], "iat_"]])
    assert [name_of(one) for one in found] == [*names, None, names[0], None]


async def test_a_question_that_nobody_waits_for_any_more_harms_no_other(database: Database) -> None:
    first, second = await tokens(database, ["first", "second"])
    together = Together(database, idle_seconds=60)
    gone = asyncio.create_task(together.authenticate(first))
    stays = asyncio.create_task(together.authenticate(second))
    await asyncio.sleep(0)
    gone.cancel()
    assert name_of(await stays) == "second"
    assert name_of(await together.authenticate(first)) == "first"


async def test_a_failure_is_told_to_all_who_asked_and_the_next_ask_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    [token] = await tokens(database, ["only"])
    together = Together(database, idle_seconds=60)

    async def failing(*_: Any, **__: Any) -> None:
        raise asyncpg.InterfaceError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(sessions, "authenticate_each", failing)
        failed = await asyncio.gather(*[together.authenticate(token) for _ in range(3)], return_exceptions=True)
    assert all(isinstance(one, Exception) for one in failed)
    assert name_of(await together.authenticate(token)) == "only"
