"""Name resolution in its own threads.

The system's `getaddrinfo` blocks and cannot be cancelled. In the loop's shared threads a hanging lookup would outlive
the deadline and starve everything else that uses them.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Numeric addresses of a host, in the order to try them. Raises OSError where there are none."""


class SystemResolver:
    """`getaddrinfo` in a small pool of threads; callers asking for the same host share one lookup."""

    def __init__(self, threads: int = 8) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")
        self._running: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Addresses of `host`. Raises OSError (`socket.gaierror`) if it has none or cannot be a host name."""
        key = (host, port)
        lookup = self._running.get(key)
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = self._running[key] = loop.run_in_executor(self._threads, _lookup, host, port)
            lookup.add_done_callback(lambda done: self._finished(key, done))
        # A slow name uses one thread, however many callers wait for it; a cancelled caller does not end the lookup.
        return await asyncio.shield(lookup)

    def _finished(self, key: tuple[str, int], lookup: asyncio.Future[list[str]]) -> None:
        self._running.pop(key, None)
        if not lookup.cancelled():
            lookup.exception()  # retrieved, so that the loop does not report it when no waiter is left

    def close(self) -> None:
        """Accept no more lookups. A running one ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _lookup(host: str, port: int) -> list[str]:
    try:
        return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:  # a label that is empty or longer than 63 characters
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
