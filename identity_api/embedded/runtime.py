"""A fresh, short, private directory for one server's socket, gone when the server is.

A unix socket's path may have about 100 bytes (sun_path), so it cannot live in the data directory. Only the server's
user may enter: that is the whole authentication of the embedded servers.
"""

import contextlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from identity_api.embedded.errors import EmbeddedError
from identity_api.embedded.lock import FileLock
from identity_api.embedded.privileges import ServerUser, can_traverse, give

_PREFIX = "identity-api-run-"
_LONGEST_BYTES = 60  # leaves room for the directory's and the socket's name in 104 bytes, the smaller limit (macOS)
_YOUNG_SECONDS = 30.0


class RuntimeDirectory:
    """Made on construction, owned by `user` with mode 0700, removed by `remove`."""

    def __init__(self, user: ServerUser | None) -> None:
        parent = _temporary_folder(user)
        _sweep(parent, user)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._lock = FileLock(self.path / "owner")
        try:
            self._lock.acquire()
            give(self.path, user)
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()


def _temporary_folder(user: ServerUser | None) -> Path:
    for folder in (Path(tempfile.gettempdir()).resolve(), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 -- 0700 inside
        plain = len(os.fsencode(folder)) <= _LONGEST_BYTES and not set(str(folder)) & set(",\"'\\ ?#%")
        if plain and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK) and can_traverse(folder, user):
            return folder
    raise EmbeddedError(
        "No temporary folder with a short path can be written to. Set TMPDIR to one of at most "
        f"{_LONGEST_BYTES} plain characters that everyone may enter, as /tmp is."
    )


def _sweep(parent: Path, user: ServerUser | None) -> None:
    """Remove directories of killed predecessors, whose locks the kernel released. A new directory may not be locked
    yet.
    """
    mine = {os.geteuid(), user.uid if user else os.geteuid()}
    for path in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = path.lstat()
            is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid in mine and (path / "owner").is_file()
            if not is_ours or time.time() - found.st_mtime < _YOUNG_SECONDS:
                continue
            lock = FileLock(path / "owner")
            if lock.try_acquire():
                shutil.rmtree(path, ignore_errors=True)
                lock.release()
