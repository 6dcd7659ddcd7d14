"""Compiled completion answers what the ordinary execution answers, error for error.

Both executors run over the same schema; data is compared as bytes, errors by message, path and locations.
"""

import asyncio
import copy
import os
import re
from typing import Any

import msgspec
import pytest
import strawberry
from graphql import DocumentNode, GraphQLError, experimental_execute_incrementally, parse, validate
from strawberry.execution import optimized_is_awaitable
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from identity_api.graphql.engine import WRITTEN_AS
from identity_api.graphql.engine.completion import CompilingExecutor, plans_of
from tests.graphql.engine.example import BranchRow, Colour, Context, LeafRow, Query, schema
from tests.graphql.engine.generate import Queries, Rows, odd_values

# A longer proof: EQUALITY_QUERIES=2000 pytest tests/graphql/engine/test_completion.py
QUERIES = int(os.environ.get("EQUALITY_QUERIES", "60"))


def execute(
    executor_class: Any, document: DocumentNode, variables: dict[str, Any], context: Context, of: Any = schema
) -> Any:
    """(data as JSON, sorted errors) of one execution."""

    async def run() -> Any:
        executor = executor_class.build(
            of._schema,
            document,
            context_value=context,
            raw_variable_values=variables,
            is_awaitable=optimized_is_awaitable,
        )
        result = executor.execute_operation()
        return await result if optimized_is_awaitable(result) else result

    return shown(asyncio.run(run()))


def shown(result: Any) -> Any:
    """(data as JSON, sorted errors)."""
    errors = [(e.message, repr(e.path), repr(e.locations)) for e in result.errors or ()]
    # A UUID field answers with the text of whatever it holds; an iterator's has its address.
    return re.sub(rb"(?i)0x[0-9a-f]+", b"0x", msgspec.json.encode(result.data)), sorted(errors)


def compare(document: DocumentNode, variables: dict[str, Any], make_context: Any) -> tuple[bytes, list[Any]]:
    """Both executions on equal contexts made separately, since iterators can be read once."""
    ordinary = execute(StrawberryGraphQLCoreExecutionContext, document, variables, make_context())
    compiled = execute(CompilingExecutor, document, variables, make_context())
    assert compiled == ordinary
    return ordinary


def generated_documents() -> list[DocumentNode]:
    documents = (parse(Queries(seed).text()) for seed in range(100_000))
    valid = (document for document in documents if not validate(schema._schema, document))
    return [next(valid) for _ in range(QUERIES)]


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_generated_queries_on_clean_and_odd_rows_get_the_same_answer_from_both() -> None:
    completed = stepped_aside = with_errors = 0
    for seed, document in enumerate(generated_documents()):
        for probability in (0.0, 0.01, 0.2):
            variables = {"a": seed % 2 == 0, "b": seed % 3 == 0}

            def context(seed: int = seed, probability: float = probability) -> Context:
                return Context(Rows(seed, probability).branch(), may_see=seed % 4 != 0)

            _, errors = compare(document, variables, context)
            with_errors += bool(errors)
        plans = plans_of(document)
        completed += plans.completed
        stepped_aside += plans.stepped_aside
    # Without these the comparison would compare the ordinary execution with itself.
    assert completed > 2 * QUERIES
    assert stepped_aside > QUERIES / 2
    assert with_errors > QUERIES / 4


LEAF_FIELDS = [
    ("maybeText", "maybe_text"), ("key", "key"), ("number", "number"), ("maybeNumber", "maybe_number"), ("ratio", "ratio"),
    ("flag", "flag"), ("colour", "colour"), ("maybeColour", "maybe_colour"), ("unique", "unique"), ("moment", "moment"),
    ("texts", "texts"), ("maybeTexts", "maybe_texts"), ("numbers", "numbers"), ("grid", "grid"), ("secret", "secret"),
    ("name", "name"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "attribute"), LEAF_FIELDS)
