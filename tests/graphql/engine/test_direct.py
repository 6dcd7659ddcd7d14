"""A query of one plain root field is answered without an executor, with the executor's answer, error for error."""

import asyncio
import gc
from typing import Any, cast

import msgspec
import pytest
import strawberry
from graphql import DocumentNode, parse

from identity_api.errors import Conflict
from identity_api.graphql.engine import AccessRule, direct
from identity_api.graphql.engine.completion import CompilingExecutor, plans_of
from identity_api.graphql.engine.direct import Query as Known
from identity_api.graphql.engine.direct import _coerced_call
from tests.graphql.engine.example import BranchRow, Colour, Context, LeafRow, schema
from tests.graphql.engine.generate import Rows
from tests.graphql.engine.test_completion import QUERIES, compare, generated_documents, shown
from tests.graphql.engine.test_http import ask, codes, content

NAMES = "{ branch { name leaf { key number } } }"


def learn(document: DocumentNode, variables: dict[str, Any] | None = None, name: str | None = None) -> None:
    executor = CompilingExecutor.build(
        schema._schema, document, context_value=Context(), raw_variable_values=variables, operation_name=name
    )
    assert isinstance(executor, CompilingExecutor)
    direct.learn(executor, name)


def answer(
    document: DocumentNode, context: Context, variables: dict[str, Any] | None = None, name: str | None = None
) -> Any:
    """(data as JSON, errors), as `execute` of the comparison has them; None if it is for the executor."""
    result = asyncio.run(direct.answer(schema._schema, document, context, variables=variables, operation_name=name))
    return None if result is None else shown(result)


def fields_of(document: DocumentNode, name: str | None = None) -> Any:
    known: Known = plans_of(document).queries[name]
    return known.fields


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_generated_queries_get_the_executors_answer_or_are_left_to_it() -> None:
    answered = left = 0
    for seed, document in enumerate(generated_documents()):
        for probability in (0.0, 0.01, 0.2):
            variables = {"a": seed % 2 == 0, "b": seed % 3 == 0}

            def context(seed: int = seed, probability: float = probability) -> Context:
                return Context(Rows(seed, probability).branch(), may_see=seed % 4 != 0)

            learn(document, variables)
            found = answer(document, context(), variables)
            left += found is None
            if found is not None:
                answered += 1
                assert found == compare(document, variables, context)
    assert answered > QUERIES / 10
    assert left > QUERIES / 2


def test_the_second_request_of_a_document_is_answered_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "{ branch { name leaf { flag } } }"
    first = ask({"query": text})

    def build(*_: Any, **__: Any) -> Any:
        raise AssertionError("an executor was built")

    monkeypatch.setattr(schema, "build_executor", build)
    assert (
        content(ask({"query": text}))
        == content(first)
        == {"data": {"branch": {"name": "branch", "leaf": {"flag": True}}}}
    )
    with pytest.raises(AssertionError, match="executor"):
        ask({"query": "{ branch { leaf { flag number } } }"})


@pytest.mark.parametrize(
    "text",
    [
        "{ branch { name } maybeBranch { name } }",
        "{ branch { leaf { later } } }",
        "{ branch { leaf { loud } } }",
        "{ branch { either { __typename } } }",
        '{ echo(text: "x") }',
        "mutation { __typename }",
    ],
)
def test_what_has_several_root_fields_or_a_field_that_is_not_plain_is_the_executors(text: str) -> None:
    document = parse(text)
    learn(document)
    assert answer(document, Context()) is None


def test_a_value_of_another_type_is_left_to_the_executor() -> None:
    document = parse(NAMES)
    learn(document)
    assert answer(document, Context(BranchRow())) is not None
    assert answer(document, Context(BranchRow(leaf=BranchRow()))) is None
    odd = Context(BranchRow(leaf=BranchRow()))
    by_executor, after_stepping_aside = ask({"query": NAMES}, context=odd), ask({"query": NAMES}, context=odd)
    assert codes(after_stepping_aside) == codes(by_executor) == ["INTERNAL"]


