"""GraphQL over HTTP without a framework: a request's bytes in, status, headers and bytes out.

Follows the GraphQL over HTTP specification (working draft): POST with `application/json`, and queries by GET, whose
parameters come as the same JSON; no batches, no multipart, no form. A GET with a cookie alone never comes here, so no
other site's page can send a query without a preflight.
The caller checks session, origin and CSRF, in `context_factory` or before.

    document or variables wrong      400, or 200 for a client that accepts only application/json; no `data`
    body is not a request            400 whatever is accepted
    a field failed, a timeout        200, `data` null there, `errors[].extensions.code`
    not GraphQL                      405, 406, 413, 415 as `application/problem+json`

Strawberry's `Schema.execute` is not used: its runner costs as much as a small query and logs clients' mistakes. The
executor is built here, which also distinguishes request errors from field errors reliably.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec
from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationType, get_operation_ast
from strawberry.execution import optimized_is_awaitable

from identity_api.errors import BadInput
from identity_api.graphql.engine import direct, masking
from identity_api.graphql.engine.completion import CompilingExecutor
from identity_api.graphql.engine.context import GraphQLContext
from identity_api.graphql.engine.guard import Measured
from identity_api.graphql.engine.masking import RenderedError, render, render_own
from identity_api.graphql.engine.negotiation import JSON, choose_answer_type, is_json_request
from identity_api.graphql.engine.prepared import Prepared
from identity_api.graphql.engine.schema import EngineSchema
from identity_api.graphql.engine.text import check_variables
from identity_api.http import HTTPRequest, HTTPResponse

MAX_BODY_BYTES: Final = 65_536
DEADLINE_SECONDS: Final = 5.0
MAX_COERCION_ERRORS: Final = 10

ContextT = TypeVar("ContextT", bound=GraphQLContext)

_PROBLEM_TITLES: Final = {
    405: ("METHOD_NOT_ALLOWED", "GraphQL is asked with POST; a query with a bearer token also with GET."),
    406: ("NOT_ACCEPTABLE", "The answer is application/graphql-response+json or application/json."),
    413: ("BODY_TOO_LARGE", f"A request has at most {MAX_BODY_BYTES} bytes."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "A request is application/json in UTF-8, without a content encoding."),
}


class Operation(msgspec.Struct, frozen=True):
    """The request parameters of GraphQL over HTTP, section 5.1. Members we do not know are ignored."""

    query: str
    operationName: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


decode_operation = msgspec.json.Decoder(Operation).decode
_encode = msgspec.json.Encoder().encode


def refusal(request: HTTPRequest, *, body_bytes: int | None = None) -> HTTPResponse | None:
    """The refusal of a request by its head alone; None if its body may be read.

    A transport calls it with the announced Content-Length before it reads the body; `handle` calls it again.
    """
    if request.method not in ("GET", "POST"):
        return problem(405, request.request_id, {"Allow": "GET, POST"})
    if request.method == "GET":
        return None if choose_answer_type(request.accept) is not None else problem(406, request.request_id)
    if request.content_encoding not in (None, "", "identity"):
        return problem(415, request.request_id)  # a compressed body's size says nothing of its cost
    size = len(request.body) if body_bytes is None else body_bytes
    if size > MAX_BODY_BYTES:
        return problem(413, request.request_id)
    if request.content_type is None:
        if size > 0:
            return problem(415, request.request_id)
    elif not is_json_request(request.content_type):
        return problem(415, request.request_id)
    if choose_answer_type(request.accept) is None:
        return problem(406, request.request_id)
    return None


async def handle(
    schema: EngineSchema,
    request: HTTPRequest,
    context_factory: Callable[[Any], Awaitable[ContextT]],
    *,
    charge: Callable[[ContextT, Measured], Awaitable[None]] | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> HTTPResponse:
    """Answer one GraphQL request.

    Args:
        context_factory: awaited once the request has the shape of one and before its document is parsed; so a
            request without a session costs no parsing. It is given what it may read ahead (`direct.READ_AHEAD`), or None.
        charge: awaited with the document's measure before anything is executed, for rate limits by cost.
        deadline_seconds: wall clock for the execution; then it is cancelled and answered with code `TIMEOUT`.

    Raises:
        IdentityAPIError: what `context_factory` or `charge` raise (no session, too many requests); the web's error
            table answers those, as for every other route.
    """
    if (refused := refusal(request)) is not None:
        return refused
    answer_type = choose_answer_type(request.accept) or JSON
    try:
        operation = decode_operation(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _answer(answer_type, {"errors": [render(_why_no_request(error), masking.BAD_INPUT)]}, status=400)
    prepared = schema.documents.known(operation.query)
    context = await context_factory(_read_ahead(prepared, operation))
    if prepared is None:
        prepared = schema.documents.prepare(operation.query)
    if errors := _document_errors(prepared, context):
        return _request_errors(answer_type, errors)
    kind = _kind(prepared, operation.operationName)
    if request.method == "GET" and kind is not OperationType.QUERY:
        return problem(405, request.request_id, {"Allow": "POST"})
    if kind is OperationType.SUBSCRIPTION:
        return _request_errors(
            answer_type, [render("Ask for a subscription with Accept: text/event-stream.", "STREAM_NEEDED")]
        )
    if charge is not None:
        await charge(context, prepared.measured)
    try:
        if prepared.bad_input is not None:
            raise prepared.bad_input
        check_variables(operation.variables or {})
    except BadInput as error:
        return _answer(answer_type, {"data": None, "errors": [render_own(error)]})
    assert prepared.document is not None  # no errors and no bad input
    return await execute(schema, prepared.document, operation, context, answer_type, deadline_seconds)


def _read_ahead(prepared: Prepared | None, operation: Operation) -> Any:
    if prepared is None or prepared.document is None:
        return None
    return direct.read_ahead(prepared.document, operation.variables, operation.operationName)


def problem(status: int, request_id: str, headers: dict[str, str] | None = None) -> HTTPResponse:
    """An answer without GraphQL: RFC 9457 problem details with this service's `code` and the request's id."""
    code, title = _PROBLEM_TITLES[status]
    body = {"status": status, "title": title, "code": code, "request_id": request_id}
    return HTTPResponse(status, {"Content-Type": "application/problem+json", **(headers or {})}, _encode(body))


def _kind(prepared: Prepared, operation_name: str | None) -> OperationType:
    """The kind of operation; only queries may come by GET (GraphQL over HTTP, section 6.2)."""
    # A document that is refused for another reason is as good as a query.
    operation = None if prepared.document is None else get_operation_ast(prepared.document, operation_name)
    return OperationType.QUERY if operation is None else operation.operation


async def execute(
    schema: EngineSchema,
    document: DocumentNode,
    operation: Operation,
    context: GraphQLContext,
    answer_type: str,
    deadline_seconds: float,
) -> HTTPResponse:
    """Execute a prepared document, within the deadline."""
    try:
        async with asyncio.timeout(deadline_seconds) as deadline:
            result = await _executed(schema, document, operation, context)
    except TimeoutError:
        if not deadline.expired():
            raise
        timeout = render(f"The request took longer than {deadline_seconds:g} seconds.", "TIMEOUT")
        return _answer(answer_type, {"data": None, "errors": [timeout]})
    if isinstance(result, list):
        return _request_errors(answer_type, [masking.request_error(error, masking.BAD_INPUT) for error in result])
    return _result(answer_type, result, context.request_id)


async def _executed(
    schema: EngineSchema, document: DocumentNode, operation: Operation, context: GraphQLContext
) -> ExecutionResult | list[GraphQLError]:
    """The result, or the errors for which the operation cannot be executed."""
    answered = await direct.answer(
        schema._schema, document, context, variables=operation.variables, operation_name=operation.operationName
    )
    if answered is not None:
        return answered
    executor = schema.build_executor(
        schema._schema,
        document,
        context_value=context,
        raw_variable_values=operation.variables,
        operation_name=operation.operationName,
        max_coercion_errors=MAX_COERCION_ERRORS,
        is_awaitable=optimized_is_awaitable,
        hide_suggestions=True,
    )
    if isinstance(executor, list):
        return executor
    if isinstance(executor, CompilingExecutor):
        direct.learn(executor, operation.operationName)
    result: Any = executor.execute_operation()
    executed: ExecutionResult = await result if optimized_is_awaitable(result) else result
    return executed


def _result(answer_type: str, result: ExecutionResult, request_id: str) -> HTTPResponse:
    if not result.errors:
        content: dict[str, Any] = {"data": result.data}
    else:
        content = {"data": result.data, "errors": masking.field_errors(result.errors, request_id)}
    try:
        return _answer(answer_type, content)
    except (TypeError, ValueError, RecursionError) as error:  # a scalar gave a value that JSON does not have
        masking.log_unexpected(error, request_id)
        return _answer(answer_type, {"data": None, "errors": [masking.internal(request_id)]})


def _document_errors(prepared: Prepared, context: GraphQLContext) -> list[RenderedError]:
    if prepared.measured.introspects and not context.introspection_allowed:
        # Before the document's other mistakes, which would tell what exists.
        return [render("Introspection is not allowed.", "INTROSPECTION_DISABLED")]
    return list(prepared.errors)


def _request_errors(answer_type: str, errors: list[RenderedError]) -> HTTPResponse:
    # GraphQL over HTTP, section 6.4.1: application/json says 200 to every well-formed request.
    return _answer(answer_type, {"errors": errors}, status=200 if answer_type == JSON else 400)


def _answer(answer_type: str, content: dict[str, Any], *, status: int = 200) -> HTTPResponse:
    headers = {"Content-Type": f"{answer_type}; charset=utf-8", "Cache-Control": "no-store", "Vary": "Accept"}
    return HTTPResponse(status, headers, _encode(content))


def _why_no_request(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        # Names the member and the types; batches arrive here too, as an array where an object is expected.
        return f"The body is no GraphQL request: {error}."
    if isinstance(error, RecursionError):
        return "The body nests too deeply."
    return "The body is not JSON in UTF-8."
