"""Starting and stopping child processes that must not outlive us.

On Linux the kernel signals a child when the thread that started it ends, even if we are killed. So children are started
from a thread that lives as long as they should: in practice the main one. On macOS there is no such signal; what a
killed process leaves running there is found by the next start (see `orphans.stop_orphan`).
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from identity_api.embedded.privileges import ServerUser

_CHILD = str(Path(__file__).with_name("_child.py"))

_LOADER = ("LD_LIBRARY_PATH",)

SERVER_ENVIRONMENT: Mapping[str, str] = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""Servers do not inherit the environment: it holds secrets, and PG* variables would change their behaviour."""


def spawn(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    death_signal: signal.Signals,
    user: ServerUser | None = None,
    directory: Path | str = "/",
    output: IO[bytes] | int | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, as `user`, to be sent `death_signal` when this process dies.

    Its own session keeps a Ctrl-C at the terminal from reaching it: this process decides the order of stopping.
    `output` receives standard output and standard error; None passes them through.
    """
    # Some Pythons find their own library only through this variable; the program must not inherit it for that.
    loader = {name: os.environ[name] for name in _LOADER if name in os.environ and name not in environment}
    who = (-1, -1) if user is None else (user.uid, user.gid)
    prefix = [
        sys.executable,
        "-I",
        "-S",
        _CHILD,
        str(int(death_signal)),
        str(os.getpid()),
        *map(str, who),
        ",".join(loader),
    ]
    return subprocess.Popen(  # noqa: S603 -- commands come from our own code, never from a request
        [*prefix, *map(str, command)],
        env={**environment, **loader},
        cwd=directory,
        stdin=stdin,
        stdout=output,
        stderr=output if output is None else subprocess.STDOUT,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> int:
    """Send each signal and wait its seconds, until the child has ended; then SIGKILL to its whole session.

    Returns its exit status, negative for a signal. Does nothing to a child that has ended already.
    """
    for number, seconds in steps:
        if process.poll() is not None:
            break
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def reason(output: bytes) -> str:
    """The line of a server's output that says why it ended: its last error, otherwise its last line."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if any(word in line for word in ("FATAL:", "PANIC:", "ERROR:", "error:"))]
    said = (complaints or lines or [""])[-1]
    short = said.rpartition("FATAL:")[2].rpartition("PANIC:")[2].strip().rstrip(".")[:300]
    return short or "there was no output"
