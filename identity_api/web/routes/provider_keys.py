"""Our public keys at one provider, where it reads them (RFC 7517; Core 10.1.1): the `jwks_uri` of its registration.

Nobody signs in here and nothing secret is touched: the public halves are stored beside the sealed keys.
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
    """The key set. A provider of the tenant without keys of ours has an empty one."""
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
