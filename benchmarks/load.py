"""A small HTTP/1.1 load generator: so many connections, each sending its next request when the answer is in.

Run as a process of its own, so that what it costs is not the server's.
"""

import asyncio
import sys
import time

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


async def _drive(job: Job, place: int, until: float, times: list[float], failures: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", job.port)
    while time.perf_counter() < until:
        begun = time.perf_counter()
        writer.write(job.requests[place % len(job.requests)])
        place += job.connections
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200") or body.startswith(b'{"errors"'):
            failures[0] += 1
        times.append(time.perf_counter() - begun)
    writer.close()


async def run(job: Job) -> Result:
    """Drive the server for the job's time."""
    times: list[float] = []
    failures = [0]
    begun = time.perf_counter()
    until = begun + job.seconds
    await asyncio.gather(*[_drive(job, place, until, times, failures) for place in range(job.connections)])
    spent = time.perf_counter() - begun
    times.sort()
    return Result(len(times), spent, 1_000 * times[len(times) // 2], 1_000 * times[int(len(times) * 0.99)], failures[0])


if __name__ == "__main__":
    import uvloop

    sys.stdout.buffer.write(
        msgspec.json.encode(uvloop.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Job))))
    )
