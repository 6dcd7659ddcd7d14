"""Limits on a document's shape: each at its bound and one beyond, also through fragments.

Promises 34 and 36; bad inputs 49 to 54."""

import contextlib

import pytest
from graphql import get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from identity_api.graphql.engine.guard import MAX_NESTING, DocumentRefused, Measured, guard


def measure(text: str) -> Measured:
    return guard(parse(text))


def nested(levels: int) -> str:
    return "{" + "a{" * (levels - 1) + "a" + "}" * levels


LIMITS = [
    ("levels", 10, nested),
    ("root fields", 20, lambda n: "{" + "a " * n + "}"),
    ("root fields", 20, lambda n: "{...F}fragment F on Q{" + "a " * n + "}"),
    ("fields", 250, lambda n: "{r{" + "a " * (n - 1) + "}}"),
    ("fields", 250, lambda n: "{r{" + "...F " * ((n - 1) // 3) + "a " * ((n - 1) % 3) + "}}fragment F on T{a b c}"),
    ("aliases", 30, lambda n: "{r{" + " ".join(f"x{i}:a" for i in range(n)) + "}}"),
    ("aliases", 30, lambda n: "{r{" + "...F " * (n // 2) + "x:a " * (n % 2) + "}}fragment F on T{x:a y:b}"),
    ("directives", 20, lambda n: "{r " + "@d " * n + "}"),
    ("directives", 20, lambda n: "query Q($v: Int " + "@d " * (n - 4) + ") @d {...F @d}fragment F on T @d {a @d}"),
]


@pytest.mark.parametrize(("what", "limit", "document"), LIMITS)
def test_a_document_passes_at_its_limit_and_is_refused_one_beyond(what: str, limit: int, document: object) -> None:
    assert callable(document)
    measure(document(limit))
    with pytest.raises(DocumentRefused, match=f"more than {limit} {what}"):
        measure(document(limit + 1))


def test_all_operations_count_together_because_all_are_validated() -> None:
    operations = " ".join(f"query Q{n} {{r{{...F}}}}" for n in range(10))
    assert measure(operations + "fragment F on T{" + "a " * 24 + "}").fields == 250
    with pytest.raises(DocumentRefused, match="fields"):
        measure(operations + "fragment F on T{" + "a " * 25 + "}")


def test_fragments_that_nothing_spreads_count_too() -> None:
    with pytest.raises(DocumentRefused, match="fields"):
        measure("{a}" + "".join(f"fragment F{n} on T{{{'a ' * 125}}}" for n in range(2)))


def test_two_fragments_of_one_name_both_count() -> None:
    with pytest.raises(DocumentRefused, match="fields"):
        measure("{...F}" + f"fragment F on T{{r{{{'a ' * 125}}}}}" * 2)


@pytest.mark.parametrize("length", [1, 2, 3, 30])
def test_circular_fragments_are_refused(length: int) -> None:
    ring = "".join(f"fragment F{n} on T{{...F{(n + 1) % length}}}" for n in range(length))
    with pytest.raises(DocumentRefused, match="circle"):
        measure("{...F0}" + ring)
    with pytest.raises(DocumentRefused, match="circle"):
        measure("{a}" + ring)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_chain_of_fragments_is_bounded_whatever_their_order(backwards: bool) -> None:
    def chain(length: int) -> str:
        parts = [f"fragment F{n} on T{{...F{n + 1}}}" for n in range(length)]
        parts.append(f"fragment F{length} on T{{a}}")
        return "{...F0}" + "".join(reversed(parts) if backwards else parts)

    assert measure(chain(MAX_NESTING - 2)).nesting == MAX_NESTING
    with pytest.raises(DocumentRefused, match="nests"):
        measure(chain(MAX_NESTING - 1))


def test_a_fragment_measured_before_counts_with_its_whole_depth() -> None:
    chain = (
        "".join(f"fragment F{n} on T{{...F{n + 1}}}" for n in range(MAX_NESTING)) + f"fragment F{MAX_NESTING} on T{{a}}"
    )
    for text in ("{...F0}" + chain, "{...F20 ...F0}" + chain):
        with pytest.raises(DocumentRefused, match="nests"):
            measure(text)


def test_a_doubling_chain_is_refused_by_its_sum_though_its_text_is_short() -> None:
    chain = "".join(f"fragment F{n} on T{{...F{n + 1} ...F{n + 1}}}" for n in range(30))
    with pytest.raises(DocumentRefused, match="fields"):
        measure("{r{...F0}}" + chain + "fragment F30 on T{a}")


def test_the_standard_introspection_query_is_within_the_limits() -> None:
    measured = measure(get_introspection_query(specified_by_url=True, input_value_deprecation=True, one_of=True))
    assert measured.introspects
    assert measured.depth == 1


def test_deeper_introspection_than_tools_need_is_refused() -> None:
    with pytest.raises(DocumentRefused, match="levels of introspection"):
        measure("{__schema{types{" + "ofType{" * 14 + "name" + "}" * 17)


@pytest.mark.parametrize(
    "text", ["{__schema{types{name}}}", '{a{b{x:__type(name:"T"){name}}}}', "{...F}fragment F on Q{__type}"]
)
def test_introspection_is_seen_anywhere(text: str) -> None:
    assert measure(text).introspects


@pytest.mark.parametrize("text", ["{__typename}", "{a{__typename}}", "{schema}", "{x:a}"])
def test_a_type_name_is_no_introspection(text: str) -> None:
    assert not measure(text).introspects


def test_spreading_an_unknown_fragment_is_left_to_validation() -> None:
    assert measure("{a ...Nope}").fields == 1


def around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.one_of(inner.map("f{}".format), inner.map("...{}".format), st.just("...F"), st.just("x:a"))
    return st.lists(parts, min_size=1, max_size=4).map(lambda chosen: "{" + " ".join(chosen) + "}")


selection_sets = st.recursive(st.just("{a}"), around, max_leaves=30)


@given(selection_sets, selection_sets)
def test_any_document_is_measured_within_the_limits_or_refused(operation: str, fragment: str) -> None:
    with contextlib.suppress(DocumentRefused):
        measured = measure(f"{operation} fragment F on T {fragment}")
        assert measured.depth <= 10
        assert measured.fields <= 250
        assert measured.aliases <= 30
