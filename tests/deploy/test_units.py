"""The systemd units: systemd itself reads them, and finds little that they could still be denied."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.servers import DEPLOY
from tests.programs import program

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MOST_EXPOSED = 2.0
"""Of 10, as systemd-analyze judges; a unit without any hardening has 9.6."""


@pytest.fixture
def analyze() -> str:
    return program("systemd-analyze")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_finds_no_fault_but_that_nothing_is_installed(analyze: str, unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/identity-api/bin/identity-api", "/bin/true"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", copy], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in done.stderr.splitlines() if "identity-api" in line]
    assert (done.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_may_do_little_beside_its_work(analyze: str, unit: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(unit, tmp_path / unit.name.replace("@", "-")))
    command = [analyze, "security", "--offline=true", "--no-pager", copy]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    told = re.search(r"Overall exposure level for .*?: ([0-9.]+)", done.stdout)
    assert told is not None, done.stderr
    assert float(told[1]) <= MOST_EXPOSED


def test_a_worker_has_the_time_that_it_is_promised() -> None:
    worker = (DEPLOY / "systemd" / "identity-api-worker@.service").read_text()
    found = re.search(r"^TimeoutStopSec=(\d+)$", worker, re.M)
    assert found is not None
    assert int(found[1]) > 35
