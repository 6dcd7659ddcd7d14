"""Strings that no input may have (bad input 63)."""

import contextlib

import pytest
from graphql import parse
from hypothesis import given
from hypothesis import strategies as st

from identity_api.errors import BadInput
from identity_api.graphql.engine.text import MAX_NESTING, check_literals, check_text, check_variables

BAD = {"NUL": "\x00", "escape": "\x1b", "C1": "\x9b", "override": "\u202e", "isolate": "\u2066", "surrogate": "\ud800"}


@pytest.mark.parametrize("name", BAD)
def test_a_text_passes_without_the_character_and_is_refused_with_it(name: str) -> None:
    check_text("Zoë")
    with pytest.raises(BadInput, match=r"U\+[0-9A-F]{4}") as caught:
        check_text(f"Zo{BAD[name]}ë")
    assert caught.value.code == "BAD_INPUT"
    assert "Zo" not in caught.value.message


@pytest.mark.parametrize("text", ["", "a\tb\r\nc", "שלום", "مرحبا\u200f", "👩‍👩‍👧", "e\u0301", "日本語"])
def test_text_of_any_script_is_accepted(text: str) -> None:
    check_text(text)


@pytest.mark.parametrize(
    "where", [lambda v: {"a": v}, lambda v: {"a": [1, {"b": [v]}]}, lambda v: {"a": {v: 1}}, lambda v: {v: 1}]
)
def test_variables_are_checked_at_every_depth_names_included(where: object) -> None:
    assert callable(where)
    check_variables(where("fine"))
    with pytest.raises(BadInput):
        check_variables(where("\x00"))


def test_variables_nest_at_most_so_deep() -> None:
    def nest(levels: int) -> object:
        return [nest(levels - 1)] if levels else 1

    check_variables({"a": nest(MAX_NESTING - 2)})
    with pytest.raises(BadInput, match="nest"):
        check_variables({"a": nest(MAX_NESTING)})


@pytest.mark.parametrize(
    "literal", ['"a\\u0000b"', '"a\\u202Eb"', '"a\u202eb"', '"""a\u2066b"""', '["x", {a: "\\u001b"}]']
)
def test_literals_are_checked_escaped_or_not(literal: str) -> None:
    text = f"{{ f(a: {literal}) }}"
    with pytest.raises(BadInput):
        check_literals(text, parse(text))


@pytest.mark.parametrize("text", ['{ f(a: "plain") }', '{ f(a: "\\u0041") }', '{ f(a: "x") } # \u202e'])
def test_other_literals_and_comments_pass(text: str) -> None:
    check_literals(text, parse(text))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_variables_are_accepted_or_refused_with_our_error(value: object) -> None:
    with contextlib.suppress(BadInput):
        check_variables({"a": value})
