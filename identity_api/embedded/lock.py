"""A lock that the kernel drops with the process that holds it (flock(2)), so a killed predecessor blocks nobody."""

import contextlib
import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class FileLock:
    """An exclusive lock on a file that holds the owner's process id. Not inherited by children."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; returns whether this process holds it now.

        Raises:
            OSError: the file cannot be opened or made.
        """
        # Never follow a link: the file may be in a directory that others can write to.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return True

    def is_held(self) -> bool:
        """Whether a live process, this one included, holds the lock. Makes no file."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def acquire(self) -> None:
        """For a file that no other process can know yet. Raises OSError."""
        if not self.try_acquire():
            raise BlockingIOError(f"{self.path} is locked")

    def owner(self) -> int | None:
        """The process id of the holder, as it wrote it; None if it cannot be read."""
        with contextlib.suppress(OSError, ValueError):
            return int(self.path.read_text())
        return None

    def release(self) -> None:
        """Drop the lock. The file stays: removing it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
