"""Cells that no spreadsheet computes, however its language separates them, and the values that come back from them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.spreadsheets import as_cell, cell_of, table, text_of

TEXTS = st.text("=+-@'\";, \t\r\nax\uff1d")
FORMULA = re.compile(r"(^|[;\t\r\n])[=+\-@\uff1d]")


@given(TEXTS)
def test_no_part_of_a_cell_is_a_formula(text: str) -> None:
    assert not FORMULA.search(as_cell(text))
    assert not FORMULA.search(cell_of(text))


@given(TEXTS)
def test_a_value_comes_back_from_its_cell(text: str) -> None:
    assert text_of(cell_of(text)) == text


@pytest.mark.parametrize(
    ("typed", "value"), [("'=1", "=1"), ("'ada", "ada"), ("o'neil;'x'", "o'neil;'x'"), ("a;'=1", "a;=1")]
)
def test_an_apostrophe_that_makes_a_cell_a_text_is_no_part_of_it(typed: str, value: str) -> None:
    assert text_of(typed) == value


def test_a_name_cannot_begin_a_formula_in_a_table_that_is_cut_at_semicolons() -> None:
    assert table(("username", "label"), [("ada", "x;=HYPERLINK(A1)")]) == "username,label\nada,x;'=HYPERLINK(A1)\n"
