"""What runs in a process that the fork server makes: the real command line, already imported.

Starting `identity-api worker` anew takes seconds of imports. Here a server process has done them once, and every worker
is a fork of it: a process of its own all the same, with its own signals, connections and exit code.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence

import identity_api.cli.commands.worker  # noqa: F401  # what is to be imported before the fork
from identity_api.cli.root import root

_PR_SET_PDEATHSIG = 1


def run_command(arguments: Sequence[str], environment: Mapping[str, str], output: str, directory: str) -> None:
    """Be `identity-api` with these arguments, and end with its exit code."""
    if sys.platform == "linux":
        # The fork server ends with the tests, and this one must not outlive them.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(written, descriptor)
    root(list(arguments), prog_name="identity-api")
