"""Memory, open files and database connections of a soak's processes over time."""

import asyncio
import contextlib
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.flows.product import descendants
from tests.operations.soak.place import Place

EVERY_SECONDS = 5.0
GROWTH_PARTS, GROWTH_MIB = 0.15, 20.0
"""How much more memory a process may have in the last quarter than in the second; the larger of both counts."""


class Sample(msgspec.Struct, frozen=True):
    """Memory in MiB and open files of the API and of the worker that are never killed; connections of everybody."""

    api_mib: float
    worker_mib: float
    api_files: int
    worker_files: int
    connections: int


async def sample(place: Place) -> Sample:
    """How things are now."""
    api = [place.apis[0].process.pid, *descendants(place.apis[0].process.pid)]
    worker = [place.workers[0].pid]
    [[connections]] = await place.installation.rows(
        "select count(*) from pg_stat_activity where application_name = 'identity-api' and pid <> pg_backend_pid()"
    )
    return Sample(_mib(api), _mib(worker), _files(api), _files(worker), connections)


async def keep_sampling(place: Place, stop: asyncio.Event) -> list[Sample]:
    """Samples until `stop`."""
    found = []
    while not stop.is_set():
        found.append(await sample(place))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVERY_SECONDS):
                await stop.wait()
    return found


def leaks(samples: Sequence[Sample]) -> list[str]:
    """What grew from the second quarter to the last; nothing if there are too few samples to say."""
    quarter = len(samples) // 4
    if quarter < 3:
        return []
    found = []
    for name in ("api_mib", "worker_mib", "api_files", "worker_files"):
        before, after = (_median(part, name) for part in (samples[quarter : 2 * quarter], samples[-quarter:]))
        if after - before > max(GROWTH_PARTS * before, GROWTH_MIB):
            found.append(f"{name} grew from {before:.0f} to {after:.0f}")
    return found


def told(samples: Sequence[Sample]) -> list[str]:
    """The first, the middle and the last quarter of each figure."""
    quarter = max(1, len(samples) // 4)
    parts = samples[:quarter], samples[quarter:-quarter] or samples, samples[-quarter:]
    return [
        f"{name}: " + " -> ".join([f"{_median(part, name):.0f}" for part in parts]) for name in Sample.__struct_fields__
    ]


def _median(samples: Sequence[Sample], name: str) -> float:
    return statistics.median([float(getattr(one, name)) for one in samples])


def _mib(pids: Sequence[int]) -> float:
    return sum(_resident_kib(pid) for pid in pids) / 1024


def _resident_kib(pid: int) -> int:
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
    return 0


def _files(pids: Sequence[int]) -> int:
    number = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            number += len(os.listdir(f"/proc/{pid}/fd"))
    return number
