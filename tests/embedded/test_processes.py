"""Processes that live and stop as one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from identity_api.embedded.processes import Ended, Interrupted, ProcessGroup
from tests.embedded.places import wait_gone

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


def test_the_first_process_to_end_is_named_with_its_exit_status_and_the_others_stop() -> None:
    with ProcessGroup() as group:
        sleeper = group.start("api", SLEEP, environment={})
        group.start("worker", python("raise SystemExit(3)"), environment={})
        outcome = group.wait()
    assert outcome == Ended("worker", 3)
    assert str(outcome) == "worker ended with exit status 3"
    assert wait_gone(sleeper, 0)


def test_a_process_that_was_killed_is_named_with_the_signal() -> None:
    with ProcessGroup() as group:
        os.kill(group.start("api", SLEEP, environment={}), signal.SIGKILL)
        assert str(group.wait()) == "api was killed by SIGKILL"


def test_a_program_that_does_not_exist_ends_the_group() -> None:
    with ProcessGroup() as group:
        group.start("api", ["/no/such/program"], environment={})
        assert group.wait() == Ended("api", 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_the_wait(number: signal.Signals) -> None:
    with ProcessGroup() as group:
        sleeper = group.start("api", SLEEP, environment={})
        os.kill(os.getpid(), number)
        assert group.wait() == Interrupted(number)
    assert wait_gone(sleeper, 0)


def test_signal_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
    with ProcessGroup():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)] == before


def test_a_process_may_finish_its_work_after_sigterm(tmp_path: Path) -> None:
    code = (
        "import signal, sys, pathlib\n"
        "signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path('done').touch(), sys.exit(0)))\n"
        "pathlib.Path('ready').touch()\nsignal.pause()"
    )
    with ProcessGroup() as group:
        group.start("worker", python(code), environment={}, directory=tmp_path)
        wait_for_file(tmp_path / "ready")
    assert (tmp_path / "done").exists()


def test_what_ignores_sigterm_is_killed_with_everything_it_started(tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "grandchild = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'])\n"
        "pathlib.Path('new').write_text(str(grandchild.pid)); pathlib.Path('new').rename('ready')\n"
        "time.sleep(600)"
    )
    with ProcessGroup(stop_seconds=0.05) as group:
        child = group.start("worker", python(code), environment={}, directory=tmp_path)
        wait_for_file(tmp_path / "ready")
    assert wait_gone(child, 0)
    assert wait_gone(int((tmp_path / "ready").read_text()), 5)


def test_output_and_environment_are_passed_through(capfd: pytest.CaptureFixture[str]) -> None:
    with ProcessGroup() as group:
        group.start("api", python("import os; print(os.environ['WORD'], flush=True)"), environment={"WORD": "hello"})
        group.wait()
    assert capfd.readouterr().out == "hello\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_processes_start_with_the_usual_signals_not_with_pythons(capfd: pytest.CaptureFixture[str]) -> None:
    """Python ignores SIGPIPE, and a program that inherits that does not end when its reader does."""
    with ProcessGroup() as group:
        group.start("api", ["grep", "SigIgn", "/proc/self/status"], environment={"PATH": os.defpath})
        group.wait()
    ignored = int(capfd.readouterr().out.split()[1], 16)
    assert not ignored >> (signal.SIGPIPE - 1) & 1


@pytest.mark.skipif(sys.platform != "linux", reason="LD_LIBRARY_PATH is Linux's")
def test_a_library_path_that_python_needs_is_not_passed_on(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    with ProcessGroup() as group:
        group.start("api", ["env"], environment={"PATH": os.defpath})
        group.wait()
    shown = capfd.readouterr().out
    assert f"PATH={os.defpath}\n" in shown
    assert "LD_LIBRARY_PATH" not in shown


def test_the_end_of_a_watched_process_ends_the_wait() -> None:
    with subprocess.Popen(SLEEP) as watched, ProcessGroup() as group:
        group.watch("PostgreSQL", watched)
        watched.kill()
        assert group.wait() == Ended("PostgreSQL", -signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals children when their parent dies")
def test_processes_die_with_a_killed_parent() -> None:
    code = (
        "import sys\nfrom identity_api.embedded.processes import ProcessGroup\n"
        "with ProcessGroup() as group:\n"
        "    print(group.start('api', [sys.executable, '-S', '-c', 'import time; time.sleep(600)'], environment={}),"
        " flush=True)\n"
        "    group.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert wait_gone(pid)


def wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
