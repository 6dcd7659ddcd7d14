"""SIGTERM for the API's supervisor: its processes drain first, and are ended after that."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from identity_api.web.http.draining import NUMBER

Interrupt = Callable[..., None]


def drain_first(interrupt: Interrupt, seconds: int) -> Interrupt:
    """A handler of signals that does `interrupt` so many seconds after SIGTERM, and at once for any other or a second one.

    Ignores the signal for draining in this process, and so in each process that it starts until that one listens.
    """
    signal.signal(NUMBER, signal.SIG_IGN)
    is_draining = False

    def handle(number: int | None = None, _frame: FrameType | None = None, *_: Any) -> None:
        nonlocal is_draining
        if number != signal.SIGTERM or is_draining or not seconds:
            interrupt()
            return
        is_draining = True
        for process in multiprocessing.active_children():
            with suppress(ProcessLookupError):
                os.kill(process.pid or 0, NUMBER)
        signal.signal(signal.SIGALRM, lambda *_: interrupt())
        signal.alarm(seconds)

    return handle
