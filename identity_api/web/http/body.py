"""Read a request's body within bounds of size and time."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from identity_api.web.http import headers
from identity_api.web.http.errors import HTTPRefusal

MAX_BODY_BYTES: Final = 16_384
MAX_GRAPHQL_BODY_BYTES: Final = 65_536
BODY_SECONDS: Final = 15.0


class BoundedBody:
    """An ASGI `receive` that refuses a body above `limit` bytes, or one that takes longer than `seconds` to arrive.

    `counted` is entered while a part of the body is waited for, and may refuse to wait.
    """

    def __init__(
        self,
        scope: Any,
        receive: Any,
        limit: int,
        *,
        seconds: float = BODY_SECONDS,
        counted: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._counted = counted
        self._receive, self._limit, self._seconds = receive, limit, seconds
        self._received = 0
        self._done = False
        self._until: float | None = None
        self._read: bytes | None = None
        announced = headers.first(scope, b"content-length")
        self._announced = int(announced) if announced is not None and announced.isdecimal() else 0

    async def __call__(self) -> Any:
        """The next event.

        Raises:
            HTTPRefusal: 413, before the first byte if the announced length is above the limit; 408; 400 for half a body.
        """
        if self._read is not None:
            body, self._read = self._read, None
            return {"type": "http.request", "body": body, "more_body": False}
        if self._done:
            return await self._receive()
        if max(self._announced, self._received) > self._limit:
            raise self._too_large()
        self._until = self._until or asyncio.get_running_loop().time() + self._seconds
        try:
            with self._counted():
                async with asyncio.timeout_at(self._until):
                    event = await self._receive()
        except TimeoutError:
            raise HTTPRefusal(408, "BODY_TOO_SLOW", "The body took too long to arrive.") from None
        if event["type"] == "http.request":
            self._received += len(event.get("body", b""))
            if 0 < self._announced == self._received and event.get("more_body", False):
                event = {**event, "more_body": False}  # only the server's end event is left to wait for
            self._done = not event.get("more_body", False)
        else:
            # The client went away, or (Granian says it like this) a chunk cannot be delimited.
            raise _incomplete()
        if self._received > self._limit:
            raise self._too_large()
        return event

    async def read(self) -> bytes:
        """The whole body. Raises as a call does."""
        chunks: list[bytes] = []
        while True:
            event = await self()
            chunks.append(event.get("body", b""))
            if not event.get("more_body", False):
                return b"".join(chunks)

    async def peek(self) -> bytes:
        """The whole body, which the next reader gets again. Raises as a call does."""
        self._read = await self.read()
        return self._read

    def _too_large(self) -> HTTPRefusal:
        return HTTPRefusal(413, "BODY_TOO_LARGE", f"A body has at most {self._limit} bytes here.")


def _incomplete() -> HTTPRefusal:
    # Nothing after a body that cannot be delimited may be taken for a request.
    return HTTPRefusal(400, "BODY_INCOMPLETE", "The body did not arrive completely.", headers={"Connection": "close"})
