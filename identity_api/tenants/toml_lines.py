"""The lines of a declaration on which its values are written, by their paths: the parser of the standard library has none."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

_PIECES: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*|[\[\]{}\n]",
    re.DOTALL,
)
"""All that says where a statement ends: texts and comments, in which nothing counts, brackets, and ends of lines."""
_PLACE: Final = re.compile(r"[\w-]+(?:\[\d+\])*(?:\.[\w-]+(?:\[\d+\])*)*(?=:)")
_WITHIN: Final = re.compile(r"at `\$\.([^`]*)`")
_UNKNOWN: Final = re.compile(r"contains unknown field `([^`]*)`")


def with_lines(problems: list[str], document: str) -> list[str]:
    """The problems of a document, those that begin with a path now with its line before it.

    The line is that of the key, or of the nearest table around it: a value within a value has no line of its own.

    Args:
        document: TOML that could be parsed.
    """
    lines = _lines(document)
    return [_with_line(problem, lines) for problem in problems]


def _with_line(problem: str, lines: dict[str, int]) -> str:
    found = _PLACE.match(problem)
    if found is None:
        return problem
    named = [one[1] for one in (_WITHIN.search(problem), _UNKNOWN.search(problem)) if one is not None]
    path = ".".join([found[0], *named])
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return f"Line {lines[path]}, {problem}" if path else problem


def _lines(document: str) -> dict[str, int]:
    """The line of each table and key, by paths such as `tenants[0].providers[1].slug`."""
    found: dict[str, int] = {}
    arrays: dict[str, int] = {}
    table = ""
    for line, statement in _statements(document.replace("\r\n", "\n")):
        keys = _keys(tomllib.loads(statement))
        if not statement.startswith("["):
            path = table
            for key in keys:
                path = f"{path}.{key}" if path else key
                found.setdefault(path, line)
            continue
        table = ""
        for place, key in enumerate(keys):
            table = f"{table}.{key}" if table else key
            found.setdefault(table, line)
            if statement.startswith("[[") and place == len(keys) - 1:
                arrays[table] = arrays.get(table, 0) + 1
            if table in arrays:
                table = f"{table}[{arrays[table] - 1}]"
                found.setdefault(table, line)
    return found


def _statements(document: str) -> Iterator[tuple[int, str]]:
    """Each header and each key with its value, with the line where it begins."""
    begin, line, first, depth = 0, 1, 1, 0
    for piece in _PIECES.finditer(f"{document}\n"):
        text = piece[0]
        if text == "\n" and depth == 0:
            statement = document[begin : piece.start()].strip()
            if statement and not statement.startswith("#"):
                yield first, statement
            begin, first = piece.end(), line + 1
        depth += (text in ("[", "{")) - (text in ("]", "}"))
        line += text.count("\n")


def _keys(parsed: dict[str, Any]) -> list[str]:
    """The keys of a statement, from the outside."""
    keys: list[str] = []
    value: Any = parsed
    while isinstance(value, dict) and len(value) == 1:
        [(key, value)] = value.items()
        keys.append(key)
    return keys
