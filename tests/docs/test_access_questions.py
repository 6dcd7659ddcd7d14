"""docs/access.md: each question has a field of GraphQL or a command, and a test, and each of them exists."""

import ast
import re
from functools import cache
from typing import Any

import pytest
from graphql import build_schema

from tests.docs.pages import ROOT, text_of

PAGE = "docs/access.md"
SCHEMA: Any = build_schema(text_of("schema.graphql"))
_FIELD = re.compile(r"`(?:([A-Z]\w*)\.)?([a-z]\w*)(?:\(([\w, ]+)\))?`")


def rows() -> list[list[str]]:
    """The cells of each question."""
    lines = [line for line in text_of(PAGE).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] not in ("Question", "---")]


def missing(cell: str) -> list[str]:
    """What a cell of GraphQL names and the schema does not have."""
    found = []
    for kind, field, arguments in _FIELD.findall(cell):
        known = SCHEMA.type_map.get(kind or "Query")
        one = known.fields.get(field) if known is not None else None
        if one is None:
            found.append(f"{kind or 'Query'}.{field}")
        else:
            found += [f"{field}({name})" for name in re.findall(r"\w+", arguments) if name not in one.args]
    return found


@cache
def names_in(path: str) -> set[str]:
    """The names of a file's tests."""
    tree = ast.parse(text_of(path))
    return {one.name for one in ast.walk(tree) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_question_has_an_answer_and_a_test_that_exist(row: list[str]) -> None:
    _, asked, command, test = row
    assert _FIELD.search(asked) or command.startswith("`identity-api ")
    assert missing(asked) == []
    path, _, name = test.strip("`").partition("::")
    assert (ROOT / path).is_file()
    assert name in names_in(path)


def test_what_is_not_there_is_noticed() -> None:
    assert missing("`viewer`, `users(filter, first)`, `User.history`") == []
    assert missing("`nothing`, `users(where)`, `User.nothing`, `Nothing.id`") == [
        "Query.nothing", "users(where)", "User.nothing", "Nothing.id",
    ]  # fmt: skip
