"""Every bad input and promise about hostile providers and browsers has a test of its own that names its number.

A range in the head of a file says where to look; it does not say which test would fail.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

BAD_INPUTS = (*range(19, 43), 61, 62)
PROMISES = (*range(1, 14), *range(17, 21), 29, 30, *range(44, 47), 50)


@cache
def said() -> tuple[str, ...]:
    """Name and docstring of every test."""
    return tuple(_said())


def _said() -> Iterator[str]:
    for file in sorted(Path(__file__).parent.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield f"{node.name} {ast.get_docstring(node) or ''}"


@pytest.mark.parametrize("number", BAD_INPUTS)
def test_every_bad_input_is_named_by_a_test(number: int) -> None:
    assert any(re.search(rf"[Bb]ad[_ ]inputs?[_ ]{number}(?!\d)", text) for text in said())


@pytest.mark.parametrize("number", PROMISES)
def test_every_promise_is_named_by_a_test(number: int) -> None:
    pattern = rf"[Pp]romises?[_ ](\d+(, | and |, and ))*{number}(?!\d)"
    assert any(re.search(pattern, text) for text in said())
