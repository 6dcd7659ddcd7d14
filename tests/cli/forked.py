"""`identity-api` as processes that are forked from one that has imported the program already.

Starting Python and importing what a command needs takes longer than most commands. What a process is stays: its own
environment, folder, streams, signals and exit code. The console script itself is what `Command.start` and
`tests/cli/test_usage.py` start.
"""

import ctypes
import multiprocessing
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from identity_api import cli

SCRIPT = Path(sys.executable).with_name("identity-api")

FORKS = multiprocessing.get_context("forkserver")
"""There is one fork server for each test process, and who starts it decides what it has imported: nobody else sets that."""
FORKS.set_forkserver_preload(
    [__name__, *[module.name for module in pkgutil.walk_packages(cli.__path__, f"{cli.__name__}.")]]
)

_PR_SET_PDEATHSIG = 1
_STREAMS = ("stdin", "stdout", "stderr")


def run(
    arguments: Sequence[str], *, stdin: bytes, env: Mapping[str, str], cwd: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """`identity-api` with these arguments to its end, as `subprocess.run` with captured output.

    Raises:
        subprocess.TimeoutExpired: it did not end within `timeout` seconds, and was killed.
    """
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / stream for stream in _STREAMS]
        paths[0].write_bytes(stdin)
        process = FORKS.Process(target=become, args=(list(arguments), dict(env), cwd, *paths))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, timeout)
        out, err = [path.read_bytes().decode() if path.exists() else "" for path in paths[1:]]
        return subprocess.CompletedProcess(arguments, process.exitcode, out, err)


def become(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path, stdin: Path, stdout: Path, stderr: Path
) -> None:
    """Be `identity-api` with these arguments, and end with its exit code. What it writes is added to its files."""
    if sys.platform == "linux":
        # The fork server ends with the tests, and this one must not outlive them.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for number, path in enumerate((stdin, stdout, stderr)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.argv = [str(SCRIPT), *arguments]
    cli.main()
