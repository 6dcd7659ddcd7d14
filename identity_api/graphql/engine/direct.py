"""Answers a query of one root field without an executor.

A query for the viewer or for one user costs graphql-core more to set up, and to pass through its layers, than to answer. Where
an operation has a single root field and all below it is plain (`compiler`), none of that is needed: graphql-core coerces the
variables and reads the arguments, the field's resolver is called, and the compiled function completes what it returned.
Everything else is the executor's, and so is a value that the compiled function does not expect: the executor then answers
the whole query, so that every message, path and null below the root field is graphql-core's.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableDefinitionNode,
    is_list_type,
    is_object_type,
    located_error,
)
from graphql.execution.collect_fields import FieldDetailsList, collect_fields
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from strawberry.types import Info
from strawberry.types.field import StrawberryField

from identity_api.graphql.engine.access import AccessRule
from identity_api.graphql.engine.arguments import Arguments
from identity_api.graphql.engine.compiler import NOT_COMPILED, Completer, NotPlain, compile_completer, unwrapped
from identity_api.graphql.engine.completion import (
    MAX_COMPLETERS_PER_DOCUMENT,
    CompilingExecutor,
    Plans,
    complete_plain,
    plans_of,
)

READ_AHEAD = "read_ahead"
"""In a root field's `metadata`: a function from the field's info and arguments to what the statement that authenticates a
request may read along with it, so that the resolver needs none; None where it does not know."""


class PlainCall:
    """Calls a resolver whose arguments are made without graphql-core (`arguments`)."""

    def __init__(self, schema: GraphQLSchema, field: GraphQLField, node: FieldNode, operation: Any) -> None:
        """Raises `NotPlain`."""
        strawberry = field.extensions.get("strawberry-definition")
        if not isinstance(strawberry, StrawberryField) or type(strawberry).get_result is not StrawberryField.get_result:
            raise NotPlain
        resolver = strawberry.base_resolver
        if resolver is None or resolver.parent_parameter or resolver.root_parameter or not resolver.info_parameter:
            raise NotPlain
        self.rules = [one for one in strawberry.extensions if type(one) is AccessRule]
        if len(self.rules) < len(strawberry.extensions):
            raise NotPlain
        resolve: Any = resolver.wrapped_func
        self.field, self.resolve, self.info = strawberry, resolve, resolver.info_parameter.name
        self.source = (None,) if resolver.self_parameter else ()
        self.arguments = Arguments(schema, field, node, operation.variable_definitions or ())

    def __call__(self, given: dict[str, Any], info: Any) -> Any:
        """What the resolver returns; raises what the field's rules and the resolver do."""
        asked: Info = Info(_raw_info=info, _field=self.field)
        for rule in self.rules:
            rule.ask(None, asked)
        return self.resolve(*self.source, **self.arguments.made(given), **{self.info: asked})

    def read_ahead(self, given: dict[str, Any], info: Any) -> Any:
        """See `READ_AHEAD`."""
        wanted = self.field.metadata.get(READ_AHEAD)
        if wanted is None:
            return None
        return wanted(Info(_raw_info=info, _field=self.field), **self.arguments.made(given))


class OneField:
    """The query of a document, if its only root field is plain, for the values of its switch variables."""

    def __init__(self, executor: CompilingExecutor, name: str, details: FieldDetailsList) -> None:
        """Raises `NotPlain`."""
        schema, parent = executor.schema, executor.schema.query_type
        nodes = [detail.node for detail in details]
        field = None if parent is None else schema.get_field(parent, nodes[0].name.value)
        if parent is None or field is None or field.resolve is None:
            raise NotPlain
        self.is_nullable, type_ = unwrapped(field.type)
        complete = None
        if is_object_type(type_) or is_list_type(type_):
            complete = compile_completer(executor, type_, details)
        if complete is None:
            raise NotPlain
        self.complete: Completer = complete
        self.name, self.field, self.nodes, self.resolve = name, field, nodes, field.resolve
        self.path = Path(None, name, parent.name)
        self.call: PlainCall | None = None
        with suppress(NotPlain):
            self.call = PlainCall(schema, field, nodes[0], executor.operation)
        # Nothing of the request that it was made for may stay: neither its context nor the executor that has it.
        info: Any = executor.build_resolve_info(field, nodes, parent, self.path)
        self.info = info._replace(context=None, variable_values={}, async_helpers=None)


