"""Work that a job begins and that continues when the job is cancelled.

A job is cancelled when it takes too long and when Redis fails. If a refresh token has been sent, the answer must still be
read and stored.
"""

import asyncio
from collections.abc import Awaitable, Callable

MAX_RUNNING = 20
"""As many as there may be concurrent jobs."""


class Detached:
    """The detached work of this process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Future[object]] = set()

    async def run(self, body: Callable[[], Awaitable[object]]) -> bool:
        """Wait for the body's end; cancelling the wait leaves the body running.

        Returns:
            False if the limit is reached; then the work has not begun.
        """
        if len(self._tasks) >= MAX_RUNNING:
            return False
        task = asyncio.ensure_future(body())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)
        return True

    async def finish(self) -> None:
        """Wait for all of them; cancelling this cancels them."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
