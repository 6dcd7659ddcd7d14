"""Ends streams when the process is told to stop: the server waits for open answers before it closes the application."""

import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from types import FrameType
from typing import Final

from identity_api.streams.hub import ChangeHub

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""SIGUSR1 comes some seconds before the end (`web.http.draining`)."""


@contextlib.asynccontextmanager
async def ending_streams(hub: ChangeHub) -> AsyncIterator[None]:
    """Inside the block a signal to stop ends the hub's streams, and then does what it did before; so does leaving it."""
    with _on_signal(hub):
        yield
    await hub.close()


@contextlib.contextmanager
def _on_signal(hub: ChangeHub) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def stop(number: int, frame: FrameType | None) -> None:
        hub.end_streams()
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        else:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for number in _SIGNALS:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