class Query:
    """The operation of a document, with what is known of it for each value of its switch variables."""

    def __init__(self, operation: OperationDefinitionNode) -> None:
        self.variables: tuple[VariableDefinitionNode, ...] = tuple(operation.variable_definitions or ())
        self.fields: dict[tuple[Any, ...], OneField | None] = {}
        """By the switch variables' values; None where it is for the executor."""


_NO_VALUES = VariableValues({}, {})


def learn(executor: CompilingExecutor, operation_name: str | None) -> None:
    """Remember how the operation of this executor is answered, for the next time that its document comes."""
    plans = executor.plans
    if plans is None or executor.operation.operation is not OperationType.QUERY:
        return
    query = plans.queries.get(operation_name)
    if query is None:
        query = plans.queries[operation_name] = Query(executor.operation)
    if executor.variant not in query.fields and len(query.fields) < MAX_COMPLETERS_PER_DOCUMENT:
        query.fields[executor.variant] = _field_of(executor)


def _field_of(executor: CompilingExecutor) -> OneField | None:
    operation, parent = executor.operation, executor.schema.query_type
    if operation.directives or parent is None:
        return None
    try:
        fields, deferred, _ = collect_fields(
            executor.schema, executor.fragments, executor.variable_values, parent, operation, executor.hide_suggestions
        )
        if len(fields) != 1 or deferred:
            return None
        [(name, details)] = fields.items()
        return OneField(executor, name, details)
    except NOT_COMPILED:
        return None


def read_ahead(document: DocumentNode, variables: dict[str, Any] | None, operation_name: str | None) -> Any:
    """What a query that `learn` has seen may have read before anybody is known to ask it; None if nothing.

    Whether it may be shown is decided later, as always.
    """
    plans = plans_of(document)
    query: Query | None = plans.queries.get(operation_name)
    asked = None if query is None or plans.switches else query.fields.get(())
    if asked is None or asked.call is None or (given := asked.call.arguments.given(variables or {})) is None:
        return None
    return asked.call.read_ahead(given, asked.info)


async def answer(
    schema: GraphQLSchema,
    document: DocumentNode,
    context: Any,
    *,
    variables: dict[str, Any] | None,
    operation_name: str | None,
) -> ExecutionResult | None:
    """The answer to a query that `learn` has seen; None if it is for the executor."""
    plans = plans_of(document)
    query: Query | None = plans.queries.get(operation_name)
    if query is None:
        return None
    found = _asked(schema, plans, query, variables or {})
    if found is None:
        return None
    asked, given, resolve = found
    try:
        value = resolve(asked.info._replace(context=context, variable_values=given))
        if optimized_is_awaitable(value):
            value = await value
    except Exception as error:
        failed = located_error(error, asked.nodes, asked.path.as_list())
        return ExecutionResult({asked.name: None} if asked.is_nullable else None, [failed])
    if value is None and asked.is_nullable:
        return ExecutionResult({asked.name: None}, None)
    try:
        completed = complete_plain(plans, asked.complete, value, context, _leave)
        if optimized_is_awaitable(completed):
            completed = await completed
    except _ForExecutor:
        return None
    return ExecutionResult({asked.name: completed}, None)


def _asked(
    schema: GraphQLSchema, plans: Plans, query: Query, variables: dict[str, Any]
) -> tuple[OneField, dict[str, Any], Callable[[Any], Any]] | None:
    """The field, the variables' values, and what resolves the field; None if that is the executor."""
    asked = None if plans.switches else query.fields.get(())
    if asked is not None and asked.call is not None and (given := asked.call.arguments.given(variables)) is not None:
        return asked, given, partial(asked.call, given)
    values = _NO_VALUES
    if query.variables:
        coerced = get_variable_values(schema, query.variables, variables, 1, hide_suggestions=True)
        if isinstance(coerced, list):
            return None
        values = coerced
    asked = query.fields.get(tuple([values.coerced.get(name) for name in plans.switches]))
    return None if asked is None else (asked, values.coerced, partial(_coerced_call, asked, values))


def _coerced_call(asked: OneField, values: VariableValues, info: Any) -> Any:
    return asked.resolve(None, info, **_arguments(asked, values))


def _arguments(asked: OneField, values: VariableValues) -> dict[str, Any]:
    if not asked.field.args:
        return {}
    return get_argument_values(asked.field, asked.nodes[0], values, hide_suggestions=True)


class _ForExecutor(Exception):
    """The compiled function met a value that it does not expect."""


def _leave() -> Any:
    raise _ForExecutor
