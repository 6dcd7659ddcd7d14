"""Executes GraphQL requests: documents prepared once, limits, compiled completion, masked errors, HTTP rules.

Independent of the schema's concepts. `build_schema` makes the schema, `handle` answers a request, `AccessRule` guards
a field, `GraphQLContext` is what a request's context must offer.

Decision: the executor is built by `http` itself and Strawberry's runner is left out.
Context: there are two ways to run compiled completion, through `Schema.execute` with a schema extension that
fills in the parsed document, or by building the executor directly.
Consequences: a page costs 350 us of CPU instead of 420 and one user 95 instead of 157 (prototype's figures); request
errors and field errors come from different calls; Strawberry's error logging never runs. Schema extensions do not run
either, and `build_schema` takes none.
Alternatives: the runner with the extension, kept possible by `execution_context_class`, which tests use to compare.
"""

from identity_api.graphql.engine.access import AccessRule
from identity_api.graphql.engine.compiler import WRITTEN_AS
from identity_api.graphql.engine.context import GraphQLContext
from identity_api.graphql.engine.direct import READ_AHEAD
from identity_api.graphql.engine.guard import Measured
from identity_api.graphql.engine.http import MAX_BODY_BYTES, handle, problem, refusal
from identity_api.graphql.engine.schema import EngineSchema, build_schema
from identity_api.graphql.engine.subscriptions import Subscribed, asks_for_events, codes_of, is_passing, subscribe

__all__ = [
    "MAX_BODY_BYTES",
    "READ_AHEAD",
    "WRITTEN_AS",
    "AccessRule",
    "EngineSchema",
    "GraphQLContext",
    "Measured",
    "Subscribed",
    "asks_for_events",
    "build_schema",
    "codes_of",
    "handle",
    "is_passing",
    "problem",
    "refusal",
    "subscribe",
]
