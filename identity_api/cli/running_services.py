"""Find the embedded services of another process on the same machine.

Their sockets have new names at every start, so the process that owns them writes the names into the data directory.
The file holds no secret: the permissions of the sockets' directories protect the services.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

_NAME = "running.json"


class Running(msgspec.Struct, frozen=True):
    """The announcement of a process that started embedded services."""

    database_url: str | None
    redis_url: str | None
    outbound_allow: tuple[str, ...] = ()
    port: int | None = None
    public_url: str | None = None


@contextlib.contextmanager
def announced(data_dir: Path, running: Running) -> Iterator[None]:
    """Announce them while the block runs. The caller holds the data directory's lock."""
    path = data_dir / _NAME
    scratch = path.with_name(f".{_NAME}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(running))
    scratch.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def find_running(data_dir: Path) -> Running | None:
    """The announcement of the data directory's owner; valid only while a process holds the directory's lock."""
    try:
        return msgspec.json.decode((data_dir / _NAME).read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None
