"""The name this program was called by, so that advice with commands can be copied into a shell."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

NAME: Final = "identity-api"
_IN_ADVICE: Final = re.compile(rf"(?:(?<=`)|(?<=[Rr]un: )){NAME}(?= [a-z])")


def program_name(called: str | None = None) -> str:
    """The command for this program: its plain name if the shell finds it, otherwise its relative path.

    Args:
        called: how it was called; by default this process's own first argument.
    """
    path = Path(called or sys.argv[0])
    if path.name != NAME:  # python -m identity_api
        return f"{_from_here(Path(sys.executable))} -m identity_api"
    found = shutil.which(NAME)
    if found is not None and path.exists() and os.path.samefile(found, path):
        return NAME
    return _from_here(path)


def typeable(text: str) -> str:
    """The text, with the program named as it can be typed here in every advised command."""
    return _IN_ADVICE.sub(lambda _: program_name(), text) if NAME in text else text


def _from_here(path: Path) -> str:
    absolute = Path(os.path.abspath(path))
    here = Path.cwd()
    return shlex.quote(str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute))
