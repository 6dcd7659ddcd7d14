"""Errors while starting the embedded services. Every message says what to do next."""

from pathlib import Path
from typing import ClassVar

from identity_api.errors import IdentityAPIError


class EmbeddedError(IdentityAPIError):
    """An embedded service cannot be started. The message is for an operator at a terminal, so it may name a path."""

    default_code: ClassVar[str] = "EMBEDDED"


class UnsupportedPlatform(EmbeddedError):
    """The binaries do not exist for this machine, or their wheels are not installed."""

    default_code: ClassVar[str] = "EMBEDDED_UNSUPPORTED"


class DataDirectoryError(EmbeddedError):
    """The data directory cannot be used: not writable, not a database, or made by another version."""

    default_code: ClassVar[str] = "EMBEDDED_DATA_DIRECTORY"


class AlreadyRunning(EmbeddedError):
    """Another live process uses the data directory. `pid` is None where it could not be read.

    `instead` is a complete command that uses another one.
    """

    default_code: ClassVar[str] = "EMBEDDED_ALREADY_RUNNING"

    def __init__(self, data_dir: Path, *, pid: int | None, instead: str | None = None) -> None:
        other = f"run: {instead}" if instead else "set IDENTITY_DATA_DIR to another folder."
        super().__init__(f"Process {pid or 'unknown'} already uses the data directory {data_dir}. Stop it, or {other}")
        self.pid = pid


class ServiceFailed(EmbeddedError):
    """A server ended, or did not become ready in time."""

    default_code: ClassVar[str] = "EMBEDDED_SERVICE_FAILED"
