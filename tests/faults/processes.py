"""`identity-api worker` and `identity-api serve` as processes that a test kills, stops and continues."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cli.forked import FORKS, SCRIPT, become
from tests.faults.waiting import PATIENCE_SECONDS, until
from tests.flows.product import descendants, is_alive


class Worker:
    """A running `identity-api worker`."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *, output: Path | None = None) -> None:
        """`output` is where it writes its log, if not into a file of `folder`."""
        self._output = output or folder / "worker.log"
        self._process = FORKS.Process(
            target=become,
            args=(["worker"], dict(environment), folder, Path(os.devnull), self._output, self._output),
            daemon=True,
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def said(self) -> str:
        """What it has logged so far, and what workers before it have in the same folder."""
        return self._output.read_text("utf-8", "replace") if self._output.is_file() else ""

    @property
    def is_running(self) -> bool:
        return self._process.is_alive()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> None:
        """SIGSTOP: it stands still, its connections stay open."""
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    async def kill(self) -> None:
        """`kill -9`; returns when it is gone."""
        self._process.kill()
        await self.ended()

    async def terminate(self) -> int:
        """SIGTERM; its exit code once it has ended."""
        self._process.terminate()
        return await self.ended()

    async def ended(self, within: float = PATIENCE_SECONDS) -> int:
        """Wait for its end; the exit code, negative for a signal."""
        await asyncio.to_thread(self._process.join, within)
        assert self._process.exitcode is not None, "it did not end"
        return self._process.exitcode

    async def started(self) -> None:
        """Wait until it says that it works."""
        await until(lambda: self._is_working())

    def _is_working(self) -> bool:
        assert self.is_running, self.said
        return "worker.started" in self.said

    def memory_kib(self, name: str = "VmRSS") -> int:
        """A figure of /proc/PID/status."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

    def discard(self) -> None:
        """Kill it, whatever state it is in."""
        self._process.kill()
        self._process.join(10)


class Program:
    """A command of the console script in a session of its own: the API, or a worker under another clock."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], *arguments: str, output: Path | None = None
    ) -> None:
        self._output = output or folder / f"{arguments[0]}.log"
        with self._output.open("ab") as log:
            self.process = subprocess.Popen(
                [SCRIPT, *arguments], stdout=log, stderr=log, env=dict(environment), cwd=folder, start_new_session=True
            )
        self._members: list[int] = []

    @property
    def said(self) -> str:
        return self._output.read_text("utf-8", "replace") if self._output.is_file() else ""

    def signal_all(self, number: signal.Signals) -> None:
        """To the process and everything it started."""
        for pid in {self.process.pid, *descendants(self.process.pid)}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def kill(self) -> None:
        """`kill -9` of the process and everything it started; returns when all are gone."""
        members = descendants(self.process.pid)
        self.signal_all(signal.SIGKILL)
        await asyncio.to_thread(self.process.wait, PATIENCE_SECONDS)
        await until(lambda: not any(is_alive(pid) for pid in members))

    async def terminate(self) -> int:
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, PATIENCE_SECONDS)

    async def says(self, text: str) -> None:
        """Wait until its log has this text."""
        await until(lambda: self._has_said(text))

    def _has_said(self, text: str) -> bool:
        assert self.process.poll() is None, self.said
        return text in self.said

    def discard(self) -> None:
        """Kill it and everything it started, whatever state they are in."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


class API(Program):
    """A running `identity-api serve`, with a port of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str], port: int, **options: Any) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder, {**environment, "IDENTITY_PORT": str(port)}, "serve", **options)
        self.port = port

    async def ready(self, *, status: int = 200, within: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The answer of /health/ready as soon as it has this status."""
        return await until(lambda: asyncio.to_thread(self._ready, status), within=within)

    def _ready(self, status: int) -> dict[str, Any] | None:
        assert self.process.poll() is None, self.said
        with contextlib.suppress(OSError):
            code, body = ask(self.port, "GET", "/health/ready")
            if code == status:
                return {"status": code, **json.loads(body)}
        return None

    def ask(self, method: str, path: str, *, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Status and body of an answer."""
        return ask(self.port, method, path, body=body, **headers)


def ask(
    port: int, method: str, path: str, *, body: bytes | None = None, source: str = "127.0.0.1", **headers: str
) -> tuple[int, bytes]:
    """One request on a connection of its own, from an address of this machine.

    Raises:
        OSError, HTTPException: there is no answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
