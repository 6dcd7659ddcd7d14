"""Builds the schema that the engine executes."""

from collections.abc import Callable, Iterable
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import ExecutionContext

from identity_api.graphql.engine.completion import CompilingExecutor
from identity_api.graphql.engine.prepared import DocumentCache


class EngineSchema(strawberry.Schema):
    """A Strawberry schema with its cache of prepared documents. `engine.http.handle` executes it."""

    documents: DocumentCache
    build_executor: Callable[..., Any]
    """Makes the executor of one request: the compiling one, unless it is switched off."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing: `masking` decides what is worth a log line, and Strawberry would log clients' mistakes."""


def build_schema(
    query: type,
    mutation: type | None = None,
    subscription: type | None = None,
    *,
    types: Iterable[Any] = (),
    compiled: bool = True,
) -> EngineSchema:
    """The schema of these root types.

    Args:
        types: implementations that no field names.
        compiled: whether plain objects are completed by compiled code. Without it graphql-core does everything, with the
            same answers and several times more processor time.

    It takes no schema extensions: one with `resolve` would switch compiled completion off, and the engine runs none.
    """
    executor = CompilingExecutor if compiled else StrawberryGraphQLCoreExecutionContext
    schema = EngineSchema(
        query,
        mutation,
        subscription,
        types=types,
        execution_context_class=executor,
        config=StrawberryConfig(auto_camel_case=True, disable_field_suggestions=True),
    )
    schema.build_executor = executor.build
    schema.documents = DocumentCache(schema._schema)
    return schema
