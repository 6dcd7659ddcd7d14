"""Everything in the schema says what it is, and a root field what it needs."""

import re
from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    is_specified_scalar_type,
)

from identity_api.graphql.access import ACCESS
from tests.graphql.documents import CORE


def _parts(type_: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    """A type and what it has, each by its path in the schema, with its description."""
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
            for argument, taken in field.args.items():
                yield f"{type_.name}.{name}({argument})", taken.description


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


def test_a_root_field_names_the_permissions_that_it_needs() -> None:
    roots = {path: rule for path, rule in ACCESS.items() if path.partition(".")[0] in ("Query", "Mutation")}
    named = {path: tuple(re.findall(r"`(identity:[a-z:]+)`", PARTS[path] or "")) for path in roots}
    assert named == {path: rule.any_of for path, rule in roots.items()}
