"""A small server for the browser test: the page, and the engine behind it as the query `as` of the page's address says."""

from typing import Any

from litestar import Litestar, Request, Response, post
from litestar.params import FromPath

from identity_api.graphql.engine import handle
from identity_api.http import HTTPRequest
from identity_api.web.pages.graphiql import graphiql_handlers
from tests.graphql.engine.example import Context, schema


@post("/{who:str}/graphql", status_code=200)
async def graphql(request: Request[Any, Any, Any], who: FromPath[str]) -> Response[bytes]:
    """`nobody` has no session, `user` may not read the schema, `admin` may."""
    if who == "nobody" or request.headers.get("identity-request") != "1":
        return Response(
            b'{"title":"Sign in first.","code":"NO_SESSION"}', status_code=401, media_type="application/problem+json"
        )

    async def make_context(_: object) -> Context:
        return Context(introspection_allowed=who == "admin")

    head = {
        name: request.headers.get(name.replace("_", "-")) for name in ("content_type", "content_encoding", "accept")
    }
    answer = await handle(
        schema, HTTPRequest(method="POST", request_id="request-1", **head, body=await request.body()), make_context
    )
    headers = dict(answer.headers)
    media_type = headers.pop("Content-Type")
    return Response(answer.body, status_code=answer.status, headers=headers, media_type=media_type)


app = Litestar([graphql, *graphiql_handlers("/{who:str}/graphql")], openapi_config=None)
