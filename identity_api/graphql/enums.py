"""Enums of the schema, with a description for every value.

`strawberry.enum_value` cannot be a value of a `StrEnum`, and the enums of the lower layers do not know Strawberry; so
the descriptions are a separate argument.
"""

from collections.abc import Callable, Mapping
from enum import EnumMeta, StrEnum
from typing import Any, TypeVar

import strawberry

EnumT = TypeVar("EnumT", bound=EnumMeta)


def enum_type(description: str, values: Mapping[str, str], *, name: str | None = None) -> Callable[[EnumT], EnumT]:
    """`strawberry.enum` with described values.

    Args:
        values: the description of each member, by the member's name.
        name: the type's name in the schema where it is not the class's own.

    Raises:
        LookupError: when it is applied: a member has no description, or a description no member.
    """

    def decorate(cls: EnumT) -> EnumT:
        made: Any = strawberry.enum(cls, name=name, description=description)
        definition = made.__strawberry_definition__
        if {value.name for value in definition.values} != set(values):
            raise LookupError(f"{cls.__name__} and the descriptions of its values differ")
        for value in definition.values:
            value.description = values[value.name]
        return cls

    return decorate


@enum_type(
    "Where an object is edited.",
    {
        "FILE": "In a file of the operator; GraphQL refuses to change it (`MANAGED_BY_FILE`).",
        "API": "In GraphQL; a file of the operator leaves it as it is.",
    },
)
class ManagedBy(StrEnum):
    """As rows have it."""

    FILE = "FILE"
    API = "API"
