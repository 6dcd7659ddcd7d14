"""Types of the schema, and the rows behind them that resolvers return.

Resolvers are annotated with the rows, so that mypy can check them; the schema's type is an argument.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import strawberry

ResolverT = TypeVar("ResolverT", bound=Callable[..., Any])


def resolved(
    graphql_type: Any, description: str, *, metadata: Mapping[Any, Any] | None = None
) -> Callable[[ResolverT], ResolverT]:
    """`strawberry.field` for a resolver that returns the row behind `graphql_type`."""
    decorate: Callable[[ResolverT], ResolverT] = strawberry.field(
        graphql_type=graphql_type, description=description, metadata=metadata
    )
    return decorate


def is_row_of(rows: Callable[[], Any]) -> Callable[[Any, Any], bool]:
    """`is_type_of` of a type that stands in a union or for an interface: whether a value is a row behind it.

    Args:
        rows: the row's class, or a union of several, which may be defined below the type.
    """
    return lambda value, _: isinstance(value, rows())
