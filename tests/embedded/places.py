"""Helpers of these tests: directories with short paths, and waiting for processes that are not our children."""

import os
import select
import tempfile
import time
from pathlib import Path


def new_place() -> Path:
    """A directory with a short path, which every user may enter (pytest's own are closed to all but their owner)."""
    directory = Path(tempfile.mkdtemp(prefix="identity-test-", dir="/tmp"))
    directory.chmod(0o711)
    (directory / "tmp").mkdir(mode=0o711)
    return directory


def wait_gone(pid: int, seconds: float = 90.0) -> bool:
    """Whether a process has ended, waiting for it at most so long."""
    if not hasattr(os, "pidfd_open"):
        return _poll_gone(pid, seconds)
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def _poll_gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False
