"""A database of its own, with one large tenant among many small ones.

`FULL=1` makes it 200,000 people among 2,000 tenants of 20. `TEST_POSTGRES_URL` names another server than the embedded one
(a superuser's URL, its database `postgres`), for another version of PostgreSQL.
"""

import asyncio
import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from identity_api.db.migrate import migrate
from identity_api.embedded.services import Services
from tests.db.skewed import Skewed, fill

PEOPLE = 1_000
OTHERS = 9_000
CROWD = (
    {"people": 200_000, "others": 2_000, "each": 20}
    if os.environ.get("FULL")
    else {"people": 5_000, "others": 1_000, "each": 1}
)


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, timeout=600)
    finally:
        await connection.close()


async def _filled(url: str, *, whole: bool = False, **sizes: int) -> Skewed:
    await migrate(url)
    return await fill(url, whole=whole, **sizes)


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    """Where the databases are made."""
    named = os.environ.get("TEST_POSTGRES_URL")
    if named is not None:
        return named
    services: Services = request.getfixturevalue("services")
    assert services.database_url is not None
    return services.database_url


@pytest.fixture(scope="session")
def skewed(server_url: str) -> Iterator[Skewed]:
    """A large tenant among many of one person; analysed. Whoever changes it takes the change back."""
    name = f"skewed_{uuid4().hex}"
    asyncio.run(_run(server_url, f"create database {name}"))
    made = asyncio.run(_filled(_of_database(server_url, name), people=PEOPLE, others=OTHERS))
    asyncio.run(_run(made.url, "vacuum analyze"))
    yield made
    asyncio.run(_run(server_url, f"drop database {name} with (force)"))


@pytest.fixture(scope="session")
def stale_crowd(server_url: str) -> Iterator[Skewed]:
    """A larger tenant with all that tenants have, and statistics that know nothing of it."""
    name = f"stale_{uuid4().hex}"
    asyncio.run(_run(server_url, f"create database {name}"))
    yield asyncio.run(_filled(_of_database(server_url, name), whole=True, **CROWD))
    asyncio.run(_run(server_url, f"drop database {name} with (force)"))


@pytest.fixture(scope="session")
def crowd(server_url: str, stale_crowd: Skewed) -> Iterator[Skewed]:
    """The same, analysed."""
    name = f"crowd_{uuid4().hex}"
    template = urlsplit(stale_crowd.url).path.removeprefix("/")
    asyncio.run(_run(server_url, f"create database {name} template {template}"))
    made = msgspec.structs.replace(stale_crowd, url=_of_database(server_url, name))
    asyncio.run(_run(made.url, "vacuum analyze"))
    yield made
    asyncio.run(_run(server_url, f"drop database {name} with (force)"))


def _of_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
