"""Commands as processes of their own, forked from one that has imported the program already.

Starting Python and importing what a command needs takes longer than most commands. What a process is stays: its own
environment, folder, streams and exit code. The console script itself is what servers and `tests/cli/test_usage.py` start.
"""

import multiprocessing
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from identity_api import cli

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [__name__, *[module.name for module in pkgutil.walk_packages(cli.__path__, f"{cli.__name__}.")]]
)
_STREAMS = ("stdin", "stdout", "stderr")


def run(
    arguments: Sequence[str], *, stdin: bytes, env: Mapping[str, str], cwd: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with captured output.

    Raises:
        subprocess.TimeoutExpired: it did not end within `timeout` seconds, and was killed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stream in _STREAMS:
            (folder / stream).write_bytes(stdin if stream == "stdin" else b"")
        process = _CONTEXT.Process(target=_command, args=(list(arguments), dict(env), cwd, folder))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, timeout)
        out, err = [(folder / stream).read_bytes().decode() for stream in _STREAMS[1:]]
        return subprocess.CompletedProcess(arguments, process.exitcode, out, err)


def _command(arguments: list[str], env: dict[str, str], cwd: Path, folder: Path) -> None:
    for number, stream in enumerate(_STREAMS):
        opened = os.open(folder / stream, os.O_RDONLY if number == 0 else os.O_WRONLY)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = arguments
    cli.main()
