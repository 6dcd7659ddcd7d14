"""Places for servers, each of which must be left as it was found."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.places import new_place

as_root = os.geteuid() == 0


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that every user may enter. Servers make their sockets below it, and must have removed them."""
    directory = new_place()
    monkeypatch.setattr(tempfile, "tempdir", str(directory / "tmp"))
    yield directory
    left = list((directory / "tmp").iterdir())
    shutil.rmtree(directory)
    assert left == []


@pytest.fixture
def root_only() -> None:
    """For behaviour that only root meets."""
    if not as_root:
        pytest.skip("needs root: it is about handing servers to an unprivileged user")


@pytest.fixture
def ordinary_user_only() -> None:
    """For behaviour that root does not meet."""
    if as_root:
        pytest.skip("needs an ordinary user: root may write everywhere")
