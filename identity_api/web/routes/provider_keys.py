"""The service's public keys for one provider (RFC 7517; Core 10.1.1): the `jwks_uri` of the client's registration there.

The endpoint needs no authentication and reads no secret: the public keys are stored beside the sealed private ones.
"""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, route
from litestar.params import FromPath

from identity_api.db import client_keys, providers
from identity_api.errors import NotFound
from identity_api.http import HTTPResponse
from identity_api.web.http.parameters import WebRequest, deps_of
from identity_api.web.http.request_context import context_of
from identity_api.web.http.response import to_litestar

MAX_AGE_SECONDS = 3_600
"""For how long anybody may keep the set: much shorter than a new key is published before it signs."""


@route("/auth/providers/{provider_id:str}/jwks", http_method=["GET", "HEAD"], name="provider-keys")
async def provider_keys(request: WebRequest, provider_id: FromPath[str]) -> Response[Any]:
    """The key set; empty for a provider of the tenant without such keys."""
    deps, context = deps_of(request), context_of(request.scope)
    context.wants_page = False
    try:
        wanted = UUID(provider_id)
    except ValueError:
        raise _unknown() from None
    if context.tenant is None:
        raise _unknown()
    async with deps.database.reading() as connection:
        found = await providers.get(connection, context.tenant.id, wanted)
        keys = await client_keys.published(connection, context.tenant.id, wanted)
    if found is None:
        raise _unknown()
    headers = {
        "content-type": "application/jwk-set+json",
        "cache-control": f"public, max-age={MAX_AGE_SECONDS}",
        "cross-origin-resource-policy": "cross-origin",
    }
    return to_litestar(HTTPResponse(200, headers, msgspec.json.encode({"keys": keys})))


def _unknown() -> NotFound:
    return NotFound("There is no such provider.", code="PROVIDER_NOT_FOUND")
