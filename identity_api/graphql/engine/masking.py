"""Error entries as clients get them: always with a code, never with internals.

Every entry of `errors` has `extensions.code`. The project's own errors keep their code and message. A mistake in the
request keeps graphql-core's message, which is about the document and the schema only. Anything else becomes `INTERNAL`
with the request's id, and is logged once with the exception; a client's mistake is never logged as an error.
"""

from collections.abc import Sequence
from typing import Any, Final

import structlog
from graphql import FieldNode, GraphQLError, ValueNode
from strawberry.exceptions import StrawberryInputCoercionError

from identity_api.errors import BadInput, IdentityAPIError, Located, SeveralProblems

SYNTAX_ERROR: Final = "SYNTAX_ERROR"
VALIDATION_FAILED: Final = "VALIDATION_FAILED"
BAD_INPUT: Final = "BAD_INPUT"
INTERNAL: Final = "INTERNAL"
INTERNAL_MESSAGE: Final = "Something went wrong on our side."
MAX_LOGGED_PER_REQUEST: Final = 3  # a page of 50 objects can fail 50 times for one reason
MAX_MESSAGE_CHARACTERS: Final = 500  # coercion errors quote the value a client sent

RenderedError = dict[str, Any]

_log = structlog.get_logger("identity_api.graphql")


def render(message: str, code: str, **extensions: Any) -> RenderedError:
    """One entry of `errors`: `{"message", "extensions": {"code", ...}}`."""
    # One validation rule suggests even where suggestions are switched off.
    message = message.partition(" Did you mean ")[0]
    return {"message": message[:MAX_MESSAGE_CHARACTERS], "extensions": {"code": code, **extensions}}


def render_own(error: IdentityAPIError) -> RenderedError:
    """An error of the project's tree, with the field to blame where it knows one, or with each of several problems."""
    if isinstance(error, SeveralProblems):
        return render(error.message, error.code, problems=[_problem(one) for one in error.problems])
    if isinstance(error, BadInput) and error.field is not None:
        return render(error.message, error.code, field=error.field)
    return render(error.message, error.code)


def _problem(one: Located) -> dict[str, str]:
    return {"path": one.path, "code": one.error.code, "message": one.error.message}


def request_error(error: GraphQLError, code: str) -> RenderedError:
    """A mistake in the document or its variables, found before execution began. Keeps the locations."""
    own = _own_cause(error)
    if own is not None:
        return _located(render_own(own), error)
    if code == VALIDATION_FAILED and error.nodes and isinstance(error.nodes[0], ValueNode):
        code = BAD_INPUT  # a literal of the wrong type or out of range
    return _located(render(error.message, code), error)


def field_errors(errors: Sequence[GraphQLError], request_id: str) -> list[RenderedError]:
    """Errors of the execution, each with its path; unexpected ones are masked and logged."""
    rendered = []
    logged: list[BaseException] = []
    for error in errors:
        own = _own_cause(error)
        if own is not None:
            rendered.append(_located(render_own(own), error))
        elif _is_argument_mistake(error):
            rendered.append(_located(render(error.message, BAD_INPUT), error))
        else:
            _log_once(error, request_id, logged)
            rendered.append(_located(internal(request_id), error))
    return rendered


def internal(request_id: str) -> RenderedError:
    """The entry for every unexpected error."""
    return render(INTERNAL_MESSAGE, INTERNAL, request_id=request_id)


def log_unexpected(error: BaseException, request_id: str, path: Sequence[str | int] | None = None) -> None:
    """Log an exception that the client does not see."""
    _log.error("graphql_error", request_id=request_id, path=path, exc_info=error)


def _log_once(error: GraphQLError, request_id: str, logged: list[BaseException]) -> None:
    cause = _innermost(error)
    if len(logged) < MAX_LOGGED_PER_REQUEST and not any(cause is known for known in logged):
        logged.append(cause)
        log_unexpected(cause, request_id, error.path)


def _innermost(error: GraphQLError) -> BaseException:
    """What is beneath graphql-core's wrapping, which may be more than one layer."""
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _own_cause(error: GraphQLError) -> IdentityAPIError | None:
    cause = _innermost(error)
    return cause if isinstance(cause, IdentityAPIError) else None


def _is_argument_mistake(error: GraphQLError) -> bool:
    """Whether an argument and not a resolver failed: such an error points at a value's node and not at the field."""
    cause = _innermost(error)
    if isinstance(cause, StrawberryInputCoercionError):
        return True
    if not isinstance(cause, GraphQLError):
        return False
    return cause.nodes is not None and not any(isinstance(node, FieldNode) for node in cause.nodes)


def _located(rendered: RenderedError, error: GraphQLError) -> RenderedError:
    located: RenderedError = {"message": rendered["message"]}
    if error.locations:
        located["locations"] = [{"line": location.line, "column": location.column} for location in error.locations]
    if error.path is not None:
        located["path"] = list(error.path)
    located["extensions"] = rendered["extensions"]
    return located