def test_every_leaf_treats_every_odd_value_as_the_ordinary_execution_does(field: str, attribute: str) -> None:
    document = parse(f"{{ maybeBranch {{ maybeLeaf {{ {field} }} }} }}")
    for index in range(len(odd_values())):

        def plain(index: int = index) -> Context:
            return Context(BranchRow(maybe_leaf=LeafRow(**{attribute: odd_values()[index]})))

        def in_list(index: int = index) -> Context:
            return Context(BranchRow(maybe_leaf=LeafRow(**{attribute: [odd_values()[index]]})))

        compare(document, {}, plain)
        compare(document, {}, in_list)
    assert plans_of(document).completed > 0


def test_two_documents_with_equal_fields_and_different_fragments_keep_their_own_selections() -> None:
    """Syntax nodes compare by structure: a plan found by equal nodes would answer with the other's fragment."""
    first = parse("{ branch { ...F } } fragment F on Branch { leaf { number } }")
    second = parse("{ branch { ...F } } fragment F on Branch { leaf { flag } }")
    assert compare(first, {}, Context)[0] == b'{"branch":{"leaf":{"number":7}}}'
    assert compare(second, {}, Context)[0] == b'{"branch":{"leaf":{"flag":true}}}'


@pytest.mark.parametrize("value", [True, False])
def test_one_document_answers_each_value_of_its_include_variable(value: bool) -> None:
    document = parse("query ($a: Boolean!) { branch { name leaf @include(if: $a) { number } } }")
    compare(document, {"a": not value}, Context)
    data, _ = compare(document, {"a": value}, Context)
    assert (b"leaf" in data) is value
    assert plans_of(document).completed == 2


def test_a_clean_page_is_completed_by_one_call_and_nothing_steps_aside() -> None:
    document = parse("{ branches { name leaves { number texts colour } maybeLeaf { key } } }")
    row = BranchRow(leaves=[LeafRow() for _ in range(50)])
    compare(document, {}, lambda: Context(copy.deepcopy(row)))
    assert (plans_of(document).completed, plans_of(document).stepped_aside) == (1, 0)


class ShelfRow(msgspec.Struct):
    books: Any
    written: msgspec.Raw | None


@strawberry.type
class Book:
    title: str
    maybe: str | None
    sold: bool
    colour: Colour | None
    pages: list["Book"]


@strawberry.type
class Shelf:
    books: list[Book] = strawberry.field(metadata={WRITTEN_AS: lambda row: row.written})


@strawberry.type
class Library:
    @strawberry.field
    def shelf(self, info: strawberry.Info) -> Shelf | None:
        return info.context.row


class BookRow(msgspec.Struct):
    title: Any = "one"
    maybe: Any = None
    sold: Any = True
    colour: Any = Colour.RED
    pages: Any = ()


LIBRARY = strawberry.Schema(Library, execution_context_class=CompilingExecutor)
BOOKS = [BookRow(pages=[BookRow("two", "\u00e9")])]
WRITTEN = b"""[{"title": "one", "maybe": null, "sold": true, "colour": "RED", "beyond": 1, "pages": [
    {"sold": true, "title": "two", "maybe": "\xc3\xa9", "colour": "RED", "pages": []}]}]"""


@pytest.mark.parametrize(
    ("selection", "is_read"),
    [
        ("title", True),
        ("sold maybe pages { colour maybe title }", True),
        ("pages { sold } ...F pages { title }", True),
        ("title @skip(if: $a) sold", True),
        ("name: title", False),
        ("__typename title", False),
        ("pages { name: title }", False),
    ],
)
def test_what_is_selected_of_a_written_field_is_read_from_its_json(selection: str, is_read: bool) -> None:
    fragment = "fragment F on Book { pages { maybe } }" if "...F" in selection else ""
    document = parse(f"query($a: Boolean = true) {{ shelf {{ books {{ {selection} }} }} }} {fragment}")
    ordinary = execute(StrawberryGraphQLCoreExecutionContext, document, {}, Context(ShelfRow(BOOKS, None)), LIBRARY)
    for books, written in ((BOOKS, WRITTEN), (BOOKS, None), ([] if is_read else BOOKS, WRITTEN)):
        row = ShelfRow(books, None if written is None else msgspec.Raw(written))
        assert execute(CompilingExecutor, document, {}, Context(row), LIBRARY) == ordinary
    assert (plans_of(document).completed, plans_of(document).stepped_aside) == (3, 0)


