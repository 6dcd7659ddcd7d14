"""The context of a command: settings, an open database, the vault, and the operator's name."""

import asyncio
import contextlib
import os
import pwd
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from identity_api.cli.running_services import find_running
from identity_api.config import Settings, load_settings
from identity_api.db.database import Database
from identity_api.db.migrate import check_schema
from identity_api.embedded.services import is_used
from identity_api.errors import ConfigurationError, NotFound, Unavailable
from identity_api.permissions.delegation import Actor

T = TypeVar("T")
CONNECT_SECONDS = 10.0


def read_settings(
    *,
    keys_required: bool = True,
    demo: bool = False,
    overrides: Mapping[str, str] | None = None,
    is_server: bool = False,
) -> Settings:
    """The settings of this process.

    Args:
        overrides: variables that a command's own options set.
        is_server: this process uses the data directory exclusively. Any other one takes port and public URL from the
            process that uses it, unless the environment sets them.

    Raises:
        ConfigurationError: with every problem.
    """
    environ = {**os.environ, **(overrides or {})}
    settings = load_settings(environ, demo=demo, keys_required=keys_required)
    is_told = "IDENTITY_PORT" in environ or "IDENTITY_PUBLIC_URL" in environ
    return settings if demo or is_server or is_told else _as_running(settings)


def _as_running(settings: Settings) -> Settings:
    """With port and public URL of the process that uses the data directory now, if there is one."""
    running = find_running(settings.data_dir) if settings.database_url is None else None
    if running is None or running.port is None or running.public_url is None or not is_used(settings.data_dir):
        return settings
    return replace(settings, port=running.port, public_url=running.public_url)


def operator_name() -> str:
    """The operator's name in the audit: that of the process's user, which no variable can change."""
    try:
        return f"operator:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"operator:{os.getuid()}"


def operator(tenant_id: UUID) -> Actor:
    """The operator as an actor within a tenant."""
    return Actor(tenant_id, None, operator_name(), frozenset())


def run_on_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    """Open the database, check that its schema is this version's, and do the work.

    Raises:
        Unavailable: it does not answer.
        ConfigurationError: there is no database yet, or its schema is not this version's.
    """
    quiet_logs()
    with database_url(settings) as url:
        return asyncio.run(_work(settings, url, work))


def quiet_logs() -> None:
    """Use cases log for services; at a terminal only errors are shown, and never on standard output."""
    from identity_api.telemetry import configure_logging

    configure_logging("text", "warning")


@contextlib.contextmanager
def database_url(settings: Settings, *, make: bool = False) -> Iterator[str]:
    """The configured database's URL, or that of the embedded one, which may be running or is started for this block.

    Args:
        make: make an embedded database that does not exist yet.
    """
    if settings.database_url is not None:
        yield settings.database_url.reveal()
        return
    from identity_api.embedded.errors import AlreadyRunning
    from identity_api.embedded.services import start_services

    if not make and not os.path.lexists(settings.data_dir / "postgres"):
        raise ConfigurationError(
            [
                f"There is no database in {settings.data_dir} yet. Run `identity-api dev`; or set IDENTITY_DATA_DIR to the "
                "folder that it runs with, or IDENTITY_DATABASE_URL to a database of your own."
            ]
        )
    services = None
    try:
        services = start_services(settings.data_dir, need_redis=False)
        found = services.database_url
    except AlreadyRunning:
        running = find_running(settings.data_dir)
        found = running.database_url if running else None
        if found is None:
            raise
    assert found is not None
    try:
        yield found
    finally:
        if services is not None:
            services.stop()


async def _work(settings: Settings, url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    database = Database(url, pool_size=4, limits=settings.tenant_limits, pooling=settings.database_pooling)
    await open_database(database)
    try:
        async with database.reading() as connection:
            await check_schema(connection)
        return await work(database)
    finally:
        await database.close()


async def open_database(database: Database) -> None:
    """Open the pool, or raise within ten seconds.

    Raises:
        Unavailable: no answer.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await database.open()
    except TimeoutError:
        raise Unavailable("The database does not answer.", code="DATABASE_UNAVAILABLE") from None


async def tenant_named(database: Database, slug: str) -> UUID:
    """The id of the tenant of that slug.

    Raises:
        NotFound: there is none.
    """
    from identity_api.db import tenants

    async with database.reading() as connection:
        found = await tenants.by_slug(connection, slug)
    if found is None:
        raise no_tenant(slug)
    return found.id


def no_tenant(slug: str) -> NotFound:
    """What a command says of a slug that no tenant has."""
    return NotFound(f"There is no tenant {slug}. `identity-api tenant list` shows those there are.")
