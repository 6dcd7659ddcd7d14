"""EXACT and GLOB patterns (design 4, `group_mapping`)."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from identity_api.mapping import MatchKind, PatternInvalid, matches, validate_pattern
from tests.mapping import strategies


def naive(pattern: str, group: str) -> bool:
    """The definition, character by character; exponential and obviously right."""
    if not pattern:
        return not group
    if pattern[0] == "*":
        return naive(pattern[1:], group) or (bool(group) and naive(pattern, group[1:]))
    if pattern[0] == "\\":
        return bool(group) and group[0] == pattern[1] and naive(pattern[2:], group[1:])
    return bool(group) and pattern[0] in ("?", group[0]) and naive(pattern[1:], group[1:])


@pytest.mark.parametrize(
    ("pattern", "group", "expected"),
    [
        ("team-*", "team-red", True),
        ("team-*", "team-", True),
        ("team-*", "my-team-red", False),
        ("*-admins", "red-admins", True),
        ("*-admins", "red-admins-old", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a?c", "a\U0001f600c", True),
        ("\\*", "*", True),
        ("\\*", "x", False),
        ("a\\?c", "a?c", True),
        ("a\\?c", "abc", False),
        ("\\\\", "\\", True),
        ("Team", "team", False),
        ("\u00e9", "e\u0301", False),
        ("*", "", True),
        ("*", "anything\nat all", True),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a.c", "abc", False),
        ("*a*b*c*d*e", "xaxbxcxdxe", True),
    ],
)
def test_a_glob_matches_the_whole_group_exactly(pattern, group, expected):
    assert matches(pattern, MatchKind.GLOB, group) is expected


@pytest.mark.parametrize(("group", "expected"), [("a*", True), ("ab", False), ("A*", False)])
def test_an_exact_pattern_has_no_special_characters(group, expected):
    assert matches("a*", MatchKind.EXACT, group) is expected


@given(strategies.glob_texts, strategies.group_names)
def test_a_glob_agrees_with_its_definition(pattern, group):
    try:
        validate_pattern(pattern, MatchKind.GLOB)
    except PatternInvalid:
        assume(False)
    assert matches(pattern, MatchKind.GLOB, group) == naive(pattern, group)


@given(st.text(max_size=30))
def test_a_group_with_every_character_escaped_matches_itself_only(group):
    assume(group)
    pattern = "".join("\\" + character for character in group)
    assert matches(pattern, MatchKind.GLOB, group)
    assert not matches(pattern, MatchKind.GLOB, group + "x")


@pytest.mark.parametrize("kind", list(MatchKind))
def test_a_plain_pattern_is_valid(kind):
    validate_pattern("team-red", kind)


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("", "PATTERN_EMPTY"),
        ("x" * 201, "PATTERN_TOO_LONG"),
        ("a\0", "PATTERN_BAD_CHARACTER"),
        ("a\ud800", "PATTERN_BAD_CHARACTER"),
        ("*a*a*a*a*a*", "PATTERN_TOO_MANY_STARS"),
        ("******", "PATTERN_TOO_MANY_STARS"),
        ("a\\", "PATTERN_OPEN_ESCAPE"),
        ("a\\\\\\", "PATTERN_OPEN_ESCAPE"),
    ],
)
def test_an_invalid_glob_is_refused(pattern, code):
    with pytest.raises(PatternInvalid) as refused:
        validate_pattern(pattern, MatchKind.GLOB)
    assert (refused.value.code, refused.value.field) == (code, "pattern")


@pytest.mark.parametrize("pattern", ["x" * 200, "*****", "\\" * 200, "\\*" * 100])
def test_a_glob_at_the_limits_is_valid(pattern):
    validate_pattern(pattern, MatchKind.GLOB)


def test_an_exact_pattern_may_be_as_long_as_a_group():
    validate_pattern("x" * 512, MatchKind.EXACT)
    with pytest.raises(PatternInvalid):
        validate_pattern("x" * 513, MatchKind.EXACT)


def test_the_worst_pattern_for_a_backtracking_matcher_is_not_slow_here():
    pattern, group = "*" + "*".join(["a" * 48] * 4), "a" * 511 + "b"
    began = time.process_time()
    for _ in range(20):
        assert not matches(pattern, MatchKind.GLOB, group)
    assert time.process_time() - began < 1.0


@given(st.text(max_size=210))
def test_any_text_is_a_valid_pattern_or_our_error(pattern):
    try:
        validate_pattern(pattern, MatchKind.GLOB)
    except PatternInvalid:
        return
    matches(pattern, MatchKind.GLOB, "group")
