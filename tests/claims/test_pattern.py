"""EXACT and GLOB patterns."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from identity_api.claims import MatchKind, PatternInvalid, match_globs, matches, validate_pattern
from identity_api.claims.pattern import TEXT_LENGTH
from tests.claims import strategies
from tests.cost import no_collector


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


@given(st.lists(strategies.glob_texts, max_size=4), st.lists(strategies.group_names, max_size=6, unique=True))
def test_many_globs_match_the_names_that_each_matches_alone(patterns, groups):
    for pattern in patterns:
        try:
            validate_pattern(pattern, MatchKind.GLOB)
        except PatternInvalid:
            assume(False)
    found = [pair for piece in match_globs(dict(enumerate(patterns)), groups) for pair in piece]
    expected = [(key, group) for key, pattern in enumerate(patterns) for group in groups if naive(pattern, group)]
    assert sorted(found) == sorted(expected)


def test_a_match_does_not_run_into_the_name_beside_it():
    groups = ["ab", "ba", "", "b"]
    found = [group for piece in match_globs({1: "*b?*"}, groups) for _, group in piece]
    assert found == ["ba"]


def test_names_of_more_than_one_text_are_all_matched():
    groups = [f"team-{number:05}" for number in range(3 * TEXT_LENGTH // 10)]
    found = [group for piece in match_globs({1: "team-*7"}, groups) for _, group in piece]
    assert sorted(found) == [group for group in groups if group.endswith("7")]


def spent(patterns, groups):
    """Processor seconds of matching them all, and of the longest piece."""

    def pieces():
        begun = last = time.thread_time()
        longest = 0.0
        for _ in match_globs(dict(enumerate(patterns)), groups):
            now = time.thread_time()
            longest, last = max(longest, now - last), now
        return last - begun, longest

    with no_collector():
        runs = [pieces() for _ in range(5)]
    return min(whole for whole, _ in runs), min(longest for _, longest in runs)


def test_a_login_with_a_thousand_new_groups_costs_little_where_there_are_fifteen_hundred_globs():
    groups = [f"team-{number}-{'red' if number % 2 else 'blue'}-developers" for number in range(1_000)]
    whole, _ = spent([f"*team-{number}?-*" for number in range(1_500)], groups)
    assert whole < 0.1


def test_the_worst_globs_and_names_within_the_limits_cost_no_more_than_their_lengths_say():
    """As long as an answer may be. A matcher that goes through each name by itself takes more than ten times as much."""
    groups = [f"{number:03}" + "a" * 509 for number in range(500)]
    globs = [f"*{'a' * 90}*{'a' * 90}*{'?' * 5}*{number}" for number in range(200)]
    whole, longest = spent(globs, groups)
    assert whole < 2.0
    assert longest < 0.02


@given(st.text(max_size=210))
def test_any_text_is_a_valid_pattern_or_our_error(pattern):
    try:
        validate_pattern(pattern, MatchKind.GLOB)
    except PatternInvalid:
        return
    matches(pattern, MatchKind.GLOB, "group")
