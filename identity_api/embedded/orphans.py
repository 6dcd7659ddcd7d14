"""Stop a database server that outlived the process which started it, and remove its files.

On Linux the kernel stops it with its parent, which may take a moment; elsewhere it runs until this module finds it.
"""

import contextlib
import os
import platform
import signal
import subprocess
import time
from pathlib import Path

from identity_api.embedded.errors import ServiceFailed

_LINUX = platform.system() == "Linux"


def stop_orphan(home: Path) -> None:
    """Stop a server that a killed predecessor left running on `home`, and remove a stale process id.

    The caller holds the lock, so no live process uses that server. Its process id is believed only if that process
    works in `home`: after a reboot or in a new container the number belongs to somebody else.

    Raises:
        ServiceFailed: it does not stop.
    """
    pid_file = home / "postmaster.pid"
    try:
        pid = read_pid(pid_file.read_bytes())
    except OSError:
        return
    if pid is None:
        pid_file.unlink(missing_ok=True)  # cut short by a full disk or a power failure; no live server has such a one
        return
    if not _is_server_of(pid, home):
        if _is_alive(pid):  # PostgreSQL would take that other process for a live server and refuse to start
            pid_file.unlink(missing_ok=True)
        return
    for number, seconds in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _wait_gone(pid, seconds):
            return
    raise ServiceFailed(f"A PostgreSQL from an earlier run (process {pid}) does not stop. End it, and start again.")


def read_pid(content: bytes) -> int | None:
    """The process id in the first line of a postmaster.pid; None where there is none."""
    first = content.partition(b"\n")[0].strip()
    pid = int(first) if first.isdigit() and len(first) <= 10 else 0
    return pid if 1 < pid < 2**31 else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_server_of(pid: int, home: Path) -> bool:
    """Whether the process is a server whose working directory is `home`."""
    if _LINUX:
        try:
            return os.path.samefile(f"/proc/{pid}/cwd", home)
        except OSError:
            return False
    shown = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603 -- a number is the only variable part
    return "postgres" in shown.stdout and str(home) in shown.stdout


def _wait_gone(pid: int, seconds: float) -> bool:
    """Wait for a process that is not our child."""
    deadline = time.monotonic() + seconds
    while _is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _is_running(pid: int) -> bool:
    """Alive, and not merely waiting for its parent to notice its end (a zombie, which holds nothing)."""
    if _LINUX:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False
    return _is_alive(pid)
