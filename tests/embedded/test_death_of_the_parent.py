"""Nothing outlives us, however we die (checklist: leave no orphan process, and no directory, behind)."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from identity_api.embedded.services import start_services
from tests.embedded.places import wait_gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals children when their parent dies")

_SCRIPT = """
import sys, tempfile, time
from pathlib import Path
from identity_api.embedded.services import start_services
tempfile.tempdir = sys.argv[2]
services = start_services(Path(sys.argv[1]), fast=True)
print(*(process.pid for process in services.processes.values()), flush=True)
time.sleep(600)
"""


@pytest.fixture
def killed(place: Path) -> list[int]:
    """The servers' process ids after their parent was killed by SIGKILL."""
    command = [sys.executable, "-c", _SCRIPT, str(place / "data"), tempfile.gettempdir()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    return pids


def test_a_killed_parent_takes_its_servers_along_and_the_next_start_works(place: Path, killed: list[int]) -> None:
    """The database by a fast shutdown, so that it needs no recovery. The next start need not wait for it, and what the
    killed process left in the temp folder is swept away once it is old enough not to be somebody's beginning."""
    with start_services(place / "data", fast=True):
        assert all(wait_gone(pid) for pid in killed)
    assert b"was not properly shut down" not in (place / "data" / "postgres.log").read_bytes()
    left = list((place / "tmp").iterdir())
    for directory in left:
        os.utime(directory, (0, 0))
    with start_services(place / "data", need_database=False):
        assert not any(directory.exists() for directory in left)


def test_directories_of_the_living_are_not_swept(place: Path) -> None:
    with start_services(place / "data", need_database=False):
        for directory in (place / "tmp").iterdir():
            os.utime(directory, (0, 0))
        with start_services(place / "other", need_database=False):
            assert len(list((place / "tmp").iterdir())) == 2


def test_foreign_directories_of_the_same_name_are_not_swept(place: Path) -> None:
    foreign = place / "tmp" / "identity-api-run-foreign"
    foreign.mkdir()
    os.utime(foreign, (0, 0))
    with start_services(place / "data", need_database=False):
        assert foreign.is_dir()
    foreign.rmdir()


def test_ctrl_c_at_the_terminal_does_not_reach_the_servers(place: Path) -> None:
    """A terminal signals the whole foreground process group; we decide in which order things stop."""
    with start_services(place / "data", need_database=False) as services:
        process = services.processes["Valkey"]
        assert os.getsid(process.pid) != os.getsid(0)
        assert os.getpgid(process.pid) == process.pid
