"""Each promise and each bad input is named by a test where its document says that it is shown.

A range in the head of a file says where to look. For hostile providers and browsers that is not enough: there a test of its
own names the number, so that a number tells which test would fail.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.docs.pages import ROOT, text_of
from tests.docs.test_references import numbers_in

KINDS = {
    "promise": ("docs/promises.md", r"\b[Pp]romises?[ _]"),
    "bad-input": ("docs/bad-inputs.md", r"[Bb]ad[ _]inputs?[ _]"),
}
OWN_TEST = {
    "promise": {*range(1, 14), *range(17, 21), 29, 30, *range(44, 47), 50},
    "bad-input": {*range(19, 43), 61, 62},
}


def rows(kind: str) -> list[tuple[int, tuple[str, ...]]]:
    """Each number of the document, with the test files that its row names."""
    page, _ = KINDS[kind]
    found = re.findall(rf'^\| <a id="{kind}-(\d+)"></a>.*$', text_of(page), re.MULTILINE)
    lines = {
        int(n): line for n, line in zip(found, re.findall(rf'^\| <a id="{kind}-.*$', text_of(page), re.M), strict=True)
    }
    return [(number, tuple(re.findall(r"`(tests/[\w/.]+\.py)`", line))) for number, line in lines.items()]


@cache
def said() -> tuple[str, ...]:
    """Name and docstring of every test."""
    return tuple(_said())


def _said() -> Iterator[str]:
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield f"{node.name} {ast.get_docstring(node) or ''}"


@pytest.mark.parametrize(("kind", "number", "files"), [(kind, *row) for kind in KINDS for row in rows(kind)])
def test_a_number_is_named_where_it_is_shown(kind: str, number: int, files: tuple[str, ...]) -> None:
    _, reference = KINDS[kind]
    assert files, "The row names no test."
    assert any(number in numbers_in(text_of(file), reference) for file in files), files


@pytest.mark.parametrize(("kind", "number"), [(kind, number) for kind in OWN_TEST for number in sorted(OWN_TEST[kind])])
def test_what_hostile_providers_and_browsers_do_has_tests_of_its_own(kind: str, number: int) -> None:
    _, reference = KINDS[kind]
    assert any(number in numbers_in(text, reference) for text in said())
