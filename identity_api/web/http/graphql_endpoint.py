"""`POST /graphql`, answered beside the framework's routes: half of a small request's time would be the framework's.

Everything that makes a request safe is the same code as for the routes: the edge around it, and `authentication`.
"""

from typing import Any

from identity_api.http import HTTPRequest, HTTPResponse
from identity_api.sessions.authenticate import Authenticated
from identity_api.web.deps import GraphQLEndpoint, WebDeps
from identity_api.web.http import authentication, headers
from identity_api.web.http.body import BoundedBody
from identity_api.web.http.origins import allow_reading
from identity_api.web.http.request_state import facts_of


async def answer_graphql(deps: WebDeps, endpoint: GraphQLEndpoint, scope: Any, body: BoundedBody) -> HTTPResponse:
    """Answer the request. Raises what `authentication.require` raises."""
    facts = facts_of(scope)
    # Known early, so that a frontend's page can read refusals that come before the session is looked at.
    await allow_reading(deps.origins, facts, scope, facts.tenant.id if facts.tenant else None)

    async def authenticate() -> Authenticated:
        return await authentication.require(deps, scope, header_required=True)

    request = HTTPRequest(
        method=facts.method,
        request_id=facts.request_id,
        origin=facts.origin,
        path_prefix=facts.path_prefix if facts.tenant else None,
        content_type=headers.first(scope, b"content-type"),
        content_encoding=headers.first(scope, b"content-encoding"),
        accept=headers.first(scope, b"accept"),
        body=await body.read(),
    )
    return await endpoint(request, authenticate)
