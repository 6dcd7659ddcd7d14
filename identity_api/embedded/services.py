"""Both embedded services as one thing that starts and stops as one."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from identity_api.embedded.binaries import SHARED_ROOT, require_platform
from identity_api.embedded.cluster import unwritable
from identity_api.embedded.errors import AlreadyRunning
from identity_api.embedded.lock import FileLock
from identity_api.embedded.postgres import LOCK, Postgres
from identity_api.embedded.privileges import make_directories, server_user
from identity_api.embedded.valkey import Valkey


class Services:
    """The running services. A context manager that stops them on the way out."""

    def __init__(self, postgres: Postgres | None, valkey: Valkey | None) -> None:
        self._postgres = postgres
        self._valkey = valkey

    @property
    def database_url(self) -> str | None:
        """`postgresql://app@/identity?host=...`; None if no database was requested."""
        return self._postgres.url if self._postgres else None

    @property
    def redis_url(self) -> str | None:
        """`unix:///...`; None if no queue was requested."""
        return self._valkey.url if self._valkey else None

    @property
    def processes(self) -> dict[str, subprocess.Popen[bytes]]:
        """The servers' processes by name, for `ProcessGroup.watch`."""
        named = {"PostgreSQL": self._postgres, "Valkey": self._valkey}
        return {name: server.process for name, server in named.items() if server}

    def stop(self) -> None:
        """Stop both and remove their sockets. Safe to call twice."""
        try:
            if self._valkey:
                self._valkey.stop()
        finally:
            if self._postgres:
                self._postgres.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def prepare_data_directory(data_dir: Path) -> None:
    """Make the data directory for the servers: private, or as root also open for passing through.

    Call it before writing anything else there; `start_services` does it too.

    Raises:
        EmbeddedError: it cannot be made.
    """
    require_platform()
    try:
        make_directories(data_dir.absolute(), server_user())
    except OSError as error:
        raise unwritable(data_dir, error) from error


def require_unused(data_dir: Path) -> None:
    """Check that no live process uses the data directory, before anything is prepared for it.

    Raises:
        AlreadyRunning: one does.
    """
    if is_used(data_dir):
        raise AlreadyRunning(data_dir.absolute(), pid=FileLock(data_dir.absolute() / LOCK).owner())


def is_used(data_dir: Path) -> bool:
    """Whether a live process uses the data directory."""
    return FileLock(data_dir.absolute() / LOCK).is_held()


def start_services(
    data_dir: Path,
    *,
    need_database: bool = True,
    need_redis: bool = True,
    fast: bool = False,
    site: Path | None = None,
    shared_root: Path = SHARED_ROOT,
) -> Services:
    """Start the services that are needed, side by side, and return when they take connections.

    Blocks for about a second on the first start and a third of one later. Call it from a thread that lives as long
    as the services should, in practice the main one, before an event loop runs.

    Args:
        data_dir: made if missing; keeps the database between runs. One live process per directory.
        fast: for tests, see `Postgres`.
        site: the directory that holds the installed wheels; found if not given.
        shared_root: where root puts what `nobody` cannot reach elsewhere.

    Raises:
        EmbeddedError: one of them cannot be started. The message says what to do; nothing remains running.
    """
    postgres = Postgres(data_dir, fast=fast, site=site, shared_root=shared_root) if need_database else None
    valkey = Valkey(site=site, shared_root=shared_root) if need_redis else None
    services = Services(postgres, valkey)
    try:
        # Processes are started from this thread, not from helper threads: children die with the thread that made them.
        if valkey:
            valkey.begin()
        if postgres:
            postgres.start()
        if valkey:
            valkey.wait_ready()
    except BaseException:
        services.stop()
        raise
    return services
