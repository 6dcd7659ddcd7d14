"""A database of its own, with one large tenant among many of a single person."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

from identity_api.db.migrate import migrate
from identity_api.embedded.services import Services
from tests.db.skewed import Skewed, fill

PEOPLE = 1_000
OTHERS = 9_000


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _filled(url: str) -> Skewed:
    await migrate(url)
    return await fill(url, people=PEOPLE, others=OTHERS)


@pytest.fixture(scope="session")
def skewed(services: Services) -> Iterator[Skewed]:
    """Filled and analysed. Whoever changes it takes the change back."""
    assert services.database_url is not None
    name = f"skewed_{uuid4().hex}"
    asyncio.run(_run(services.database_url, f"create database {name}"))
    yield asyncio.run(_filled(services.database_url.replace("/identity?", f"/{name}?")))
    asyncio.run(_run(services.database_url, f"drop database {name} with (force)"))
