"""Access rules on fields whose resolver is ours, where only the ordinary execution asks them."""

import asyncio
from typing import Any

import pytest
import strawberry

from identity_api.graphql.engine import AccessRule, build_schema
from tests.graphql.engine.example import Context

only_seers = AccessRule(lambda _, context: context.may_see, "Not for you.", code="NOT_FOR_YOU")


@strawberry.type
class Query:
    @strawberry.field(extensions=[only_seers])
    def at_once(self) -> str | None:
        return "seen"

    @strawberry.field(extensions=[only_seers])
    async def later(self) -> str | None:
        return "seen"


schema = build_schema(Query)


def ask(field: str, *, may_see: bool) -> Any:
    return asyncio.run(schema.execute(f"{{ {field} }}", context_value=Context(may_see=may_see)))


@pytest.mark.parametrize("field", ["atOnce", "later"])
def test_a_field_is_read_when_its_rule_says_yes_and_an_error_when_it_says_no(field: str) -> None:
    assert ask(field, may_see=True).data == {field: "seen"}
    refused = ask(field, may_see=False)
    assert refused.data == {field: None}
    assert (refused.errors[0].message, refused.errors[0].original_error.code) == ("Not for you.", "NOT_FOR_YOU")


def test_a_rule_without_a_code_of_its_own_says_forbidden() -> None:
    @strawberry.type
    class Plain:
        field: str | None = strawberry.field(default="x", extensions=[AccessRule(lambda _source, _context: False)])

    @strawberry.type
    class Root:
        @strawberry.field
        def plain(self) -> Plain:
            return Plain()

    result = asyncio.run(build_schema(Root).execute("{ plain { field } }", context_value=Context()))
    assert result.errors is not None
    assert getattr(result.errors[0].original_error, "code", None) == "FORBIDDEN"
