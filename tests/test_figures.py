"""The figures' own reading of a file: what is found, beside what is not."""

import ast
from pathlib import Path

import pytest

from tests.figures import (
    ROOT,
    Source,
    counted,
    cycles,
    exemptions,
    imports,
    long_functions,
    statements_outside,
    too_long,
)


def source(text: str, name: str = "identity_api/graphql/sample.py") -> Source:
    return Source(Path(ROOT / name), text, ast.parse(text))


def test_modules_that_reach_each_other_are_one_cycle_and_a_chain_is_none() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    assert cycles({"a": {"a"}}) == [["a"]]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import identity_api.ids", ["identity_api.ids"]),
        ("from identity_api.ids import uuid7", ["identity_api.ids"]),
        ("from identity_api.db import users", ["identity_api.db.users"]),
        ("def late():\n    from identity_api import ids", ["identity_api.ids"]),
        ("import json", []),
    ],
)
def test_an_import_is_of_the_module_that_it_names(line: str, found: list[str]) -> None:
    modules = frozenset(("identity_api", "identity_api.ids", "identity_api.db", "identity_api.db.users"))
    assert list(imports(source(line), modules)) == found


@pytest.mark.parametrize(
    ("call", "is_one"),
    [
        ('connection.fetchval("select now()")', True),
        ('self._connection.execute(f"delete from {table}")', True),
        ("connection.fetch(_STATEMENT)", True),
        ('schema.execute("{ viewer { id } }")', False),
        ("users.by_username(connection, tenant_id, name)", False),
    ],
)
def test_a_statement_belongs_into_db(call: str, is_one: bool) -> None:
    assert bool(list(statements_outside([source(call)]))) is is_one
    assert not list(statements_outside([source(call, "identity_api/db/sample.py")]))


@pytest.mark.parametrize(
    ("comment", "kind", "has_reason"),
    [
        ("# type: ignore[misc]  # jmespath ships no types", "type", True),
        ("# type: ignore[misc]", "type", False),
        ("# noqa: S105 -- the name of a method", "noqa", True),
        ("# noqa: S105, S106", "noqa", False),
        ("# noqa", "noqa", False),
    ],
)
def test_an_exemption_has_a_kind_and_a_reason(comment: str, kind: str, has_reason: bool) -> None:
    assert [(one, reason) for one, _, reason in exemptions(source(f"x = 1  {comment}\n"))] == [(kind, has_reason)]


def test_one_exemption_more_than_allowed_is_one_too_many() -> None:
    two = [source("x = 1  # noqa: S105 -- the name of a method\n")] * 2
    assert list(counted(two, {"noqa": 2}, "here")) == []
    assert list(counted(two, {"noqa": 1}, "here")) == ["here: 2 times `noqa`; 1 are the most"]


def test_a_text_that_looks_like_an_exemption_is_none() -> None:
    assert not list(exemptions(source('x = "# noqa: S105"\n')))


@pytest.mark.parametrize(("lines", "problems"), [(50, 0), (51, 1)])
def test_a_function_has_fifty_lines_at_most(lines: int, problems: int) -> None:
    body = "\n".join(["def f():", *["    x = 1"] * (lines - 1)])
    assert len(list(long_functions([source(body)]))) == problems


@pytest.mark.parametrize(("lines", "problems"), [(400, 0), (401, 1)])
def test_a_file_has_four_hundred_lines_at_most(lines: int, problems: int) -> None:
    assert len(list(too_long([source("x = 1\n" * lines)]))) == problems
