"""Everything on one machine as one tree of processes, which starts and stops as one.

The process that runs this is the parent of all others: the embedded servers, the API, the worker, the demo provider. It
does no work of its own; it waits until one of them ends, or until it gets a signal to stop.
"""

import asyncio
import contextlib
import http.client
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from identity_api.cli.outcome import CONFIGURATION, INTERRUPTED, OK, PROBLEM, UNAVAILABLE
from identity_api.cli.running_services import Running, announced
from identity_api.config import Settings
from identity_api.db.migrate import migrate
from identity_api.embedded.processes import Ended, Interrupted, ProcessGroup
from identity_api.embedded.services import start_services
from identity_api.errors import Unavailable

READY_SECONDS = 60.0
_PAUSE_SECONDS = 0.05

Happened = Ended | Interrupted


@dataclass(frozen=True, slots=True)
class Tree:
    """The running services, and the group that further processes join."""

    group: ProcessGroup
    settings: Settings
    database_url: str
    redis_url: str

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a command of this program, with the services' URLs and the settings of this process."""
        ours = {
            "IDENTITY_DATABASE_URL": self.database_url,
            "IDENTITY_REDIS_URL": self.redis_url,
            "IDENTITY_DATA_DIR": str(self.settings.data_dir),
            "IDENTITY_HOST": self.settings.host,
            "IDENTITY_PORT": str(self.settings.port),
            # Nobody else is here to go to.
            "IDENTITY_DRAIN_SECONDS": "0",
        }
        # -P: a file in the working directory must not stand in for a module.
        command = [sys.executable, "-P", "-m", "identity_api", *arguments]
        self.group.start(name, command, environment={**os.environ, **ours, **(environment or {})})

    def wait_ready(self, urls: Mapping[str, str]) -> Happened | None:
        """Wait until each URL answers 200; returns the event that prevented it, if any.

        Args:
            urls: the name for the message, and the URL.

        Raises:
            Unavailable: one does not within a minute.
        """
        waited = 0.0
        missing = dict(urls)
        while missing:
            missing = {name: url for name, url in missing.items() if not _answers(url)}
            happened = self.group.happened(within_seconds=_PAUSE_SECONDS if missing else 0)
            if happened is not None:
                return happened
            waited += _PAUSE_SECONDS
            if waited > READY_SECONDS:
                raise Unavailable(f"{' and '.join(missing)} did not answer within {READY_SECONDS:.0f} seconds.")
        return None


@contextlib.contextmanager
def together(settings: Settings, *, outbound_allow: Sequence[str] = ()) -> Iterator[Tree]:
    """Start the services that are not configured, with the newest schema; stop everything at the end of the block.

    From here on SIGINT, SIGTERM and SIGHUP are noted and end the tree's waits.

    Raises:
        EmbeddedError: a service cannot be started; the message says what to do.
        Unavailable, ConfigurationError: as `migrate`.
    """
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(ProcessGroup())
        need_database, need_redis = settings.database_url is None, settings.redis_url is None
        services = start_services(settings.data_dir, need_database=need_database, need_redis=need_redis)
        stack.enter_context(services)
        for name, process in services.processes.items():
            group.watch(name, process)
        if need_database:
            running = Running(
                services.database_url,
                services.redis_url,
                tuple(outbound_allow),
                port=settings.port,
                public_url=settings.public_url,
            )
            stack.enter_context(announced(settings.data_dir, running))
        # Before the services: the processes that use them stop first.
        stack.callback(group.stop)
        database_url = services.database_url or (settings.database_url.reveal() if settings.database_url else "")
        redis_url = services.redis_url or (settings.redis_url.reveal() if settings.redis_url else "")
        asyncio.run(migrate(database_url))
        yield Tree(group, settings, database_url, redis_url)


def tell_end(happened: Happened) -> int:
    """Print why everything stops, unless a signal asked for it; returns the exit code."""
    if isinstance(happened, Interrupted):
        return INTERRUPTED if happened.number == signal.SIGINT else OK
    print(f"{happened}. Everything else is stopped.", file=sys.stderr)
    return happened.status if happened.status in (UNAVAILABLE, CONFIGURATION) else PROBLEM


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2.0)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
