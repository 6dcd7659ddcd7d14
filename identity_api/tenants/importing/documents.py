"""Read foreign documents: TOML, JSON, and files of environment variables. No message repeats their content."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from identity_api.errors import ConfigurationError
from identity_api.tenants.toml_reader import MAX_BYTES

_ASSIGNMENT: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)
_OPENED: Final = re.compile(r"(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*([\"'].*)")
_IS_VARIABLES: Final = re.compile(r"\s*(?:#[^\n]*\n\s*)*(?:export\s+)?[A-Z][A-Z0-9_]*\s*=")


def read_toml(document: bytes) -> dict[str, Any]:
    """Read a TOML document.

    Raises:
        ConfigurationError: it is none, or too large.
    """
    try:
        return tomllib.loads(_text(document))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"The file is not TOML: {error}."]) from None
    except RecursionError:
        raise ConfigurationError(["The file is nested too deeply."]) from None


def read_json(document: bytes) -> Any:
    """Read a JSON document. A name given twice in one object is refused: nobody knows which value counts.

    Raises:
        ConfigurationError: it is none, or too large.
    """
    try:
        return json.loads(_text(document), object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ConfigurationError([f"The file is not JSON (line {error.lineno}, column {error.colno})."]) from None
    except (ValueError, RecursionError):
        raise ConfigurationError(["The file is not JSON that can be read."]) from None


def read_environment(document: bytes) -> dict[str, str]:
    """Read a file of `NAME=value` lines, with comments and `export`; a value in quotes may go over several lines.

    Raises:
        ConfigurationError: a line has another form, or a name is given twice; lists all, by line.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    for number, stripped in _assignments(_text(document)):
        assignment = _ASSIGNMENT.fullmatch(stripped)
        if assignment is None:
            problems.append(f"Line {number} is not NAME=value.")
        elif assignment[1] in found:
            problems.append(f"{assignment[1]} is given twice.")
        else:
            found[assignment[1]] = _unquoted(assignment[2].strip())
    if problems:
        raise ConfigurationError(problems)
    return found


def looks_like_variables(document: bytes) -> bool:
    """Whether a file begins like a file of environment variables: then its mistakes as such a file are reported."""
    return _IS_VARIABLES.match(document.decode("utf-8-sig", "replace")) is not None


def _assignments(text: str) -> Iterator[tuple[int, str]]:
    """The entries that are neither blank nor a comment, each with the number of its first line and all lines within its
    quotes.
    """
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        whole = line.strip()
        if not whole or whole.startswith("#"):
            continue
        opened = _OPENED.fullmatch(whole)
        if opened is not None and not _is_closed(opened[1]):
            for _, following in lines:
                whole += "\n" + following
                if following.rstrip().endswith(opened[1][0]):
                    break
        yield number, whole.rstrip()


def _is_closed(value: str) -> bool:
    return len(value) >= 2 and value.endswith(value[0])


def _text(document: bytes) -> str:
    if len(document) > MAX_BYTES:
        raise ConfigurationError([f"The file is larger than {MAX_BYTES} bytes."])
    try:
        return document.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(["The file is not UTF-8."]) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ConfigurationError(["The file gives a name twice in one object."])
    return found


def _unquoted(value: str) -> str:
    is_quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value