def test_each_value_of_a_switch_variable_has_its_own_selection() -> None:
    document = parse("query ($a: Boolean!) { branch { name leaf @include(if: $a) { number } } }")
    for value in (True, False):
        learn(document, {"a": value})
    assert answer(document, Context(), {"a": True})[0] == b'{"branch":{"name":"branch","leaf":{"number":7}}}'
    assert answer(document, Context(), {"a": False})[0] == b'{"branch":{"name":"branch"}}'
    assert len(fields_of(document)) == 2


def test_each_operation_of_a_document_is_answered_by_its_name() -> None:
    document = parse("query A { branch { name } } query B { branch { leaf { number } } }")
    for name in ("A", "B"):
        learn(document, name=name)
    assert answer(document, Context(), name="B")[0] == b'{"branch":{"leaf":{"number":7}}}'
    assert answer(document, Context(), name="A")[0] == b'{"branch":{"name":"branch"}}'
    assert answer(document, Context(), name="C") is None


def test_a_variable_that_cannot_be_coerced_is_reported_by_the_executor() -> None:
    text = "query ($a: Boolean!) { branch { name leaf @skip(if: $a) { key } } }"
    good, wrong = {"query": text, "variables": {"a": True}}, {"query": text, "variables": {"a": "x"}}
    ask(good)
    assert content(ask(good)) == {"data": {"branch": {"name": "branch"}}}
    assert (ask(wrong).status, codes(ask(wrong))) == (400, ["BAD_INPUT"])


@pytest.mark.parametrize(
    "selection",
    [
        "branch @include(if: $a) { name }",
        "branch { name @skip(if: $a) }",
        "branch { leaf { key @include(if: $a) } }",
        "branch { leaf { ...F @include(if: $a) } }",
    ],
)
def test_a_switch_that_is_null_is_reported_by_the_executor_where_it_stands(selection: str) -> None:
    fragment = " fragment F on Leaf { key }" if "...F" in selection else ""
    text, variables = f"query ($a: Boolean = true) {{ {selection} }}{fragment}", {"a": None}
    _, errors = compare(parse(text), variables, Context)
    for _ in range(2):
        answer = ask({"query": text, "variables": variables})
        assert (answer.status, codes(answer)) == (200, ["BAD_INPUT"] * len(errors))
    assert "errors" not in content(ask({"query": text, "variables": {}}))


class ToldRow(msgspec.Struct):
    said: str


@strawberry.type
class Told:
    said: str


@strawberry.input
class Size:
    first: int
    unit: str | None = "m"
    kind_of: strawberry.ID | None = None
    shades: list[Colour] | None = None
    inner: "Size | None" = None
    perhaps: strawberry.Maybe[str] = None


async def tell(
    self: Any,
    info: strawberry.Info,
    some_key: strawberry.ID,
    text: str | None = "none",
    number: int = 3,
    colour: Colour = Colour.RED,
    size: Size | None = None,
) -> Told | None:
    """What arrives here, and what it says of the variables."""
    if some_key == "":
        raise Conflict("There is no such key.")
    given = info._raw_info.variable_values
    return cast("Told", ToldRow(f"{self} {some_key!r} {text!r} {number} {colour} {size} {given}"))


@strawberry.type
class Telling:
    told: Told | None = strawberry.field(resolver=tell, extensions=[AccessRule(lambda _, context: context.may_see)])


TELLING = strawberry.Schema(Telling, execution_context_class=CompilingExecutor)


def _size(members: str) -> str:
    return f"query ($k: ID!, $t: String) {{ told(someKey: $k, size: {{{members}}}) {{ said }} }}"


KEY = "query ($k: ID!, $t: String) { told(someKey: $k, text: $t) { said } }"


