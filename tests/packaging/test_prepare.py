"""The Makefile's own way to an environment, with the pip that this Python brings, on an index that has moved on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.index import add_project, add_wheel

ROOT = Path(__file__).parents[2]


class Checkout:
    """A folder with the Makefile, a tiny project, and an index of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.index = folder, folder / "index"
        self.index.mkdir()
        (folder / "requirements").mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        add_project(folder)

    def lock(self, *entries: str) -> None:
        """Write requirements/run.txt."""
        (self.folder / "requirements" / "run.txt").write_text("".join(entries))

    def prepare(self) -> subprocess.CompletedProcess[str]:
        """Make the environment, from the index alone."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE", "MFLAGS"))}
        return subprocess.run(
            ["make", ".venv/run.stamp", f"PYTHON={sys.executable}"],
            cwd=self.folder,
            env={**kept, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def installed(self) -> set[str]:
        """What is there, as the names of metadata folders."""
        return {path.stem for path in self.folder.glob(".venv/lib/*/site-packages/*.dist-info")}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_newer_version_in_the_index_and_a_requirement_with_an_extra_change_nothing(checkout: Checkout) -> None:
    checkout.lock(
        add_wheel(checkout.index, "alpha", "1.0", "beta[email]==2.*"), add_wheel(checkout.index, "beta", "2.1")
    )
    add_wheel(checkout.index, "beta", "2.2")
    add_wheel(checkout.index, "alpha", "1.1", "beta[email]==2.*")
    done = checkout.prepare()
    assert (done.returncode, done.stderr) == (0, "")
    assert {"tiny-1.0", "alpha-1.0", "beta-2.1"} <= checkout.installed
    assert not {"alpha-1.1", "beta-2.2"} & checkout.installed


def test_a_lock_that_lacks_something_is_told_in_one_line_and_nothing_counts_as_prepared(checkout: Checkout) -> None:
    checkout.lock(add_wheel(checkout.index, "alpha", "1.0", "beta[email]==2.*"))
    add_wheel(checkout.index, "beta", "2.1")
    done = checkout.prepare()
    assert done.returncode == 2
    told = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(told) == 1
    assert told[0].startswith(
        "The packages of requirements/run.txt do not fit together: alpha 1.0 requires beta, which is not installed."
    )
    assert not (checkout.folder / ".venv" / "run.stamp").exists()


def test_a_source_distribution_is_never_built(checkout: Checkout) -> None:
    """What its build needs would come from the index unpinned."""
    checkout.lock("alpha==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    (checkout.index / "alpha-1.0.tar.gz").write_bytes(b"")
    done = checkout.prepare()
    assert done.returncode == 2
    assert "No matching distribution found for alpha==1.0" in done.stderr
