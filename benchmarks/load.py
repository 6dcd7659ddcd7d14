"""A small HTTP/1.1 load generator: so many connections, each sending its next request when the answer is in.

Run as a process of its own, so that what it costs is not the server's. It shares its core with the database, so it does as
little as it can: it looks for the end of an answer, and into none of it.
"""

import asyncio
import sys
import time
from typing import Any

import msgspec


class Job(msgspec.Struct):
    """What to send: complete requests, taken in turn."""

    port: int
    connections: int
    seconds: float
    requests: list[bytes]


class Result(msgspec.Struct):
    """What came back: answers within the time, and how long each took in milliseconds."""

    answers: int
    seconds: float
    median_ms: float
    p99_ms: float
    failures: int


class _Connection(asyncio.Protocol):
    """One connection, which sends until the time is over."""

    def __init__(self, job: Job, place: int, until: float) -> None:
        self._job, self._place, self._until = job, place, until
        self._held, self._needed = b"", 0
        self.times: list[float] = []
        self.failures = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._begun = time.perf_counter()
        self._transport.write(self._job.requests[self._place % len(self._job.requests)])
        self._place += self._job.connections

    def data_received(self, data: bytes) -> None:
        self._held = self._held + data if self._held else data
        if not self._needed and not self._read_head():
            return
        if self._needed > 0 and len(self._held) < self._needed:
            return
        if self._needed < 0 and not self._held.endswith(b"0\r\n\r\n"):
            return
        now = time.perf_counter()
        self.times.append(now - self._begun)
        self._held, self._needed = b"", 0
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def _read_head(self) -> bool:
        head, mark, body = self._held.partition(b"\r\n\r\n")
        if not mark:
            return False
        lower = head.lower()
        if b"content-length:" in lower:
            length = int(lower.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            self._needed = len(head) + 4 + length
        else:
            self._needed = -1  # in chunks: the last one is empty
        if not head.startswith(b"HTTP/1.1 200") or body.startswith(b'{"errors"'):
            self.failures += 1
        return True

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None or self._held:
            self.failures += 1
        self.over.set_result(None)


async def run(job: Job) -> Result:
    """Drive the server for the job's time."""
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    until = begun + job.seconds
    made = [
        await loop.create_connection(lambda place=place: _Connection(job, place, until), "127.0.0.1", job.port)
        for place in range(job.connections)
    ]
    connections = [protocol for _, protocol in made]
    await asyncio.gather(*[one.over for one in connections])
    spent = time.perf_counter() - begun
    times = sorted([seconds for one in connections for seconds in one.times])
    failures = sum([one.failures for one in connections])
    return Result(len(times), spent, 1_000 * times[len(times) // 2], 1_000 * times[int(len(times) * 0.99)], failures)


if __name__ == "__main__":
    import uvloop

    sys.stdout.buffer.write(
        msgspec.json.encode(uvloop.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Job))))
    )