@pytest.mark.parametrize(
    ("text", "variables", "is_plain"),
    [
        (KEY, {"k": "a", "t": "b"}, True),
        (KEY, {"k": "a", "t": None, "beyond": 1}, True),
        (KEY, {"k": "a"}, True),
        (KEY, {"k": ""}, True),
        (KEY, {"k": 7}, False),
        (KEY, {"k": "a", "t": 7}, False),
        (KEY, {"k": None}, False),
        (KEY, {}, False),
        ("query ($k: ID!) { told(someKey: $k, number: 5, text: null) { said } }", {"k": "a"}, True),
        ("query ($k: ID!) { told(someKey: $k, size: {first: 2}) { said } }", {"k": "a"}, True),
        ("query ($k: ID!) { told(someKey: $k, size: null) { said } }", {"k": "a"}, True),
        ("query ($k: ID!) { told(someKey: $k, colour: BLUE) { said } }", {"k": "a"}, True),
        (_size("first: 2, inner: {first: 3, unit: null}, shades: [RED, BLUE], kindOf: 7"), {"k": "a"}, True),
        (_size("first: 2, unit: $t, kindOf: $k"), {"k": "a", "t": "b"}, True),
        (_size("first: 2, unit: $t"), {"k": "a", "t": None}, True),
        (_size("first: 2, unit: $t"), {"k": "a"}, True),
        (_size("first: 2, unit: $t"), {"k": "a", "t": 7}, False),
        (_size("first: 2, inner: {first: 3, unit: $t}"), {"k": "a", "t": "b"}, False),
        (_size('first: 2, perhaps: "x"'), {"k": "a"}, True),
        (_size("first: 2, perhaps: $t"), {"k": "a", "t": "b"}, False),
        ("query ($k: ID!, $n: Int!) { told(someKey: $k, number: $n) { said } }", {"k": "a", "n": 4}, False),
        ('query ($k: ID = "x") { told(someKey: $k) { said } }', {"k": "a"}, False),
        ("query ($k: ID!, $a: Boolean!) { told(someKey: $k) { said @skip(if: $a) } }", {"k": "a", "a": False}, False),
        ("{ told(someKey: 7) { said } }", {}, True),
    ],
)
@pytest.mark.parametrize("may_see", [True, False])
def test_arguments_that_need_no_coercion_reach_the_resolver_as_graphql_core_would_give_them(
    text: str, variables: dict[str, Any], *, is_plain: bool, may_see: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = parse(text)
    learnt = {"k": "a", **{name: value for name, value in variables.items() if name in ("n", "a")}}
    executor = CompilingExecutor.build(TELLING._schema, document, raw_variable_values=learnt)
    assert isinstance(executor, CompilingExecutor)
    direct.learn(executor, None)
    coerced = []

    def counted(*given: Any) -> Any:
        coerced.append(given)
        return _coerced_call(*given)

    monkeypatch.setattr(direct, "_coerced_call", counted)

    def ask() -> Any:
        of = direct.answer(
            TELLING._schema, document, Context(may_see=may_see), variables=variables, operation_name=None
        )
        return asyncio.run(of)

    found, ordinary = (
        ask(),
        CompilingExecutor.build(
            TELLING._schema, document, context_value=Context(may_see=may_see), raw_variable_values=variables
        ),
    )
    if isinstance(ordinary, list):
        assert (found, coerced) == (None, [])
        return

    async def run() -> Any:
        return await ordinary.execute_operation()

    assert shown(found) == shown(asyncio.run(run()))
    assert bool(coerced) is not is_plain


class Failing(Context):
    """The resolver of every branch fails."""

    def __getattribute__(self, name: str) -> Any:
        if name == "row":
            raise Conflict("Somebody was faster.")
        return super().__getattribute__(name)


@pytest.mark.parametrize("field", ["branch", "maybeBranch"])
def test_what_a_resolver_raises_is_the_fields_error(field: str) -> None:
    document = parse(f"{{ found: {field} {{ name }} }}")
    learn(document)
    found = answer(document, Failing())
    assert found == compare(document, {}, Failing)
    assert found[0] == (b"null" if field == "branch" else b'{"found":null}')
    assert [error[0] for error in found[1]] == ["Somebody was faster."]


@pytest.mark.parametrize("field", ["branch", "maybeBranch"])
def test_null_is_an_answer_where_it_may_be_one(field: str) -> None:
    document = parse(f"{{ {field} {{ name }} }}")
    learn(document)
    found = answer(document, Context(None))
    assert found == (None if field == "branch" else (b'{"maybeBranch":null}', []))


def test_nothing_of_the_request_that_was_learnt_from_is_kept() -> None:
    document = parse(NAMES)
    context = Context(LeafRow())
    executor = CompilingExecutor.build(schema._schema, document, context_value=context)
    assert isinstance(executor, CompilingExecutor)
    direct.learn(executor, None)
    del executor
    gc.collect()
    assert not [one for one in gc.get_referrers(context) if one is not globals() and not hasattr(one, "f_code")]
