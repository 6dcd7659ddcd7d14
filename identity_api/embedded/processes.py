"""Several processes that live and stop as one: the API, the worker and the demo provider of one machine.

None of them is restarted: one that ends takes the others with it, so that a broken start is seen at once. Where parts
must come back by themselves, run each of them under the machine's own supervisor.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from identity_api.embedded import children

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONGEST_SLEEP_SECONDS = 5.0  # signals end the wait; this is for a platform that loses one


@dataclass(frozen=True, slots=True)
class Ended:
    """A process ended by itself. `status` is its exit status, negative for the signal that killed it."""

    name: str
    status: int

    def __str__(self) -> str:
        if self.status < 0:
            return f"{self.name} was killed by {signal.Signals(-self.status).name}"
        return f"{self.name} ended with exit status {self.status}"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A signal asked this process to stop."""

    number: signal.Signals

    def __str__(self) -> str:
        return f"stopped by {self.number.name}"


class ProcessGroup:
    """Named child processes. A context manager; leaving it stops them all. Main thread only: it handles signals.

        with ProcessGroup() as group:
            group.start("worker", [...], environment=os.environ)
            outcome = group.wait()

    On Linux the children are sent SIGTERM when this process dies, even if it is killed.

    Args:
        stop_seconds: how long all together may take after SIGTERM, before SIGKILL. A second Ctrl-C cuts it short.
    """

    def __init__(self, *, stop_seconds: float = 20.0) -> None:
        self._stop_seconds = stop_seconds
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._watched: dict[str, subprocess.Popen[bytes]] = {}
        self._signals: list[signal.Signals] = []
        self._previous: dict[signal.Signals, Any] = {}
        self._reader, self._writer = socket.socketpair()
        self._previous_wakeup = -1

    def __enter__(self) -> Self:
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._previous_wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            signal.set_wakeup_fd(self._previous_wakeup)
            for number, handler in self._previous.items():
                signal.signal(number, handler)
            self._reader.close()
            self._writer.close()

    def start(
        self, name: str, command: Sequence[str | Path], *, environment: Mapping[str, str], directory: Path | None = None
    ) -> int:
        """Start a process under `name`, with this process's output, and return its process id.

        A program that does not exist shows as a process that ends with status 1.
        """
        assert name not in self._started, "names are used once"
        process = children.spawn(
            command, environment=environment, death_signal=signal.SIGTERM, directory=directory or Path.cwd()
        )
        self._started[name] = process
        return process.pid

    def watch(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Let the end of a child that is started and stopped elsewhere (an embedded service) end `wait` too."""
        self._watched[name] = process

    def wait(self) -> Ended | Interrupted:
        """Block until one of the processes ends or a signal asks this one to stop (SIGINT, SIGTERM, SIGHUP)."""
        while True:
            happened = self.happened()
            if happened is not None:
                return happened
            self._sleep(_LONGEST_SLEEP_SECONDS)

    def happened(self, *, within_seconds: float = 0.0) -> Ended | Interrupted | None:
        """The result of `wait` now or within that time; None if nothing happened."""
        if within_seconds:
            self._sleep(within_seconds)
        if self._signals:
            return Interrupted(self._signals[0])
        for name, process in (self._started | self._watched).items():
            status = process.poll()
            if status is not None:
                return Ended(name, status)
        return None

    def stop(self) -> None:
        """SIGTERM to every process started here, SIGKILL to what remains. Safe to call twice."""
        asked = len(self._signals)
        deadline = time.monotonic() + self._stop_seconds
        for process in self._started.values():
            process.send_signal(signal.SIGTERM)
        while any(process.poll() is None for process in self._started.values()):
            remaining = deadline - time.monotonic()
            if remaining <= 0 or len(self._signals) > asked:
                break
            self._sleep(min(remaining, _LONGEST_SLEEP_SECONDS))
        for process in self._started.values():
            # Also where the process itself has ended: the processes that it started are still in its session, and must
            # end too.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._started.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(signal.Signals(number))

    def _sleep(self, seconds: float) -> None:
        """Until a signal arrives (a child's end is one), at most `seconds`. A signal before the call counts."""
        select.select([self._reader], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(512):
                pass
