"""Cores, processor time and memory of processes, as Linux tells them. Elsewhere nothing is pinned and nothing is told."""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
HAS_PROC = (_PROC / "self" / "schedstat").exists()


def cores() -> tuple[int, int] | None:
    """One core for the server, one for load and database; None where processes cannot be pinned, or there is only one."""
    if not HAS_PROC:
        return None
    found = sorted(os.sched_getaffinity(0))
    return (found[0], found[1]) if len(found) > 1 else None


def pin(core: int) -> None:
    """Keep this process, and those that it starts, on one core."""
    os.sched_setaffinity(0, {core})


def tree(root: int) -> list[int]:
    """The process and all that it has started."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def worked(processes: Iterable[int]) -> dict[int, int]:
    """Nanoseconds of processor time of each so far, user and system, over all of its threads."""
    found = {}
    for process in processes:
        with contextlib.suppress(OSError):
            tasks = list((_PROC / str(process) / "task").iterdir())
            found[process] = sum([int((task / "schedstat").read_text().split()[0]) for task in tasks])
    return found


def seconds_between(before: dict[int, int], after: dict[int, int]) -> float:
    """What those worked in between that are still there."""
    return sum([after[process] - before.get(process, 0) for process in after]) / 1e9


def resident_megabytes(processes: Iterable[int]) -> float:
    """Resident memory; pages that several of them share count for each."""
    kilobytes = 0
    for process in processes:
        with contextlib.suppress(OSError):
            found = re.search(r"VmRSS:\s+(\d+)", (_PROC / str(process) / "status").read_text())
            kilobytes += int(found[1]) if found else 0
    return kilobytes / 1_024


def load_average() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]
