"""Repeat a body for as long as the process runs. Due work is in the database, so a missed tick loses nothing."""

import asyncio
from collections.abc import Awaitable, Callable

from identity_api.clock import jitter
from identity_api.errors import Unavailable
from identity_api.telemetry import METRICS, get_logger, span

MAX_BACKOFF_SECONDS = 5.0

_log = get_logger(__name__)


class Ticker:
    """Runs `body` again and again, `seconds` after it ended, sooner when woken, later while it fails."""

    def __init__(self, name: str, seconds: float, body: Callable[[], Awaitable[object]]) -> None:
        self.name = name
        self._seconds = seconds
        self._body = body
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Run the body now, or once more if it is running."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; a running body is finished. No error of a body ends this."""
        failures = 0
        while not stop.is_set():
            self._woken.clear()
            failures = 0 if await self._run_body() else failures + 1
            if not stop.is_set():
                await self._pause(stop, failures)

    async def _run_body(self) -> bool:
        try:
            with span("job", job=self.name):
                await self._body()
        except Unavailable as error:
            METRICS.count_job(self.name, "FAILED")
            _log.warning("job.unavailable", job=self.name, error_code=error.code)
            return False
        except Exception:
            METRICS.count_job(self.name, "FAILED")
            _log.exception("job.failed", job=self.name)
            return False
        METRICS.count_job(self.name, "OK")
        return True

    async def _pause(self, stop: asyncio.Event, failures: int) -> None:
        seconds = self._seconds
        if failures:
            seconds = max(seconds, min(MAX_BACKOFF_SECONDS, 0.25 * 2 ** min(failures, 16)))
        # Jitter, so that workers that started together do not stay in step.
        seconds *= jitter(0.8, 1.2)
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._woken)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
