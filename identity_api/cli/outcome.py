"""The end of a command: its exit code (numbers of sysexits.h), and its message on standard error."""

import sys
from collections.abc import Sequence

from identity_api.cli.program import typeable
from identity_api.errors import BadInput, ConfigurationError, IdentityAPIError, SeveralProblems, Unavailable

OK = 0
PROBLEM = 1
USAGE = 2
UNAVAILABLE = 69
CONFIGURATION = 78
INTERRUPTED = 130

_EMBEDDED_CONFIGURATION = frozenset({"EMBEDDED_UNSUPPORTED", "EMBEDDED_DATA_DIRECTORY"})


def exit_code(error: IdentityAPIError) -> int:
    """The exit code for this kind of error."""
    if isinstance(error, ConfigurationError) or error.code in _EMBEDDED_CONFIGURATION:
        return CONFIGURATION
    if isinstance(error, Unavailable) or error.code.startswith("EMBEDDED"):
        return UNAVAILABLE
    if isinstance(error, BadInput):
        return USAGE
    return PROBLEM


def complain(error: IdentityAPIError) -> None:
    """Print the error on standard error: a sentence, or every problem of a configuration or an input on a line of its own."""
    problems: Sequence[str] = (error.message,)
    if isinstance(error, ConfigurationError):
        problems = error.problems
    elif isinstance(error, SeveralProblems):
        problems = [f"{one.path}: {one.error.message}" for one in error.problems]
    for problem in problems:
        print(printable(typeable(problem)), file=sys.stderr)


def printable(text: str) -> str:
    """Text that cannot move a terminal's cursor: texts from a file or the database may hold control characters."""
    return "".join(character if character.isprintable() else "?" for character in text)
