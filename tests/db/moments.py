"""Where a statement asks what time it is, as far as a distributed PostgreSQL cares.

Citus sends an update whole to the tenant's node, with the moment put in. It does not look for it in `case` and `coalesce`, and
takes none in `do update` and `returning`: there it is a column of a subquery, or of the row that was to be inserted.
"""

import re
from collections.abc import Iterator
from typing import Final

_TOKEN: Final = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\w+|[()]")
_VERBS: Final = ("select", "insert", "update", "delete", "values")


class _Level:
    """A query or what is in parentheses; `kind`: QUERY, COALESCE, CASE or empty."""

    def __init__(self, kind: str = "") -> None:
        self.kind, self.verb, self.clause = kind, "", ""


def out_of_place(statement: str) -> Iterator[str]:
    """What asks for the moment where Citus refuses it: `case`, `coalesce`, `do update`, `returning`, or `clock_timestamp`."""
    levels = [_Level("QUERY")]
    before = ["", "", ""]
    for match in _TOKEN.finditer(statement.lower()):
        word = match[0]
        if word.startswith(("--", "'")):
            continue
        query = next(level for level in reversed(levels) if level.kind == "QUERY")
        if word == "(":
            levels.append(_Level("COALESCE" if before[-1] == "coalesce" else ""))
        elif word == ")":
            while levels.pop().kind == "CASE":
                pass
        elif word == "case":
            levels.append(_Level("CASE"))
        elif word == "end" and levels[-1].kind == "CASE":
            levels.pop()
        elif word in ("select", "with", "insert", "update", "delete", "values") and before[-1] == "(":
            levels[-1].kind, levels[-1].verb = "QUERY", word
        elif word == "update" and before[-1] == "do":
            query.clause = "do update"
        elif word == "returning":
            query.clause = word
        elif word in _VERBS and levels[-1] is query and before[-1] not in ("for", "key"):
            query.verb = word
        elif word in ("now", "clock_timestamp", "statement_timestamp"):
            inside = levels[levels.index(query) + 1 :]
            if query.clause:
                yield query.clause
            elif query.verb in ("update", "delete"):
                yield from {level.kind.lower() for level in inside if level.kind}
            if word == "clock_timestamp" and any(level.verb in ("update", "delete") for level in levels):
                yield word
        before = [*before[1:], word]
