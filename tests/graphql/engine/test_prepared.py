"""Documents are parsed, guarded and validated once; refusals are kept too and say nothing of the schema."""

from typing import Any

import pytest
from graphql import get_introspection_query

from identity_api.graphql.engine import prepared as module
from identity_api.graphql.engine.completion import MAX_DOCUMENTS, plans_of
from identity_api.graphql.engine.prepared import MAX_REFUSED, DocumentCache, Prepared, prepare
from tests.graphql.engine.example import schema


def fresh() -> DocumentCache:
    return DocumentCache(schema._schema)


def code(found: Prepared) -> str:
    return str(found.errors[0]["extensions"]["code"])


@pytest.mark.parametrize("text", ["{ branch { name } }", "{ nope }", "{", "{" + "a{" * 20 + "}"])
def test_a_text_is_prepared_once_whether_it_is_good_or_not(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = fresh()
    first = cache.prepare(text)
    monkeypatch.setattr(module, "prepare", lambda *_: pytest.fail("prepared again"))
    assert cache.prepare(text) is first


def test_two_texts_never_share_an_entry() -> None:
    cache = fresh()
    assert cache.prepare("{ branch { name } }").document != cache.prepare("{ maybeBranch { name } }").document


def test_a_valid_document_comes_with_its_measure() -> None:
    found = prepare(schema._schema, "{ x: branch { leaf { number flag } } }")
    assert found.document is not None
    assert (found.measured.fields, found.measured.depth, found.measured.aliases) == (4, 3, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ branch { name }", "SYNTAX_ERROR"),
        ("", "SYNTAX_ERROR"),
        ("{ nope }", "VALIDATION_FAILED"),
        ("{ branch }", "VALIDATION_FAILED"),
        ("{ branch { name } } @defer", "SYNTAX_ERROR"),
        ("{ branch { ... @defer { name } } }", "VALIDATION_FAILED"),
        ("subscription { branch { name } }", "VALIDATION_FAILED"),
        ("type Query { a: Int }", "VALIDATION_FAILED"),
        ('{ page(first: "1") }', "BAD_INPUT"),
        ("{ page(first: 2147483648) }", "BAD_INPUT"),
        ("{ byColour(colour: GREEN) }", "BAD_INPUT"),
        ("{" + "a{" * 11 + "b" + "}" * 12, "DOCUMENT_REFUSED"),
        ("{ ...F } fragment F on Query { ...F }", "DOCUMENT_REFUSED"),
    ],
)
def test_a_refused_document_has_a_code_and_no_tree(text: str, expected: str) -> None:
    found = prepare(schema._schema, text)
    assert found.document is None
    assert code(found) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{ branc { name } }",
        "{ branch { nam } }",
        "{ branch }",
        "{ page(frst: 1) }",
        "{ byColour(colour: REDD) }",
        '{ byColour(colour: "RED") }',
        '{ echo(text: "", filter: {tex: ""}) }',
        "{ branch { ... on Branh { name } } }",
        "query ($f: Filte) { echo(text: $f) }",
    ],
)
def test_a_mistake_gets_no_suggestion(text: str) -> None:
    found = prepare(schema._schema, text)
    assert found.errors
    assert "Did you mean" not in str(found.errors)


def test_a_string_literal_with_a_control_character_is_noted_and_not_executed() -> None:
    found = prepare(schema._schema, '{ echo(text: "a\\u0000") }')
    assert (found.document, found.errors) == (None, ())
    assert found.bad_input is not None


def test_introspection_is_valid_and_marked() -> None:
    found = prepare(schema._schema, get_introspection_query())
    assert found.document is not None
    assert found.measured.introspects


def test_the_number_of_kept_documents_is_bounded_and_their_plans_go_with_them() -> None:
    cache = fresh()
    first = cache.prepare("{ branch { name } }").document
    assert first is not None
    plans = plans_of(first)
    for n in range(MAX_DOCUMENTS):
        cache.prepare(f"query Q{n} {{ branch {{ name }} }}")
    assert len(cache._ready) == MAX_DOCUMENTS
    assert plans_of(first) is not plans


def test_the_tokens_of_kept_documents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CACHED_TOKENS", 2_000)
    cache = fresh()
    for n in range(30):
        cache.prepare(f"query Q{n} {{ branch {{ {'name ' * 100} }} }}")
    assert 1 < len(cache._ready) <= 2_000 // 100
    assert cache._tokens == sum(found.document.token_count for found in cache._ready.values() if found.document)


def test_junk_is_bounded_and_evicts_nothing_that_works() -> None:
    cache = fresh()
    good = cache.prepare("{ branch { name } }")
    for n in range(2 * MAX_REFUSED):
        cache.prepare(f"{{ nope{n} }}")
    assert len(cache._refused) == MAX_REFUSED
    assert cache.prepare("{ branch { name } }") is good


def test_a_recursion_error_is_a_refusal_and_never_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_deep(*_: Any, **__: Any) -> Any:
        raise RecursionError

    monkeypatch.setattr(module, "parse", too_deep)
    assert code(prepare(schema._schema, "{ branch { name } }")) == "DOCUMENT_REFUSED"
