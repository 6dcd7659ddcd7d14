"""`/graphql`, answered beside the framework's routes: half of a small request's time would be the framework's.

Everything that makes a request safe is the same code as for the routes: the edge around it, and `authentication`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from identity_api.db.user_read_model import WantedUser
from identity_api.errors import BadInput
from identity_api.fairness.gate import Passage
from identity_api.fairness.served import work_for
from identity_api.http import EventStream, HTTPRequest, HTTPResponse
from identity_api.sessions.authenticate import Authenticated
from identity_api.streams.hub import TooManyStreams
from identity_api.web.deps import GraphQLEndpoint, GraphQLStreams, WebDeps
from identity_api.web.http import authentication, headers
from identity_api.web.http.body import BoundedBody
from identity_api.web.http.errors import HTTPRefusal
from identity_api.web.http.parameters import query_parameters
from identity_api.web.http.request_context import RequestContext, context_of

EVENT_STREAM: Final = "text/event-stream"


def is_graphql(context: RequestContext, scope: Any) -> bool:
    """Whether the request is GraphQL's: a POST, or a query by GET with a bearer token.

    Never a GET with a cookie alone, which any page's link or image can make a browser send.
    """
    if context.method == "POST":
        return True
    asks = any(part.startswith(b"query=") for part in scope["query_string"].split(b"&"))
    return context.method == "GET" and asks and headers.first(scope, b"authorization") is not None


def _operation_of(query_string: bytes) -> bytes:
    """The parameters of a GET (GraphQL over HTTP, section 6.2) as the JSON that a POST has.

    Raises:
        BadInput: `PARAMETERS_INVALID`; or the variables are not JSON.
    """
    given = query_parameters(query_string)
    operation: dict[str, Any] = {name: given[name] for name in ("query", "operationName") if name in given}
    try:
        if "variables" in given:
            operation["variables"] = msgspec.json.decode(given["variables"])
    except (msgspec.DecodeError, RecursionError):
        raise BadInput("The variables are not JSON.", field="variables") from None
    return msgspec.json.encode(operation)


async def answer_graphql(
    deps: WebDeps, endpoint: GraphQLEndpoint, scope: Any, body: BoundedBody
) -> HTTPResponse | EventStream:
    """Answer the request. Raises what `authentication.require` raises."""
    context = context_of(scope)

    passage = Passage(deps.gate)
    known: Authenticated | None = None

    async def authenticate(wanted: WantedUser | None) -> Authenticated:
        found = known or await authentication.require(deps, scope, header_required=True, wanted=wanted)
        await passage.begin()
        return found

    request = HTTPRequest(
        method=context.method,
        request_id=context.request_id,
        origin=context.origin,
        path_prefix=context.path_prefix if context.tenant else None,
        content_type=headers.first(scope, b"content-type"),
        content_encoding=headers.first(scope, b"content-encoding"),
        accept=headers.first(scope, b"accept"),
        body=await body.read() if context.method == "POST" else _operation_of(scope["query_string"]),
    )
    if deps.streams is not None and EVENT_STREAM in (request.accept or ""):
        # Before the document is looked at: parsing it costs more than anything else that a stranger may ask for.
        known = await authentication.require(deps, scope, header_required=True, is_use=False)
        if deps.streams.takes(request):
            # No use of the session: a page connects again by itself, whether or not anybody is there.
            return await _open_stream(deps, deps.streams, scope, request, known)
        authentication.note_use(deps, scope, known)
    try:
        return await endpoint(request, authenticate)
    finally:
        passage.end()


async def _open_stream(
    deps: WebDeps, streams: GraphQLStreams, scope: Any, request: HTTPRequest, found: Authenticated
) -> EventStream:
    @asynccontextmanager
    async def looking() -> AsyncIterator[Authenticated | None]:
        # A waiting stream is not a request under way. Its looks pass no gate: the hub limits how many a tenant makes at once.
        try:
            yield await authentication.still(deps, scope)
        finally:
            work_for(None)

    try:
        return await streams.open(request, found, looking, headers.first(scope, b"last-event-id"))
    except TooManyStreams:
        raise HTTPRefusal(
            429,
            "TOO_MANY_STREAMS",
            "Too many streams are open. Close some, or try again later.",
            headers={"Retry-After": "10"},
        ) from None
    finally:
        work_for(None)
