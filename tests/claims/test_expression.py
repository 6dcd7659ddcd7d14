"""JMESPath over claims: what it answers, where it refuses to guess, and that nobody can keep us busy with it."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_api.claims import ClaimPathInvalid
from identity_api.claims.expression import ExpressionFailed, check_expression, evaluate, names_in
from tests.claims import strategies

GROUPS = {"groups": [{"name": "a", "kind": "team"}, {"name": "b", "kind": "list"}], "nick": "n", "n": 5}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("nick", "n"),
        ("groups[].name", ["a", "b"]),
        ("groups[?kind=='team'].name", ["a"]),
        ("groups[?starts_with(name, 'a')].name | [0]", "a"),
        ("groups[0].name", "a"),
        ("groups[9].name", None),
        ("groups[:1].name", ["a"]),
        ("missing[].name", None),
        ("missing || nick", "n"),
        ("join('-', groups[].name)", "a-b"),
        ("{x: nick}", {"x": "n"}),
        ("@.nick", "n"),
        ("groups[?kind != 'team' && !hidden].name", ["b"]),
        ("n > `3`", True),
        ("type(groups)", "array"),
        ("not_null(missing, nick)", "n"),
        ("contains(groups[].name, 'a')", True),
        ("keys(groups[0])", ["name", "kind"]),
    ],
)
def test_an_expression_is_evaluated_as_jmespath_says(expression, value):
    assert evaluate(expression, GROUPS) == value


@pytest.mark.parametrize(
    "expression",
    [
        "nick[].name",
        "nick.name",
        "nick[0]",
        "nick[:1]",
        "nick.*",
        "groups[].missing",
        "groups.name",
        "groups[?kind=='team'].missing",
        "join('-', [nick, missing])",
        "contains(nick, n)",
        "length(n)",
        "groups == groups",
        "contains(groups, groups[0])",
        "groups[::0]",
    ],
)
def test_what_does_not_fit_the_claims_is_a_failure_and_not_null(expression):
    """I7: null would read as an absent claim, and a shortened list as a complete one."""
    check_expression(expression)
    assert isinstance(evaluate(expression, GROUPS), ExpressionFailed)


@pytest.mark.parametrize("claims", [{"groups": ["a", "b"]}, {"groups": [{"name": "a"}, {"name": "b"}]}])
def test_an_alternative_may_expect_two_shapes(claims):
    assert evaluate("groups[].name || groups", claims) == ["a", "b"]


def test_the_condition_of_a_filter_may_ask_what_is_not_there():
    assert evaluate("groups[?name].name", {"groups": [{"name": "a"}, {"id": 1}, "text"]}) == ["a"]


def test_members_of_an_object_without_the_name_are_passed_over():
    claims = {"resource_access": {"app": {"roles": ["x"]}, "account": {}}}
    assert evaluate("resource_access.*.roles[]", claims) == ["x"]


@pytest.mark.parametrize(
    "expression",
    [
        "[groups,groups]|[]" + "|[@,@]|[]" * 7,
        "[groups,groups][]" + ".[@,@][]" * 7,
        "join(long, many)",
        "[groups,groups,groups,groups][].[contains(@, 'x'), @][].contains(@, 'x')",
    ],
)
def test_an_expression_that_would_grow_without_end_is_stopped_early(expression):
    claims = {"groups": [str(n) * 20 for n in range(2_000)], "long": "x" * 5_000, "many": ["y"] * 2_000}
    check_expression(expression)
    began = time.process_time()
    assert isinstance(evaluate(expression, claims), ExpressionFailed)
    assert time.process_time() - began < 1.0


def test_two_thousand_groups_are_filtered_within_the_budget():
    claims = {"groups": [{"name": f"app-{n}-" + "x" * 200, "kind": "team"} for n in range(2_000)]}
    found = evaluate("groups[?kind=='team' && starts_with(name, 'app-') && contains(name, 'x')].name", claims)
    assert isinstance(found, list)
    assert len(found) == 2_000


def test_the_names_of_an_expression_are_those_of_every_member_it_mentions():
    assert names_in("join('/', [tid, a.oid]) || \"odd name\"[?b].c") == {"tid", "a", "oid", "odd name", "b", "c"}


@given(st.text(st.sampled_from("ab[]*.?|&!@(){},:'`\"0 "), max_size=40), strategies.claims)
def test_any_text_is_an_expression_with_an_answer_or_our_error(expression, claims):
    with contextlib.suppress(ClaimPathInvalid):
        evaluate(expression, claims)


def test_a_failure_never_holds_a_value_from_a_token():
    assert "canary" not in repr(evaluate("length(@.n)", {"n": 5, "canary": "canary"}))
    assert "canary" not in repr(evaluate("join(n, n)", {"n": "canary"}))
