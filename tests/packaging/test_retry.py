"""`.ci/retry`: a test that passes on a second try only is told by name, and one that does not fails the run."""

import subprocess
import sys
from pathlib import Path

import pytest

RETRY = Path(__file__).parents[2] / ".ci" / "retry"
STEADY = "def test_steady():\n    pass\n"
FLAKY = """
from pathlib import Path

def test_flaky():
    tried = Path("tried")
    if not tried.exists():
        tried.touch()
        raise AssertionError("the first try")
"""
BROKEN = "def test_broken():\n    raise AssertionError('every time')\n"


def first_run(folder: Path, *tests: str) -> None:
    """A run of these tests, which fails."""
    (folder / "test_sample.py").write_text("\n".join(tests), "utf-8")
    run = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=folder, capture_output=True, check=False)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED


def retry(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RETRY, sys.executable], cwd=folder, capture_output=True, text=True, check=False)


def test_a_test_that_passes_alone_is_counted_and_named(tmp_path: Path) -> None:
    first_run(tmp_path, STEADY, FLAKY)
    again = retry(tmp_path)
    assert again.returncode == 0
    assert "Passed only on the second try: 1 test(s)\ntest_sample.py::test_flaky\n" in again.stdout
    assert "1 passed" in again.stdout  # the steady one is not run again


@pytest.mark.parametrize("tests", [(BROKEN,), (FLAKY, BROKEN)], ids=["alone", "beside a flaky one"])
def test_a_test_that_fails_alone_as_well_fails_the_run(tmp_path: Path, tests: tuple[str, ...]) -> None:
    first_run(tmp_path, STEADY, *tests)
    again = retry(tmp_path)
    assert again.returncode != 0
    assert "second try" not in again.stdout


@pytest.mark.parametrize("known", ["{}", None], ids=["no failed test", "nothing written"])
def test_a_run_that_failed_without_a_failed_test_stays_failed(tmp_path: Path, known: str | None) -> None:
    first_run(tmp_path, STEADY, BROKEN)
    cache = tmp_path / ".pytest_cache" / "v" / "cache" / "lastfailed"
    cache.unlink() if known is None else cache.write_text(known, "utf-8")
    assert retry(tmp_path).returncode != 0
