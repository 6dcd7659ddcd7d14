"""Builds the schema that the engine executes."""

from collections.abc import Iterable
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from identity_api.graphql.engine.completion import CompilingExecutor
from identity_api.graphql.engine.prepared import DocumentCache


class EngineSchema(strawberry.Schema):
    """A Strawberry schema with its cache of prepared documents. `engine.http.handle` executes it."""

    documents: DocumentCache

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing: `masking` decides what is worth a log line, and Strawberry would log clients' mistakes."""


def build_schema(query: type, mutation: type | None = None, *, types: Iterable[Any] = ()) -> EngineSchema:
    """The schema of these root types; `types` adds implementations that no field names.

    It takes no schema extensions: one with `resolve` would switch compiled completion off, and the engine runs none.
    """
    schema = EngineSchema(
        query,
        mutation,
        types=types,
        execution_context_class=CompilingExecutor,
        config=StrawberryConfig(auto_camel_case=True, disable_field_suggestions=True),
    )
    schema.documents = DocumentCache(schema._schema)
    return schema
