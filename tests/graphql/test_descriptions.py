"""What is in the schema says what it is."""

import re
from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    is_specified_scalar_type,
    is_union_type,
)

from tests.graphql.documents import CORE


def _parts(type_: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    """A type and what it has, each by its path in the schema, with its description."""
    if not is_union_type(type_):
        yield type_.name, type_.description
    if isinstance(type_, GraphQLEnumType):
        for name, value in type_.values.items():
            yield f"{type_.name}.{name}", value.description
    if isinstance(type_, GraphQLInputObjectType):
        for name, taken in type_.fields.items():
            yield f"{type_.name}.{name}", taken.description
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in type_.fields.items():
            yield f"{type_.name}.{name}", field.description


PARTS = {
    path: description
    for type_ in CORE.type_map.values()
    if not type_.name.startswith("__") and not is_specified_scalar_type(type_)
    for path, description in _parts(type_)
}


def test_everything_in_the_schema_has_a_description() -> None:
    assert [path for path, description in PARTS.items() if not (description or "").strip()] == []


def test_a_description_has_two_sentences_at_most() -> None:
    ends = re.compile(r"[.!?](?= [A-Z`])")
    long = {path for path, description in PARTS.items() if len(ends.findall(description or "")) > 1}
    assert long == set()
