"""A field whose resolver returns the row behind its type.

Resolvers are annotated with the rows they return, so that mypy can check them; the schema's type is an argument.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import strawberry

ResolverT = TypeVar("ResolverT", bound=Callable[..., Any])


def resolved(graphql_type: Any, description: str) -> Callable[[ResolverT], ResolverT]:
    """`strawberry.field` for a resolver that returns the row behind `graphql_type`."""
    decorate: Callable[[ResolverT], ResolverT] = strawberry.field(graphql_type=graphql_type, description=description)
    return decorate