@pytest.mark.parametrize("wrong", [b'[{"title": null}]', b"[{}]", b'[{"title": 1}]', b"null", b"["])
def test_a_written_field_that_is_not_as_its_type_says_is_answered_from_its_rows(wrong: bytes) -> None:
    document = parse("{ shelf { books { title } } }")
    row = ShelfRow(BOOKS, msgspec.Raw(wrong))
    assert (
        execute(CompilingExecutor, document, {}, Context(row), LIBRARY)[0] == b'{"shelf":{"books":[{"title":"one"}]}}'
    )
    assert plans_of(document).stepped_aside == 1


def test_an_access_rule_refuses_in_compiled_code_too() -> None:
    document = parse("{ branch { leaf { secret } } }")
    assert compare(document, {}, lambda: Context(may_see=True))[1] == []
    data, errors = compare(document, {}, lambda: Context(may_see=False))
    assert data == b"null"
    assert errors[0][0] == "You may not see this."
    assert plans_of(document).stepped_aside > 0


def test_a_row_of_another_type_is_refused_by_compiled_code_too() -> None:
    document = parse("{ branch { name } }")
    assert compare(document, {}, lambda: Context(BranchRow()))[1] == []
    _, errors = compare(document, {}, lambda: Context(LeafRow()))  # it has a name as well
    assert errors[0][0].startswith("Expected value of type 'Branch'")


def test_an_extension_that_wraps_every_field_switches_compiled_code_off() -> None:
    asked: list[str] = []

    class Tracing(SchemaExtension):
        def resolve(self, next_: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
            asked.append(info.field_name)
            return next_(root, info, *args, **kwargs)

    hooked = strawberry.Schema(Query, extensions=[Tracing], execution_context_class=CompilingExecutor)
    result = asyncio.run(hooked.execute("{ branch { leaf { number } } }", context_value=Context()))
    assert result.data == {"branch": {"leaf": {"number": 7}}}
    assert asked == ["branch", "leaf", "number"]


@pytest.mark.parametrize(
    "query",
    [
        "{ branch { name ... @defer { leaf { number } } } }",
        "{ branch { leaves @stream(initialCount: 1) { number } } }",
    ],
)
def test_deferred_and_streamed_selections_are_left_to_the_ordinary_execution(query: str) -> None:
    """Our schema has neither directive; the executor must be right all the same."""
    incremental = strawberry.Schema(Query, config=StrawberryConfig(enable_experimental_incremental_execution=True))
    row = BranchRow(leaves=[LeafRow(), LeafRow(number=8)])

    async def run(executor_class: Any) -> list[Any]:
        result = experimental_execute_incrementally(
            incremental._schema, parse(query), context_value=Context(row), executor_class=executor_class
        )
        result = await result if optimized_is_awaitable(result) else result
        frames = [result.initial_result.formatted]
        frames += [frame.formatted async for frame in result.subsequent_results]
        return frames

    assert asyncio.run(run(CompilingExecutor)) == asyncio.run(run(StrawberryGraphQLCoreExecutionContext))


def test_variants_beyond_the_bound_are_executed_in_the_ordinary_way() -> None:
    names = [f"v{n}" for n in range(7)]  # 128 variants, twice the bound
    head = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"a{name}: number @include(if: ${name})" for name in names)
    document = parse(f"query ({head}) {{ branch {{ leaf {{ key {fields} }} }} }}")
    for variant in range(128):
        compare(document, {name: bool(variant >> n & 1) for n, name in enumerate(names)}, Context)
    assert plans_of(document).completed == 64


def test_variables_that_cannot_be_coerced_give_errors_and_no_executor() -> None:
    errors = CompilingExecutor.build(schema._schema, parse("query ($a: Int!) { page(first: $a) }"))
    assert isinstance(errors, list)
    assert isinstance(errors[0], GraphQLError)
