"""Subscriptions: a document that is prepared once, and executed whenever something may have changed.

A field of `Subscription` is an ordinary field here: its resolver reads what is true now. The source stream of the
specification (section 6.2.3) is the series of moments at which the transport executes it.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_operation_ast,
)

from identity_api.errors import BadInput
from identity_api.graphql.engine.context import GraphQLContext
from identity_api.graphql.engine.guard import Measured
from identity_api.graphql.engine.http import DEADLINE_SECONDS, Operation, decode_operation, execute
from identity_api.graphql.engine.masking import render_own
from identity_api.graphql.engine.negotiation import RESPONSE_JSON
from identity_api.graphql.engine.schema import EngineSchema
from identity_api.graphql.engine.text import check_variables
from identity_api.http import HTTPRequest

EVENT_STREAM: Final = "text/event-stream"
ContextT = TypeVar("ContextT", bound=GraphQLContext)
_RETRIED: Final = frozenset({"UNAVAILABLE", "DATABASE_UNAVAILABLE", "OVERLOADED", "TIMEOUT", "INTERNAL"})


class _Failed(msgspec.Struct):
    extensions: dict[str, object]


class _Result(msgspec.Struct):
    errors: list[_Failed] = []


_read = msgspec.json.Decoder(_Result).decode


class Subscribed:
    """A subscription that may be executed, in a new context each time."""

    def __init__(self, schema: EngineSchema, document: DocumentNode, operation: Operation, field: str) -> None:
        self._schema, self._document, self._operation = schema, document, operation
        self.field = field
        """Its one root field."""

    async def execute(self, context: GraphQLContext) -> bytes:
        """The result now, as JSON."""
        done = await execute(self._schema, self._document, self._operation, context, RESPONSE_JSON, DEADLINE_SECONDS)
        return done.body


def codes_of(body: bytes) -> frozenset[str]:
    """The codes of a result's errors."""
    if b'"errors":' not in body:
        return frozenset()
    return frozenset([str(one.extensions.get("code")) for one in _read(body).errors])


def is_passing(codes: frozenset[str]) -> bool:
    """Whether these errors are temporary, so that the next try may succeed."""
    return bool(codes) and codes <= _RETRIED


def asks_for_events(request: HTTPRequest, schema: EngineSchema) -> bool:
    """Whether a request is a subscription, and takes events for an answer.

    Clients name the media type for queries as well; those are answered as always.
    """
    if request.accept is None or EVENT_STREAM not in request.accept:
        return False
    try:
        operation = decode_operation(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    document = schema.documents.prepare(operation.query).document
    return document is not None and _subscription(document, operation) is not None


async def subscribe(
    schema: EngineSchema,
    request: HTTPRequest,
    context: ContextT,
    charge: Callable[[ContextT, Measured], Awaitable[None]] | None = None,
) -> Subscribed | bytes:
    """The subscription of a request that `asks_for_events`; or the one result, as JSON, that says what is wrong with it.

    Raises:
        IdentityAPIError: what `charge` raises.
    """
    operation = decode_operation(request.body)
    prepared = schema.documents.prepare(operation.query)
    assert prepared.document is not None  # asked before
    found = _subscription(prepared.document, operation)
    assert found is not None  # asked before
    if charge is not None:
        await charge(context, prepared.measured)
    try:
        check_variables(operation.variables or {})
    except BadInput as error:
        return msgspec.json.encode({"errors": [render_own(error)]})
    return Subscribed(schema, prepared.document, operation, _root_field(found.selection_set, prepared.document))


def _root_field(selected: SelectionSetNode, document: DocumentNode) -> str:
    """The name of the one root field, which a fragment may hold. Validation sees to it that there is one (section 5.2.3.1)."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    first = selected.selections[0]
    while isinstance(first, FragmentSpreadNode | InlineFragmentNode):
        inner = first if isinstance(first, InlineFragmentNode) else fragments[first.name.value]
        first = inner.selection_set.selections[0]
    assert isinstance(first, FieldNode)  # there is no other kind of selection
    return first.name.value


def _subscription(document: DocumentNode, operation: Operation) -> OperationDefinitionNode | None:
    found = get_operation_ast(document, operation.operationName)
    return found if found is not None and found.operation is OperationType.SUBSCRIPTION else None
