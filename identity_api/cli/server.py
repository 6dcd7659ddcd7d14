"""The API's process: checks before it listens, then Granian and its workers on `identity_api.app:create_app`."""

import asyncio
import gc
import multiprocessing
import os
import resource
import signal
import threading
import time
from typing import Any

from identity_api.cli.context import open_database
from identity_api.cli.draining import drain_first
from identity_api.cli.first_run import tell
from identity_api.cli.ports import numeric_address, require_free
from identity_api.config import Settings
from identity_api.db.database import Connection, Database
from identity_api.db.migrate import check_schema
from identity_api.errors import ConfigurationError, Unavailable
from identity_api.maintenance import key_rotation
from identity_api.setup.first_run import offer
from identity_api.telemetry import configure_logging, get_logger
from identity_api.vault import Vault
from identity_api.web.http.draining import listen_for_draining

RING_SECONDS = 4.0
"""How long a start may read sealed values to find their keys; `doctor` has no such limit."""

STOP_SECONDS = 15

CONNECTIONS = 8_192
"""Concurrent connections of each API process."""
OTHER_FILES = 512
"""Other open files: of the database, Redis, providers and logs."""
HEAD_SECONDS = 10
"""How long a request's head may take, and an idle connection may wait for its next request."""

ORPHAN_SECONDS = 0.5
"""How often a worker checks whether its supervisor lives."""

ORPHAN_STOP_SECONDS = 5
"""How long a worker without a supervisor may take to finish its requests."""

_log = get_logger(__name__)


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    Raises:
        ConfigurationError: the port is taken, the schema is not this version's, or the ring lacks a key that is in use.
    """
    if settings.database_url is None or settings.redis_url is None:
        return _serve_together(settings)
    configure_logging(settings.log_format, settings.log_level)
    require_free(settings.host, settings.port, "the API", "End what listens there, or set IDENTITY_PORT.")
    asyncio.run(check_installation(settings, settings.database_url.reveal()))
    return _run_granian(settings)


async def check_installation(settings: Settings, database_url: str) -> None:
    """Refuse an installation that this version cannot serve. A database that does not answer yet is not a reason.

    Raises:
        ConfigurationError: the schema is not this version's, or the ring lacks a key that sealed values name.
    """
    database = Database(database_url, pool_size=2, pooling=settings.database_pooling)
    try:
        await open_database(database)
    except Unavailable as error:
        _log.warning("serve.database_unavailable", reason=error.message)
        return
    try:
        async with database.reading() as connection:
            await check_schema(connection)
            await _check_ring(connection, settings)
        tell(await offer(database, settings.public_url), as_json=settings.log_format == "json")
    except Unavailable:  # a scan that took too long, or a database that stopped answering meanwhile
        _log.warning("serve.keys_not_checked", hint="identity-api doctor")
    finally:
        await database.close()


async def _check_ring(connection: Connection, settings: Settings) -> None:
    found = await key_rotation.references(connection, Vault(settings.secret_keys), seconds=RING_SECONDS)
    missing = sorted(key_id for key_id in found if key_id is not None and settings.secret_keys.get(key_id) is None)
    if missing:
        raise ConfigurationError(
            [
                f"The key ring has no key {key_id}, which {found[key_id].total()} sealed value(s) need. Put it back behind "
                "the current key; `identity-api keys rotate` then frees it."
                for key_id in missing
            ]
        )


def _places() -> int:
    """How many connections a worker may hold, after raising this process's limit of open files as far as that needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(64, min(CONNECTIONS, soft - OTHER_FILES))


def _run_granian(settings: Settings) -> int:
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server import Server

    server = Server(
        "identity_api.cli.server:worker_application",
        factory=True,
        address=numeric_address(settings.host),
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        http=HTTPModes.http1,
        websockets=False,
        # A connection counts from its first byte on. With the defaults (1,024 places, 30 s to send a request's
        # head) one client with as many half-open requests blocks all others.
        backpressure=_places(),
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_SECONDS * 1_000),
        log_enabled=False,
        workers_kill_timeout=STOP_SECONDS,
        # The end of the only worker must end the process; with several, a crash should not end the others.
        respawn_failed_workers=settings.workers > 1,
    )
    # Granian has no other place for what is to be done before its processes are ended.
    vars(server)["signal_handler_interrupt"] = drain_first(server.signal_handler_interrupt, settings.drain_seconds)
    try:
        server.serve()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def worker_application() -> Any:
    """The application, in a worker that ends when its supervisor is killed: nothing else would stop it, and it holds
    the port."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        # Until Granian sets its own, a forked worker has the supervisor's handlers, which record a signal and continue.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        threading.Thread(target=_end_with, args=[supervisor.pid], daemon=True).start()
    listen_for_draining()
    # Modules and the schema stay: looking for garbage among them takes a tenth of the start. `keep_what_is_loaded` resumes it.
    gc.disable()
    from identity_api.app import create_app  # takes a second, which other commands avoid

    return create_app()


def _end_with(supervisor: int | None) -> None:
    """Wait for the supervisor's end, and then end this worker: in order if it can, and in any case.

    Not prctl(2), PR_SET_PDEATHSIG: while the worker starts, its one signal falls between two runs of the event loop and is
    lost, or comes before Granian listens to it, and Granian then waits for another that has no effect.
    """
    while os.getppid() == supervisor:
        time.sleep(ORPHAN_SECONDS)
    signal.alarm(ORPHAN_STOP_SECONDS)  # not handled: the kernel ends a process that the other signals did not end
    while True:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHAN_SECONDS)


def _serve_together(settings: Settings) -> int:
    """The embedded services, the API and one worker."""
    from identity_api.cli.process_tree import tell_end, together

    require_free(settings.host, settings.port, "the API", "End what listens there, or set IDENTITY_PORT.")
    with together(settings) as tree:
        tree.start("API", ["serve"])
        tree.start("worker", ["worker"])
        happened = tree.wait_ready(
            {"The API": f"http://{_bracketed(numeric_address(settings.host))}:{settings.port}/health/ready"}
        )
        if happened is None:
            print(f"Ready at {settings.public_url}", flush=True)
            happened = tree.group.wait()
        return tell_end(happened)


def _bracketed(address: str) -> str:
    if address in ("0.0.0.0", "::"):  # noqa: S104  # where to ask, not where to listen
        return "127.0.0.1" if address == "0.0.0.0" else "[::1]"  # noqa: S104 -- as above
    return f"[{address}]" if ":" in address else address
