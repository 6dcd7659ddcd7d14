"""Requests of the small tenant at an even pace, until standard input ends; then how long they took, as JSON.

A process of its own. The pace does not depend on the answers, so that waiting is seen.
"""

import asyncio
import sys
import time

import msgspec


class Job(msgspec.Struct):
    """What to send, to whom, and how many a second."""

    port: int
    requests: list[bytes]
    rate: float


class Waited(msgspec.Struct):
    """Milliseconds from when a request was due to its answer."""

    requests: int
    median_ms: float
    p99_ms: float
    failures: int


async def _ask(job: Job, place: int, times: list[float], failures: list[int]) -> None:
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", job.port)
    try:
        writer.write(job.requests[place % len(job.requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        failures[0] += not head.startswith(b"HTTP/1.1 200") or b'"errors"' in body[:10]
    finally:
        writer.close()
    times.append(1_000 * (time.perf_counter() - begun))


async def run(job: Job) -> Waited:
    """Send until standard input ends."""
    times: list[float] = []
    failures = [0]
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    under_way: set[asyncio.Task[None]] = set()
    place, due = 0, time.perf_counter()
    while not ended.done():
        task = asyncio.create_task(_ask(job, place, times, failures))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        place, due = place + 1, due + 1 / job.rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    await asyncio.gather(*under_way, return_exceptions=True)
    times.sort()
    return Waited(len(times), times[len(times) // 2], times[int(len(times) * 0.99)], failures[0])


if __name__ == "__main__":
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run(job))))
