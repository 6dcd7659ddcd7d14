"""The command line, as a process of its own, on real services and a database of its own."""

import asyncio
import base64
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from identity_api.db.database import Connection, Database
from identity_api.embedded.services import Services
from tests.cli import forked
from tests.cli.forked import SCRIPT


def new_key(name: str) -> str:
    """A ring of one key, as IDENTITY_SECRET_KEYS has it."""
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without any setting of ours, plus these. The shell finds `identity-api`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IDENTITY_")}
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return kept | {"PATH": path, "IDENTITY_DRAIN_SECONDS": "0"} | variables


class Command:
    """Runs `identity-api` with an environment; `env` can be changed by a test."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.env = {"IDENTITY_DATA_DIR": str(folder / "data"), **env}

    def __call__(self, *arguments: object, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[str]:
        """Run to the end. Variables given here count for this run only; an empty one is left out."""
        return forked.run([*map(str, arguments)], stdin=stdin, env=self._environment(env), cwd=self.folder, timeout=60)

    def start(self, *arguments: object, **env: str) -> subprocess.Popen[bytes]:
        """Start, with its output in `out.txt` and `err.txt` of the folder."""
        with (self.folder / "out.txt").open("wb") as out, (self.folder / "err.txt").open("wb") as err:
            return subprocess.Popen(
                [SCRIPT, *map(str, arguments)], stdout=out, stderr=err, env=self._environment(env), cwd=self.folder
            )

    @property
    def said(self) -> str:
        """What a started one has said so far, on both streams."""
        return "".join((self.folder / name).read_text("utf-8") for name in ("out.txt", "err.txt"))

    def _environment(self, env: dict[str, str]) -> dict[str, str]:
        return clean_environment(**{name: value for name, value in (self.env | env).items() if value})


def ask(url: str, statement: str, *values: Any) -> list[Any]:
    """Run one statement on a connection of its own."""

    async def work() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(work())


def _named(services: Services, name: str) -> str:
    assert services.database_url is not None
    return services.database_url.replace("/identity?", f"/{name}?")


@pytest.fixture(scope="session")
def template(services: Services, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated database to copy."""
    name = f"template_{uuid4().hex}"
    assert services.database_url is not None
    ask(services.database_url, f"create database {name}")
    run = Command(tmp_path_factory.mktemp("template"), IDENTITY_DATABASE_URL=_named(services, name))
    done = run("migrate")
    assert done.returncode == 0, done.stderr
    assert "+ migration" in done.stdout
    return name


@pytest.fixture
def empty_url(services: Services) -> Iterator[str]:
    """A database without anything in it."""
    with new_database(services, "") as made:
        yield made


@pytest.fixture
def url(services: Services, template: str) -> Iterator[str]:
    """A migrated database without any row."""
    with new_database(services, f"template {template}") as made:
        yield made


@contextmanager
def new_database(services: Services, how: str) -> Iterator[str]:
    """The URL of a database made so, which is dropped at the end."""
    assert services.database_url is not None
    name = f"cli_{uuid4().hex}"
    ask(services.database_url, f"create database {name} {how}")
    yield _named(services, name)
    ask(services.database_url, f"drop database {name} with (force)")


@pytest.fixture
def command(tmp_path: Path, url: str, redis_url: str) -> Command:
    return installation(tmp_path, url, redis_url)


def installation(folder: Path, url: str, redis_url: str) -> Command:
    """The command line on a migrated database, with a key ring of its own."""
    return Command(
        folder,
        IDENTITY_DATABASE_URL=url,
        IDENTITY_REDIS_URL=redis_url,
        IDENTITY_SECRET_KEYS=new_key("k1"),
        IDENTITY_PUBLIC_URL="https://id.example.com",
        IDENTITY_TRUSTED_PROXIES="10.0.0.0/8",
    )


@pytest.fixture
def offline(tmp_path: Path) -> Command:
    """The command line without any service."""
    return Command(tmp_path)


def on_database(url: str, work: Callable[[Connection], Awaitable[Any]]) -> Any:
    """Run against the database as the product does."""

    async def run() -> Any:
        database = Database(url, pool_size=2)
        await database.open()
        try:
            async with database.transaction() as connection:
                return await work(connection)
        finally:
            await database.close()

    return asyncio.run(run())
