"""Processes whose clock is wrong: libfaketime, which Debian packages, stands before the C library's clock.

Deadlines within a process go by the monotonic clock, which is left alone.
"""

from pathlib import Path

import pytest

_PLACES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")


def _library() -> str | None:
    found = [path for place in _PLACES for path in Path("/").glob(place.removeprefix("/"))]
    return str(found[0]) if found else None


needs_faketime = pytest.mark.skipif(_library() is None, reason="libfaketime is not installed (Debian: libfaketime).")


def wrong_by(seconds: float) -> dict[str, str]:
    """The environment of a process whose clock is ahead by so many seconds, or behind."""
    return _environment(FAKETIME=f"{seconds:+.0f}")


class SteppedClock:
    """The clock of a process, to be stepped while it runs."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.step_to(0)

    def step_to(self, seconds: float) -> None:
        """Be ahead by so many seconds from now on, or behind."""
        self._file.write_text(f"{seconds:+.0f}\n")

    @property
    def environment(self) -> dict[str, str]:
        return _environment(FAKETIME_TIMESTAMP_FILE=str(self._file), FAKETIME_NO_CACHE="1")


def _environment(**how: str) -> dict[str, str]:
    library = _library()
    assert library is not None
    return {"LD_PRELOAD": library, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", **how}
